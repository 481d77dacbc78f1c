import { requireBinaryMask } from "../check.js";
import type { BinaryMask, CocoRle, Rle } from "../types.js";

/** Run lengths in column-major order, beginning with the zeros, as pycocotools has them. */
export function toRle(mask: BinaryMask): Rle {
  requireBinaryMask(mask);
  const { data, width, height } = mask;
  const counts: number[] = [];
  let inside = false;
  let run = 0;
  for (let x = 0; x < width; x++) {
    for (let i = x; i < width * height; i += width) {
      if ((data[i] !== 0) !== inside) {
        counts.push(run);
        run = 0;
        inside = !inside;
      }
      run++;
    }
  }
  counts.push(run);
  return { size: [height, width], counts };
}

/** COCO's compressed run lengths, byte for byte those of pycocotools. */
export function toCocoRle(mask: BinaryMask): CocoRle {
  const { size, counts } = toRle(mask);
  let text = "";
  counts.forEach((count, i) => {
    // From the fourth run on, COCO stores the difference to the run two before. Five bits a character, low ones first;
    // 0x20 says that more follow, 0x10 is the sign.
    let rest = i > 2 ? count - (counts[i - 2] ?? 0) : count;
    for (let more = true; more;) {
      let bits = rest & 0x1f;
      rest >>= 5;
      more = (bits & 0x10) !== 0 ? rest !== -1 : rest !== 0;
      if (more) bits |= 0x20;
      text += String.fromCharCode(bits + 48);
    }
  });
  return { size, counts: text };
}
