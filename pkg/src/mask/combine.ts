import { bad, requireBinaryMask } from "../check.js";
import type { BinaryMask } from "../types.js";

/** What is in either mask. Masks of different sizes are `bad-prompt`. */
export function union(a: BinaryMask, b: BinaryMask): BinaryMask {
  const [inA, inB, data] = pixelsOf(a, b);
  for (let i = 0; i < data.length; i++) data[i] = inA[i] !== 0 || inB[i] !== 0 ? 1 : 0;
  return { data, width: a.width, height: a.height };
}

/** What is in both masks. Masks of different sizes are `bad-prompt`. */
export function intersect(a: BinaryMask, b: BinaryMask): BinaryMask {
  const [inA, inB, data] = pixelsOf(a, b);
  for (let i = 0; i < data.length; i++) data[i] = inA[i] !== 0 && inB[i] !== 0 ? 1 : 0;
  return { data, width: a.width, height: a.height };
}

/** What is in the first mask and not in the second. Masks of different sizes are `bad-prompt`. */
export function subtract(a: BinaryMask, b: BinaryMask): BinaryMask {
  const [inA, inB, data] = pixelsOf(a, b);
  for (let i = 0; i < data.length; i++) data[i] = inA[i] !== 0 && inB[i] === 0 ? 1 : 0;
  return { data, width: a.width, height: a.height };
}

/** Those of the masks, and as many for the result. */
function pixelsOf(a: BinaryMask, b: BinaryMask): [a: BinaryMask["data"], b: BinaryMask["data"], result: Uint8Array] {
  requireBinaryMask(a, "a");
  requireBinaryMask(b, "b");
  if (b.width !== a.width || b.height !== a.height) {
    throw bad("b", `is ${b.width} × ${b.height} pixels, a ${a.width} × ${a.height}: ask for both in the same size`);
  }
  return [a.data, b.data, new Uint8Array(a.data.length)];
}
