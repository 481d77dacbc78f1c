/** Everything mode on the screen: which region is where, and all of them as one picture. */
import type { BinaryMask, CocoRle, EverythingRecord, Rle } from "burn-sam";
import { paletteSize, type Shape } from "../state/objects.ts";
import { rgbOf } from "./palette.ts";
import { within, type Size } from "./view.ts";

/** Regions are shown, and become objects, with at most this many pixels on a side. */
const regionLimit = 1024;

/** An uncompressed record → a mask to show; `null` where it cannot be read. */
export function shapeOf({ segmentation, predictedIou }: EverythingRecord): Shape | null {
  const full = sizeOf(segmentation);
  const size = within(full, regionLimit);
  const shape = { score: predictedIou, token: 0, ...size } as const;
  if (!("counts" in segmentation)) {
    const data = fromPixels(segmentation, size);
    return { ...shape, ...measure(data, size), data };
  }
  if (!isRuns(segmentation)) return null;
  const data = fromRuns(segmentation, size);
  return { ...shape, ...measure(data, size), data, ...(size.width < full.width ? { runs: segmentation } : {}) };
}

/** The mask of a record with every pixel of the image. */
export function fullMaskOf(runs: Rle): BinaryMask {
  const size = sizeOf(runs);
  return { ...size, data: fromRuns(runs, size) };
}

function isRuns(segmentation: Rle | CocoRle): segmentation is Rle {
  return typeof segmentation.counts !== "string";
}

function sizeOf(segmentation: EverythingRecord["segmentation"]): Size {
  if (!("counts" in segmentation)) return { width: segmentation.width, height: segmentation.height };
  const [height, width] = segmentation.size;
  return { width, height };
}

/** Of each pixel asked for, the one in its middle. */
function fromRuns({ size: [height, width], counts }: Rle, size: Size): Uint8Array {
  const columnOf = pickers(size.width, width);
  const rowOf = pickers(size.height, height);
  const data = new Uint8Array(size.width * size.height);
  // Runs go down the columns; both they and the pixels asked for are walked once.
  let [run, end] = [0, counts[0] ?? 0];
  for (let x = 0; x < size.width; x++) {
    const column = (columnOf[x] ?? 0) * height;
    for (let y = 0; y < size.height; y++) {
      const at = column + (rowOf[y] ?? 0);
      while (at >= end && run < counts.length) end += counts[++run] ?? 0;
      if (run & 1) data[y * size.width + x] = 1;
    }
  }
  return data;
}

function fromPixels(mask: BinaryMask, size: Size): Uint8Array {
  const columnOf = pickers(size.width, mask.width);
  const rowOf = pickers(size.height, mask.height);
  const data = new Uint8Array(size.width * size.height);
  for (let y = 0, i = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++, i++) {
      if (mask.data[(rowOf[y] ?? 0) * mask.width + (columnOf[x] ?? 0)]) data[i] = 1;
    }
  }
  return data;
}

function pickers(count: number, length: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * length) / count));
}

/** Box and number of the pixels of a mask. */
export function measure(data: ArrayLike<number>, { width, height }: Size): Pick<Shape, "bbox" | "area"> {
  let [left, top, right, bottom, area] = [width, height, 0, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (data[i] === 0) continue;
      area++;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      if (y < top) top = y;
      bottom = y + 1;
    }
  }
  return { area, bbox: area === 0 ? [0, 0, 0, 0] : [left, top, right - left, bottom - top] };
}

/** Small ones over large ones: `labels` holds the index of the topmost region plus one, 0 where there is none. */
export function labelsOf(shapes: readonly Shape[]): { labels: Uint16Array; size: Size } {
  const size = { width: shapes[0]?.width ?? 1, height: shapes[0]?.height ?? 1 };
  const labels = new Uint16Array(size.width * size.height);
  const largestFirst = shapes.map((shape, index) => ({ shape, index })).sort((a, b) => b.shape.area - a.shape.area);
  for (const { shape, index } of largestFirst) {
    const [left, top, columns, rows] = shape.bbox;
    for (let y = top; y < top + rows; y++) {
      for (let i = y * size.width + left; i < y * size.width + left + columns; i++) {
        if (shape.data[i]) labels[i] = index + 1;
      }
    }
  }
  return { labels, size };
}

/** The regions as one picture, and what is under a position of it. */
export class RegionMap {
  readonly shapes: readonly Shape[];
  readonly width: number;
  readonly height: number;
  readonly canvas: OffscreenCanvas;
  readonly #labels: Uint16Array;

  constructor(shapes: readonly Shape[]) {
    const { labels, size } = labelsOf(shapes);
    this.shapes = shapes;
    this.width = size.width;
    this.height = size.height;
    this.#labels = labels;
    this.canvas = new OffscreenCanvas(size.width, size.height);
    this.canvas.getContext("2d")?.putImageData(paint(labels, size), 0, 0);
  }

  /** The index of the region at a fraction of the image's width and height; -1 where there is none. */
  at(fx: number, fy: number): number {
    const x = Math.min(this.width - 1, Math.max(0, Math.floor(fx * this.width)));
    const y = Math.min(this.height - 1, Math.max(0, Math.floor(fy * this.height)));
    return (this.#labels[y * this.width + x] ?? 0) - 1;
  }
}

/** Each region in a colour of its own, with a light border to the next where there are pixels enough for one. */
function paint(labels: Uint16Array, { width, height }: Size): ImageData {
  const borders = Math.max(width, height) >= 300;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  // In the byte order of the machine, which in practice is little endian.
  const colours = Array.from({ length: paletteSize }, (_, i) => {
    const [red, green, blue] = rgbOf(i);
    return ((140 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const label = labels[i] ?? 0;
      const border = borders && ((x > 0 && labels[i - 1] !== label) || (y > 0 && labels[i - width] !== label));
      if (border) pixels[i] = 0xe6ffffff;
      else if (label > 0) pixels[i] = colours[(label - 1) % paletteSize] ?? 0;
    }
  }
  return image;
}
