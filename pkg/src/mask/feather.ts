import type { BinaryMask } from "../types.js";
import { boundingBox } from "./measure.js";

/** `[x, y, width, height]` in pixels of a mask. */
export type Rectangle = readonly [x: number, y: number, width: number, height: number];

/** How opaque a part of a mask is, 0–255 for each pixel; the rest is transparent. */
export interface Opacity {
  readonly part: Rectangle;
  readonly data: Uint8Array;
}

/** The rectangle of what is in the mask, grown on all sides as far as the image goes; all 0 where nothing is. */
export function reach(mask: BinaryMask, byX: number, byY: number): Rectangle {
  const [x, y, width, height] = boundingBox(mask);
  if (width === 0) return [0, 0, 0, 0];
  const [left, top] = [Math.max(0, x - byX), Math.max(0, y - byY)];
  return [left, top, Math.min(mask.width, x + width + byX) - left, Math.min(mask.height, y + height + byY) - top];
}

/**
 * A mask whose edge fades over so many of its pixels, outwards and inwards: averaged three times over a neighbourhood,
 * nearly a Gaussian. Pixels farther from the edge are 0 or 255. Beyond its border the mask goes on as it is there.
 */
export function soften(mask: BinaryMask, radiusX: number, radiusY: number): Opacity {
  [radiusX, radiusY] = [Math.min(radiusX, mask.width), Math.min(radiusY, mask.height)];
  // With a transparent pixel around it, for whoever stretches it.
  const part = reach(mask, radiusX + 1, radiusY + 1);
  const [x, y, width, height] = part;
  let data = new Uint8Array(width * height);
  if (width === 0) return { part, data };
  for (let row = 0; row < height; row++) {
    const start = (y + row) * mask.width + x;
    for (let i = 0; i < width; i++) if (mask.data[start + i] !== 0) data[row * width + i] = 255;
  }
  let spare = new Uint8Array(radiusX + radiusY > 0 ? data.length : 0);
  for (const [average, radius] of [
    [averageRows, radiusX],
    [averageColumns, radiusY],
  ] as const) {
    for (const rounding of [0, 1, 2]) {
      const third = Math.floor((radius + rounding) / 3);
      if (third === 0) continue;
      average(data, spare, width, third);
      [data, spare] = [spare, data];
    }
  }
  return { part, data };
}

/** Each pixel becomes the average of those at most `radius` beside it. */
function averageRows(from: Uint8Array, to: Uint8Array, width: number, radius: number): void {
  const scale = 1 / (2 * radius + 1);
  for (let start = 0; start < from.length; start += width) {
    const last = start + width - 1;
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += from[Math.min(last, Math.max(start, start + i))] ?? 0;
    for (let i = start; i <= last; i++) {
      to[i] = sum * scale + 0.5;
      sum += (from[Math.min(last, i + radius + 1)] ?? 0) - (from[Math.max(start, i - radius)] ?? 0);
    }
  }
}

/** The same down the columns: a sum for each, moved on row by row. */
function averageColumns(from: Uint8Array, to: Uint8Array, width: number, radius: number): void {
  const scale = 1 / (2 * radius + 1);
  const last = from.length - width;
  const sums = new Uint32Array(width);
  for (let i = -radius; i <= radius; i++) {
    const row = Math.min(last, Math.max(0, i * width));
    for (let x = 0; x < width; x++) sums[x] = (sums[x] ?? 0) + (from[row + x] ?? 0);
  }
  for (let row = 0; row <= last; row += width) {
    const entering = Math.min(last, row + (radius + 1) * width);
    const leaving = Math.max(0, row - radius * width);
    for (let x = 0; x < width; x++) {
      const sum = sums[x] ?? 0;
      to[row + x] = sum * scale + 0.5;
      sums[x] = sum + (from[entering + x] ?? 0) - (from[leaving + x] ?? 0);
    }
  }
}
