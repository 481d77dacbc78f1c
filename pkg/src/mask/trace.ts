import type { BinaryMask } from "../types.js";

/** The corners of a closed outline as x, y, x, y, …, from the top left one on; the first is not repeated. */
export type Outline = number[];

/** An outline and those of the holes in it. */
export interface Region {
  readonly outer: Outline;
  readonly holes: Outline[];
}

/** The corners of a mask in the order of its pixels, each linked to the next on its outline. */
interface Corners {
  readonly count: number;
  /** y · (width + 1) + x. */
  readonly at: Uint32Array;
  readonly next: Int32Array;
  /** Where the closest vertical border to the left, in the row below, has its upper end. */
  readonly left: Int32Array;
}

/**
 * The exact outlines of a mask, along the borders of its pixels, in the order of their top left corners. Outer ones run
 * clockwise on the screen, holes the other way round: the mask is on the right. Pixels that touch by a corner only are
 * not connected, and no outline comes twice to the same place.
 */
export function trace(mask: BinaryMask): Region[] {
  const { count, at, next, left } = findCorners(mask);
  const columns = mask.width + 1;
  const outlines: Outline[] = [];
  const firsts: number[] = [];
  const path = new Int32Array(count);
  let length = 0;
  // Where a corner stands in `path`; once that is closed, the number of the outline that arrives there.
  const place = new Int32Array(count).fill(-1);

  const close = (from: number): void => {
    let top = from;
    for (let i = from; i < length; i++) if ((path[i] ?? 0) < (path[top] ?? 0)) top = i;
    const outline: Outline = [];
    for (let i = 0; i < length - from; i++) {
      const corner = path[i < length - top ? top + i : from + i - (length - top)] ?? 0;
      const position = at[corner] ?? 0;
      outline.push(position % columns, Math.floor(position / columns));
      place[corner] = outlines.length;
    }
    firsts.push(path[top] ?? 0);
    outlines.push(outline);
    length = from;
  };

  for (let start = 0; start < count; start++) {
    if (place[start] !== -1) continue;
    let corner = start;
    do {
      const twin = at[corner + 1] === at[corner] ? corner + 1 : at[corner - 1] === at[corner] ? corner - 1 : corner;
      const before = place[twin] ?? -1;
      place[corner] = length;
      path[length++] = corner;
      // Here again: what lies between is an outline of its own.
      if (before !== -1 && before < length - 1 && path[before] === twin) close(before + 1);
      corner = next[corner] ?? start;
    } while (corner !== start);
    close(0);
  }

  const regions: Region[] = [];
  const regionOf: Region[] = [];
  for (let corner = 0; corner < count; corner++) {
    const number = place[corner] ?? 0;
    const outline = outlines[number];
    if (firsts[number] !== corner || outline === undefined) continue;
    // An outer outline sets out to the right. A hole lies in the region of the outline on its left, which is known.
    let region = outline[1] === outline[3] ? undefined : regionOf[place[left[corner] ?? 0] ?? 0];
    if (region === undefined) regions.push((region = { outer: outline, holes: [] }));
    else region.holes.push(outline);
    regionOf[number] = region;
  }
  return regions;
}

function findCorners({ data, width, height }: BinaryMask): Corners {
  const columns = width + 1;
  let [at, next, left] = [new Uint32Array(), new Int32Array(), new Int32Array()];
  let count = 0;
  // Of each column: where the vertical border in the row above has its upper end.
  const vertical = new Int32Array(columns);
  // The rows above and below the corners, with a pixel outside at the end.
  let [above, below] = [new Uint8Array(columns), new Uint8Array(columns)];
  for (let y = 0; y <= height; y++) {
    [above, below] = [below, above];
    if (y < height) below.set(data.subarray(y * width, (y + 1) * width));
    else below.fill(0);
    // At most two corners are in a place.
    if (count + 2 * columns > at.length) {
      const room = 2 * (count + 2 * columns);
      at = grown(new Uint32Array(room), at);
      next = grown(new Int32Array(room), next);
      left = grown(new Int32Array(room), left);
    }
    let horizontal = 0;
    let nearest = 0;
    // The pixels around the corner:  a | b
    //                               ---+---
    //                                c | d
    let [a, c] = [0, 0];
    for (let x = 0; x < columns; x++) {
      const b = above[x] ?? 0;
      const d = below[x] ?? 0;
      if (b === a && d === c) continue;
      const [inA, inB, inC, inD] = [a !== 0, b !== 0, c !== 0, d !== 0];
      a = b;
      c = d;
      const up = inA !== inB;
      const down = inC !== inD;
      if ((up || down) && (inA !== inC || inB !== inD)) {
        // Where two pixels touch by a corner only, each has one of its own: linked around it, they do not connect.
        const first = count;
        const second = inA === inD && inB === inC ? count + 1 : count;
        count = second + 1;
        at[first] = at[second] = y * columns + x;
        left[first] = left[second] = nearest;
        if (up) {
          const end = vertical[x] ?? 0;
          if (inA) next[end] = first;
          else next[first] = end;
        }
        if (inA !== inC) {
          const corner = inA ? first : second;
          if (inC) next[horizontal] = corner;
          else next[corner] = horizontal;
        }
        if (inB !== inD) horizontal = inA ? second : first;
        if (down) vertical[x] = second;
      }
      if (down) nearest = vertical[x] ?? 0;
    }
  }
  return { count, at, next, left };
}

function grown<Numbers extends Int32Array | Uint32Array>(to: Numbers, from: Numbers): Numbers {
  to.set(from);
  return to;
}
