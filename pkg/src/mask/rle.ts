import { bad, requireBinaryMask, requireSide, show } from "../check.js";
import { SamError } from "../errors.js";
import type { BinaryMask, CocoRle, Rle } from "../types.js";

/** The longest side of a mask anywhere in this package. */
const maxSide = 32767;

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
  return compress(toRle(mask));
}

/** The mask of run lengths in column-major order, beginning with the zeros. Throws `bad-prompt` where they do not fit. */
export function fromRle(rle: Rle): BinaryMask {
  requireRle(rle);
  const { size, counts } = rle;
  const [height, width] = size;
  const data = newPixels(width, height);
  let end = 0;
  counts.forEach((count, i) => {
    const start = end;
    end += count;
    if (i % 2 === 0) return;
    let y = start % height;
    for (let at = y * width + (start - y) / height, left = count; left > 0; left--) {
      data[at] = 1;
      at += width;
      if (++y === height) {
        y = 0;
        at -= width * height - 1;
      }
    }
  });
  return { data, width, height };
}

/** The mask of COCO's compressed run lengths. Throws `bad-prompt` where they are damaged. */
export function fromCocoRle(rle: CocoRle): BinaryMask {
  return fromRle(decompress(rle));
}

export function compress({ size, counts }: Rle): CocoRle {
  // Seven characters hold any run.
  const text = new Uint8Array(7 * counts.length);
  let length = 0;
  for (let i = 0; i < counts.length; i++) {
    // From the fourth run on, COCO stores the difference to the run two before. Five bits a character, low ones first;
    // 0x20 says that more follow, 0x10 is the sign.
    let rest = (counts[i] ?? 0) - (i > 2 ? (counts[i - 2] ?? 0) : 0);
    for (let more = true; more;) {
      let bits = rest & 0x1f;
      rest >>= 5;
      more = (bits & 0x10) !== 0 ? rest !== -1 : rest !== 0;
      if (more) bits |= 0x20;
      text[length++] = bits + 48;
    }
  }
  return { size, counts: new TextDecoder().decode(text.subarray(0, length)) };
}

export function decompress(rle: CocoRle, field = "rle"): Rle {
  if (typeof rle !== "object" || rle === null) throw bad(field, `is ${show(rle)}, not { size, counts }`);
  const { size, counts: text } = rle;
  if (typeof text !== "string") throw bad(`${field}.counts`, "is not a string: use fromRle() for a list of numbers");
  const counts: number[] = [];
  let [run, shift] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const bits = text.charCodeAt(i) - 48;
    if (bits < 0 || bits > 0x3f || shift > 30) throw bad(`${field}.counts`, `is damaged at character ${i}`);
    run |= (bits & 0x1f) << shift;
    shift += 5;
    if ((bits & 0x20) !== 0) continue;
    if ((bits & 0x10) !== 0 && shift < 32) run |= -1 << shift;
    counts.push(counts.length > 2 ? run + (counts[counts.length - 2] ?? 0) : run);
    [run, shift] = [0, 0];
  }
  if (shift > 0) throw bad(`${field}.counts`, "ends in the middle of a run");
  return { size, counts };
}

/** Sides of a mask, and runs that cover it. */
export function requireRle(rle: Rle, field = "rle"): void {
  if (typeof rle !== "object" || rle === null) throw bad(field, `is ${show(rle)}, not { size, counts }`);
  const { size, counts } = rle;
  if (!Array.isArray(size) || size.length !== 2) throw bad(`${field}.size`, `is ${show(size)}, not [height, width]`);
  if (!Array.isArray(counts)) throw bad(`${field}.counts`, "is not a list of numbers: use fromCocoRle() for a string");
  const [height, width] = size;
  requireSide(height, `${field}.size[0]`, maxSide);
  requireSide(width, `${field}.size[1]`, maxSide);
  let sum = 0;
  for (const [i, count] of counts.entries()) {
    if (!Number.isInteger(count) || count < 0) throw bad(`${field}.counts[${i}]`, `is ${show(count)}, not a length`);
    sum += count;
  }
  if (sum !== width * height) throw bad(`${field}.counts`, `are ${sum} pixels together, not ${width} × ${height}`);
}

function newPixels(width: number, height: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(width * height);
  } catch (error) {
    throw new SamError("out-of-memory", `There is no memory for a mask of ${width} × ${height} pixels.`, error);
  }
}
