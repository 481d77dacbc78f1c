import { bad, requireBinaryMask, requireSide, show } from "../check.js";
import type { BinaryMask, CocoRle, EverythingRecord, Rle } from "../types.js";
import { toRegions, type OutlineOptions } from "./outline.js";
import { compress, decompress, fromRle, requireRle, toRle } from "./rle.js";
import type { Region } from "./trace.js";

/** A mask of what it is called: masks with the same name are in one category. */
export interface NamedMask {
  readonly mask: BinaryMask | Rle | CocoRle;
  /** Default: `"object"`. */
  readonly category?: string | undefined;
}

export interface CocoOptions extends OutlineOptions {
  /**
   * `"rle"` (default): compressed run lengths, exact, marked `iscrowd: 1` as COCO has it. `"polygons"`: outlines, with
   * `iscrowd: 0`; COCO's have no holes, so a line that is passed in both directions leads to each. An empty mask
   * stays run lengths.
   */
  readonly segmentation?: "rle" | "polygons" | undefined;
  /** Default: none. */
  readonly fileName?: string | undefined;
  /** Default: 1. */
  readonly imageId?: number | undefined;
  /** The first annotation's; the others follow. Default: 1. */
  readonly firstId?: number | undefined;
}

export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  readonly segmentation: CocoRle | readonly (readonly number[])[];
  /** Pixels in the mask. */
  readonly area: number;
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
  readonly iscrowd: 0 | 1;
  /** The model's own estimate of the mask's IoU, where the mask came with one. */
  readonly score?: number;
}

/** A data set of one image, as COCO's tools read it; `JSON.stringify` makes the file. */
export interface CocoDataset {
  readonly info: { readonly description: string };
  readonly licenses: readonly never[];
  readonly images: readonly {
    readonly id: number;
    readonly width: number;
    readonly height: number;
    readonly file_name: string;
  }[];
  readonly annotations: readonly CocoAnnotation[];
  readonly categories: readonly { readonly id: number; readonly name: string; readonly supercategory: string }[];
}

/**
 * All masks of an image in COCO's format: masks, records of everything mode, or masks with a name. They must have the size
 * of the image, or it is `bad-prompt`. Area and box are those of the pixels, as pycocotools counts them.
 */
export function toCocoJson(
  image: { readonly width: number; readonly height: number },
  masks: readonly (BinaryMask | EverythingRecord | NamedMask)[],
  options?: CocoOptions,
): CocoDataset {
  if (typeof image !== "object" || image === null) throw bad("image", `is ${show(image)}, not { width, height }`);
  requireSide(image.width, "image.width");
  requireSide(image.height, "image.height");
  if (!Array.isArray(masks)) throw bad("masks", `is ${show(masks)}, not an array of masks`);
  const { width, height } = image;
  const imageId = options?.imageId ?? 1;
  const firstId = options?.firstId ?? 1;
  const kind = options?.segmentation ?? "rle";
  if (kind !== "rle" && kind !== "polygons") {
    throw bad("options.segmentation", `is ${show(kind)}, not "rle" or "polygons"`);
  }
  const categories: string[] = [];
  const annotations = masks.map((source: (typeof masks)[number], i): CocoAnnotation => {
    const { mask, category, score } = parse(source, `masks[${i}]`);
    const rle = toRuns(mask, `masks[${i}]`);
    if (rle.size[0] !== height || rle.size[1] !== width) {
      throw bad(`masks[${i}]`, `is ${rle.size[1]} × ${rle.size[0]} pixels, the image ${width} × ${height}`);
    }
    if (!categories.includes(category)) categories.push(category);
    const pixels = measure(rle);
    // pycocotools cannot read an annotation without polygons.
    const polygons = kind === "polygons" && pixels.area > 0;
    return {
      id: firstId + i,
      image_id: imageId,
      category_id: categories.indexOf(category) + 1,
      segmentation: polygons ? toRegions("data" in mask ? mask : fromRle(rle), options).map(toRing) : compress(rle),
      ...pixels,
      iscrowd: polygons ? 0 : 1,
      ...(score === undefined ? {} : { score }),
    };
  });
  return {
    info: { description: "Masks made with burn-sam" },
    licenses: [],
    images: [{ id: imageId, width, height, file_name: options?.fileName ?? "" }],
    annotations,
    categories: categories.map((name, i) => ({ id: i + 1, name, supercategory: "" })),
  };
}

interface Parsed {
  readonly mask: BinaryMask | Rle | CocoRle;
  readonly category: string;
  readonly score: number | undefined;
}

function parse(source: BinaryMask | EverythingRecord | NamedMask, field: string): Parsed {
  if (typeof source !== "object" || source === null) throw bad(field, `is ${show(source)}, not a mask or a record`);
  if ("segmentation" in source) {
    return { mask: source.segmentation, category: "object", score: source.predictedIou };
  }
  const [mask, category] = "mask" in source ? [source.mask, source.category ?? "object"] : [source, "object"];
  if (typeof mask !== "object" || mask === null) throw bad(`${field}.mask`, `is ${show(mask)}, not a mask`);
  return { mask, category, score: "score" in mask && typeof mask.score === "number" ? mask.score : undefined };
}

function toRuns(mask: BinaryMask | Rle | CocoRle, field: string): Rle {
  if (!("counts" in mask)) {
    requireBinaryMask(mask, field);
    return toRle(mask);
  }
  const rle = isCompressed(mask) ? decompress(mask, field) : mask;
  requireRle(rle, field);
  return rle;
}

function isCompressed(rle: Rle | CocoRle): rle is CocoRle {
  return typeof rle.counts === "string";
}

/** COCO's polygons are lists of x, y, x, y, … */
function toRing({ outer, holes }: Region): number[] {
  const ring = [...outer];
  for (const hole of holes) {
    // There from the first corner, around, and back to it.
    for (const part of [outer.slice(0, 2), hole, hole.slice(0, 2)]) for (const value of part) ring.push(value);
  }
  return ring;
}

/** Area and box of the pixels, without making them. */
function measure({ size, counts }: Rle): Pick<CocoAnnotation, "area" | "bbox"> {
  const [height, width] = size;
  let [left, top, right, bottom] = [width, height, 0, 0];
  let [area, end] = [0, 0];
  counts.forEach((count, i) => {
    const start = end;
    end += count;
    if (i % 2 === 0 || count === 0) return;
    area += count;
    const [x, y] = [Math.floor(start / height), start % height];
    const [lastX, lastY] = [Math.floor((end - 1) / height), (end - 1) % height];
    left = Math.min(left, x);
    right = Math.max(right, lastX + 1);
    // A run that goes on in the next column has the last row of the one and the first of the other.
    top = Math.min(top, lastX > x ? 0 : y);
    bottom = Math.max(bottom, lastX > x ? height : lastY + 1);
  });
  return { area, bbox: area === 0 ? [0, 0, 0, 0] : [left, top, right - left, bottom - top] };
}
