import { bad, isArrayLike, requireBinaryMask, requireGlobals, show } from "../check.js";
import { toWireSource } from "../source.js";
import { decode, keepSource } from "../pixels.js";
import { SamError, describe } from "../errors.js";
import type { BinaryMask, ImageSource } from "../types.js";
import { reach, soften, type Rectangle } from "./feather.js";

export interface ColourOptions {
  /** `[red, green, blue, alpha]`, each 0–255, of the pixels in the mask; the others are transparent. Default: white. */
  readonly color?: readonly [red: number, green: number, blue: number, alpha?: number] | undefined;
}

export interface FileOptions {
  /** Default `"image/png"`. JPEG knows no transparency. */
  readonly type?: string | undefined;
  /** 0–1, for formats that lose something. */
  readonly quality?: number | undefined;
}

export interface CutoutOptions extends FileOptions {
  /** Only the rectangle around the mask and its soft edge. Default: the size of the image. */
  readonly crop?: boolean | undefined;
  /**
   * Pixels of the image over which the edge fades, outwards and inwards; colours stay. Where the mask goes on to the border
   * of the image it does not fade. Default 0: a hard edge.
   */
  readonly feather?: number | undefined;
}

/** The mask as pixels, to draw with `putImageData`. */
export function toImageData(mask: BinaryMask, options?: ColourOptions): ImageData {
  requireBinaryMask(mask);
  const colour = toColour(options?.color);
  requireGlobals("ImageData");
  return paint(mask, colour);
}

/** Red, green, blue and alpha. */
function toColour(color: ColourOptions["color"] | null): number[] {
  const given: readonly unknown[] = isArrayLike(color ?? []) ? Array.from(color ?? [255, 255, 255]) : [];
  const values = given.length === 4 && (given[3] ?? undefined) === undefined ? given.slice(0, 3) : given;
  const isByte = (value: unknown) => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255;
  if ((values.length !== 3 && values.length !== 4) || !values.every(isByte)) {
    throw bad("options.color", "is not [red, green, blue] or [red, green, blue, alpha], whole numbers from 0 to 255");
  }
  return [...(values as number[]), 255].slice(0, 4);
}

function paint({ data, width, height }: BinaryMask, colour: readonly number[]): ImageData {
  const image = new ImageData(width, height);
  const pixel = new Uint32Array(new Uint8Array(colour).buffer)[0] ?? 0;
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) if (data[i] !== 0) pixels[i] = pixel;
  return image;
}

/** The mask as an image file. */
export async function toBlob(mask: BinaryMask, options?: ColourOptions & FileOptions): Promise<Blob> {
  requireBinaryMask(mask);
  const colour = toColour(options?.color);
  requireGlobals("ImageData", "OffscreenCanvas");
  const [canvas, context] = newCanvas(mask.width, mask.height);
  context.putImageData(paint(mask, colour), 0, 0);
  return toFile(canvas, options);
}

/** What the mask covers of the image, on transparent, as an image file. A mask of another size is stretched. */
export async function cutout(image: ImageSource, mask: BinaryMask, options?: CutoutOptions): Promise<Blob> {
  requireBinaryMask(mask);
  const feather = options?.feather ?? 0;
  if (!Number.isFinite(feather) || feather < 0) {
    throw bad("options.feather", `is ${show(feather)}, not a number of pixels`);
  }
  const bitmap = await toBitmap(image);
  try {
    const { width, height } = bitmap;
    const [scaleX, scaleY] = [width / mask.width, height / mask.height];
    const [radiusX, radiusY] = [Math.round(feather / scaleX), Math.round(feather / scaleY)];
    const crop: Rectangle = options?.crop === true ? reach(mask, radiusX, radiusY) : [0, 0, mask.width, mask.height];
    if (crop[2] === 0) throw bad("mask", "is empty: there is nothing to crop to");
    const [x, y] = [Math.floor(crop[0] * scaleX), Math.floor(crop[1] * scaleY)];
    const [right, bottom] = [Math.ceil((crop[0] + crop[2]) * scaleX), Math.ceil((crop[1] + crop[3]) * scaleY)];
    const [canvas, context] = newCanvas(right - x, bottom - y);
    const { data, part } = soften(mask, radiusX, radiusY);
    if (data.length > 0) {
      const [left, top, columns, rows] = part;
      const [stencil, stencilContext] = newCanvas(columns, rows);
      stencilContext.putImageData(toStencil(data, columns, rows), 0, 0);
      context.drawImage(stencil, left * scaleX - x, top * scaleY - y, columns * scaleX, rows * scaleY);
      context.globalCompositeOperation = "source-in";
      context.drawImage(bitmap, -x, -y);
    }
    return await toFile(canvas, options);
  } finally {
    bitmap.close();
  }
}

async function toBitmap(image: ImageSource): Promise<ImageBitmap> {
  const { source } = await toWireSource(image);
  const kept = await keepSource(source);
  requireGlobals("OffscreenCanvas", "createImageBitmap");
  switch (kept.kind) {
    case "bitmap":
      return kept.bitmap;
    case "blob":
      return decode(kept);
    case "pixels":
      // Those of `image`, which has been looked at.
      return createImageBitmap(new ImageData(kept.data as Uint8ClampedArray<ArrayBuffer>, kept.width, kept.height));
  }
}

/** Black, as opaque as `opacity` says. */
function toStencil(opacity: Uint8Array, width: number, height: number): ImageData {
  const image = new ImageData(width, height);
  for (let i = 0; i < opacity.length; i++) image.data[4 * i + 3] = opacity[i] ?? 0;
  return image;
}

async function toFile(canvas: OffscreenCanvas, options: FileOptions | undefined): Promise<Blob> {
  const type = options?.type ?? "image/png";
  const quality = options?.quality;
  try {
    return await canvas.convertToBlob(quality === undefined ? { type } : { type, quality });
  } catch (error) {
    throw new SamError("bad-image", `The browser cannot write this image: ${describe(error)}`, error);
  }
}

function newCanvas(width: number, height: number): [OffscreenCanvas, OffscreenCanvasRenderingContext2D] {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (context === null) throw new SamError("out-of-memory", `The browser gives no canvas of ${width} × ${height}.`);
  return [canvas, context];
}
