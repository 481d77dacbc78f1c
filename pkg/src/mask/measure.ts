import { bad, requireBinaryMask, requireSize, show } from "../check.js";
import { isFloats } from "../element.js";
import type { BinaryMask, Logits, LogitsMask } from "../types.js";

export interface StabilityOptions {
  /** Where the mask begins. Default: 0. */
  readonly threshold?: number | undefined;
  /** How far the threshold is moved, up and down. Default: 1. */
  readonly offset?: number | undefined;
}

/** Number of pixels in the mask. */
export function area(mask: BinaryMask): number {
  requireBinaryMask(mask);
  let count = 0;
  for (let i = 0; i < mask.data.length; i++) if (mask.data[i] !== 0) count++;
  return count;
}

/** `[x, y, width, height]` of what is in the mask, in its pixels; all 0 when nothing is. */
export function boundingBox(mask: BinaryMask): [x: number, y: number, width: number, height: number] {
  requireBinaryMask(mask);
  const { data, width, height } = mask;
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    const start = y * width;
    let x = 0;
    while (x < width && data[start + x] === 0) x++;
    if (x === width) continue;
    if (x < left) left = x;
    if (y < top) top = y;
    bottom = y + 1;
    // Only as far as it would move the right side.
    x = width;
    while (x > right && data[start + x - 1] === 0) x--;
    right = Math.max(right, x);
  }
  return right === 0 ? [0, 0, 0, 0] : [left, top, right - left, bottom - top];
}

/**
 * How little the mask depends on the threshold: pixels above `threshold + offset`, divided by those above
 * `threshold - offset`. NaN where there are none, as in the reference.
 */
export function stability(logits: Logits | LogitsMask, options?: StabilityOptions): number {
  if (typeof logits !== "object" || logits === null)
    throw bad("logits", `is ${show(logits)}, not { data, width, height }`);
  const { data } = logits;
  if (!isFloats(data)) {
    throw bad("logits.data", 'is not a Float32Array: pass an answer of segment() with output "logits", or its logits');
  }
  requireSize(logits, "logits");
  const { threshold = 0, offset = 1 } = options ?? {};
  requireNumber(threshold, "options.threshold");
  requireNumber(offset, "options.offset");
  const [high, low] = [Math.fround(threshold + offset), Math.fround(threshold - offset)];
  let [inner, outer] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const logit = data[i] ?? 0;
    if (logit > low) outer++;
    if (logit > high) inner++;
  }
  return inner / outer;
}

function requireNumber(value: number, field: string): void {
  if (!Number.isFinite(value)) throw bad(field, `is ${show(value)}, not a number`);
}
