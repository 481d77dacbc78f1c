import { requireBinaryMask } from "../check.js";
import { SamError, describe } from "../errors.js";
import type { BinaryMask, ImageSource } from "../types.js";

export interface ColourOptions {
  /** `[red, green, blue, alpha]`, each 0–255, of the pixels in the mask; the others are transparent. Default: white. */
  readonly color?: readonly [red: number, green: number, blue: number, alpha?: number];
}

export interface FileOptions {
  /** Default `"image/png"`. JPEG knows no transparency. */
  readonly type?: string;
  /** 0–1, for formats that lose something. */
  readonly quality?: number;
}

export interface CutoutOptions extends FileOptions {
  /** Only the rectangle around the mask. Default: the size of the image. */
  readonly crop?: boolean;
}

/** The mask as pixels, to draw with `putImageData`. */
export function toImageData(mask: BinaryMask, options?: ColourOptions): ImageData {
  requireBinaryMask(mask);
  const { data, width, height } = mask;
  const image = new ImageData(width, height);
  const [red, green, blue, alpha = 255] = options?.color ?? [255, 255, 255];
  const pixel = new Uint32Array(new Uint8Array([red, green, blue, alpha]).buffer)[0] ?? 0;
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) if (data[i] !== 0) pixels[i] = pixel;
  return image;
}

/** The mask as an image file. */
export async function toBlob(mask: BinaryMask, options?: ColourOptions & FileOptions): Promise<Blob> {
  requireBinaryMask(mask);
  const [canvas, context] = newCanvas(mask.width, mask.height);
  context.putImageData(toImageData(mask, options), 0, 0);
  return toFile(canvas, options);
}

/** What the mask covers of the image, on transparent, as an image file. A mask of another size is stretched. */
export async function cutout(image: ImageSource, mask: BinaryMask, options?: CutoutOptions): Promise<Blob> {
  requireBinaryMask(mask);
  const bitmap = await toBitmap(image);
  try {
    const { width, height } = bitmap;
    const [left, top, right, bottom] = options?.crop === true ? boundsOf(mask) : [0, 0, mask.width, mask.height];
    if (right <= left || bottom <= top)
      throw new SamError("bad-image", "The mask is empty: there is nothing to crop to.");
    const x = Math.floor((left / mask.width) * width);
    const y = Math.floor((top / mask.height) * height);
    const [canvas, context] = newCanvas(
      Math.ceil((right / mask.width) * width) - x,
      Math.ceil((bottom / mask.height) * height) - y,
    );
    const [stencil, stencilContext] = newCanvas(mask.width, mask.height);
    stencilContext.putImageData(toImageData(mask), 0, 0);
    context.drawImage(bitmap, -x, -y);
    context.globalCompositeOperation = "destination-in";
    context.drawImage(stencil, -x, -y, width, height);
    return await toFile(canvas, options);
  } finally {
    bitmap.close();
  }
}

async function toBitmap(image: ImageSource): Promise<ImageBitmap> {
  const source = typeof image === "string" || image instanceof URL ? await download(image) : image;
  try {
    return await createImageBitmap(source);
  } catch (error) {
    throw new SamError("bad-image", `The browser cannot read this image: ${describe(error)}`, error);
  }
}

async function download(url: string | URL): Promise<Blob> {
  let status: string;
  try {
    const response = await fetch(url);
    if (response.ok) return await response.blob();
    status = `the server answered ${response.status}`;
  } catch (error) {
    throw new SamError("network", `The image could not be fetched from ${url}: ${describe(error)}`, error);
  }
  throw new SamError("network", `The image could not be fetched from ${url}: ${status}.`);
}

/** `[left, top, right, bottom]` of what is in the mask; all 0 when nothing is. */
function boundsOf({ data, width, height }: BinaryMask): [number, number, number, number] {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (data[i] === 0) continue;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      if (y < top) top = y;
      bottom = y + 1;
    }
  }
  return right === 0 ? [0, 0, 0, 0] : [left, top, right, bottom];
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
