import { bad, requireBinaryMask } from "../check.js";
import type { BinaryMask } from "../types.js";

/** What is in either mask. Masks of different sizes are `bad-prompt`. */
export function union(a: BinaryMask, b: BinaryMask): BinaryMask {
  const result = copyOf(a, b);
  for (let i = 0; i < result.data.length; i++) if (b.data[i] !== 0) result.data[i] = 1;
  return result;
}

/** What is in both masks. Masks of different sizes are `bad-prompt`. */
export function intersect(a: BinaryMask, b: BinaryMask): BinaryMask {
  const result = copyOf(a, b);
  for (let i = 0; i < result.data.length; i++) if (b.data[i] === 0) result.data[i] = 0;
  return result;
}

/** What is in the first mask and not in the second. Masks of different sizes are `bad-prompt`. */
export function subtract(a: BinaryMask, b: BinaryMask): BinaryMask {
  const result = copyOf(a, b);
  for (let i = 0; i < result.data.length; i++) if (b.data[i] !== 0) result.data[i] = 0;
  return result;
}

/** A mask of 0 and 1 to work on. */
function copyOf(a: BinaryMask, b: BinaryMask): BinaryMask {
  requireBinaryMask(a, "a");
  requireBinaryMask(b, "b");
  const { width, height } = a;
  if (b.width !== width || b.height !== height) {
    throw bad("b", `is ${b.width} × ${b.height} pixels, a ${width} × ${height}: ask for both masks in the same size`);
  }
  const data = new Uint8Array(width * height);
  for (let i = 0; i < data.length; i++) if (a.data[i] !== 0) data[i] = 1;
  return { data, width, height };
}
