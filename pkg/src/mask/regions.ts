// https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/utils/amg.py (remove_small_regions)
import { bad, requireBinaryMask, show } from "../check.js";
import type { BinaryMask } from "../types.js";

/** Pixels of one value beside each other in a row. */
interface Run {
  /** Index of the first pixel, and of the one after the last. */
  readonly from: number;
  readonly to: number;
  /** Another run of its region that comes before it, or itself. */
  before: Run;
  /** Pixels of the region; counted in the first run of it. */
  area: number;
}

/**
 * The mask without its specks: holes of less than `minArea` pixels are filled, then islands of less are dropped; where all
 * are smaller, the largest stays. Pixels that touch at a corner belong together. It is what the reference's
 * `remove_small_regions` does, and `minMaskRegionArea` in everything mode.
 */
export function removeSmallRegions(mask: BinaryMask, minArea: number): BinaryMask {
  requireBinaryMask(mask);
  if (!Number.isInteger(minArea) || minArea < 0) throw bad("minArea", `is ${show(minArea)}, not a number of pixels`);
  const { width, height } = mask;
  const data = new Uint8Array(mask.data.length);
  for (let i = 0; i < data.length; i++) data[i] = mask.data[i] === 0 ? 0 : 1;
  const replace = (run: Run) => data.fill(1 - (data[run.from] ?? 0), run.from, run.to);

  for (const hole of regions(data, width, 0)) if (first(hole).area < minArea) replace(hole);
  const islands = regions(data, width, 1);
  let kept: Run | undefined;
  for (const run of islands) if (run.before === run && run.area > (kept?.area ?? 0)) kept = run;
  for (const island of islands) if (first(island).area < minArea && first(island) !== kept) replace(island);
  return { data, width, height };
}

/** All runs of the pixels with this value, joined to regions. */
function regions(data: Uint8Array, width: number, value: 0 | 1): Run[] {
  const runs: Run[] = [];
  // Those of the row above that may still touch one of this row.
  let [above, end] = [0, 0];
  for (let row = 0; row < data.length; row += width) {
    const start = runs.length;
    for (let i = row; i < row + width; i++) {
      if (data[i] !== value) continue;
      const from = i;
      while (i < row + width && data[i] === value) i++;
      runs.push(makeRun(from, i));
    }
    for (const run of runs.slice(start)) {
      while (above < end && (runs[above]?.to ?? 0) + width < run.from) above++;
      for (let i = above; i < end && (runs[i]?.from ?? 0) + width <= run.to; i++) join(runs[i], run);
    }
    [above, end] = [start, runs.length];
  }
  for (const run of runs) if (run.before !== run) first(run).area += run.to - run.from;
  return runs;
}

function makeRun(from: number, to: number): Run {
  const run = { from, to, area: to - from } as Run;
  run.before = run;
  return run;
}

/** The first run of the region; what leads there is shortened. */
function first(run: Run): Run {
  while (run.before !== run) {
    run.before = run.before.before;
    run = run.before;
  }
  return run;
}

function join(a: Run | undefined, b: Run): void {
  if (a === undefined) return;
  const [one, other] = [first(a), first(b)];
  if (one.from < other.from) other.before = one;
  else one.before = other;
}
