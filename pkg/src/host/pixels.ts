import { SamError, describe } from "../errors.js";
import type { WireSource } from "../protocol.js";
import { fetchOk } from "./fetch.js";

/** RGBA held at a time. */
const BAND_BYTES = 4 * 2 ** 20;
/** What every browser's canvas can do. */
const MAX_WIDTH = 32767;

/** The pixels of an image, read in bands of whole rows from top to bottom. RGBA, 8 bits, sRGB. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Rows of every band but the last. */
  readonly bandRows: number;
  band(y: number, rows: number): Uint8Array;
  close(): void;
}

export async function openPixels(source: WireSource, signal: AbortSignal): Promise<Pixels> {
  switch (source.kind) {
    case "pixels":
      return ofArray(source.data, source.width, source.height);
    case "bitmap":
      return ofBitmap(source.bitmap);
    case "blob":
      return ofBitmap(await decode(source.blob));
    case "url": {
      const response = await fetchOk(source.url, "The image", signal);
      let blob: Blob;
      try {
        blob = await response.blob();
      } catch (error) {
        throw new SamError("network", `The download of the image broke off: ${describe(error)}. Try again.`, error);
      }
      return ofBitmap(await decode(blob));
    }
  }
}

async function decode(blob: Blob): Promise<ImageBitmap> {
  if (blob.size === 0) throw new SamError("bad-image", "The image file is empty (0 bytes): choose another one.");
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch (error) {
    const type = blob.type === "" ? "of unknown type" : blob.type;
    const advice = blob.type.includes("svg") ? "put the SVG into an <img> and pass that" : "use a JPEG, PNG or WebP";
    throw new SamError(
      "bad-image",
      `The browser cannot decode this file (${type}, ${blob.size} bytes): ${advice}.`,
      error,
    );
  }
}

function ofArray(data: Uint8ClampedArray, width: number, height: number): Pixels {
  requireSize(width, height);
  if (data.length !== 4 * width * height) {
    throw new SamError("bad-image", `The ImageData has ${data.length} bytes, not ${width} × ${height} × 4.`);
  }
  return {
    width,
    height,
    bandRows: rowsFor(width),
    band: (y, rows) => new Uint8Array(data.buffer, data.byteOffset + 4 * width * y, 4 * width * rows),
    close: () => undefined,
  };
}

function ofBitmap(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap;
  try {
    requireSize(width, height);
    if (width > MAX_WIDTH)
      throw new SamError("bad-image", `The image is ${width} pixels wide; ${MAX_WIDTH} is the most.`);
    const bandRows = Math.min(height, rowsFor(width));
    const canvas = new OffscreenCanvas(width, bandRows);
    // Read often: keeps the canvas in main memory, where the pixels are wanted.
    const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
    if (context === null) throw new SamError("out-of-memory", `The browser gives no canvas of ${width} × ${bandRows}.`);
    // Each band replaces the one before, where it is transparent too.
    context.globalCompositeOperation = "copy";
    context.imageSmoothingEnabled = false;
    return {
      width,
      height,
      bandRows,
      band: (y, rows) => readBand(context, bitmap, y, rows),
      close: () => bitmap.close(),
    };
  } catch (error) {
    bitmap.close();
    throw error;
  }
}

function readBand(
  context: OffscreenCanvasRenderingContext2D,
  bitmap: ImageBitmap,
  y: number,
  rows: number,
): Uint8Array {
  const { width } = bitmap;
  try {
    context.drawImage(bitmap, 0, y, width, rows, 0, 0, width, rows);
    const { data } = context.getImageData(0, 0, width, rows);
    return new Uint8Array(data.buffer, data.byteOffset, data.length);
  } catch (error) {
    throw new SamError("bad-image", `The browser cannot read this image's pixels: ${describe(error)}`, error);
  }
}

function rowsFor(width: number): number {
  return Math.max(1, Math.floor(BAND_BYTES / (4 * width)));
}

function requireSize(width: number, height: number): void {
  if (width < 1 || height < 1) throw new SamError("bad-image", `The image is ${width} × ${height}: it has no pixels.`);
}
