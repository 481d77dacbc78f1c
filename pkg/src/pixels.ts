import { SamError, describe } from "./errors.js";
import type { WireSource } from "./protocol.js";
import { fetchOk, shorten } from "./fetch.js";

/** RGBA held at a time. */
const BAND_BYTES = 4 * 2 ** 20;
/** What every browser's canvas can do. */
const MAX_WIDTH = 32767;

/** The pixels of an image or of a part of it, read in bands of whole rows from top to bottom. RGBA, 8 bits, sRGB. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Rows of every band but the last. */
  readonly bandRows: number;
  band(y: number, rows: number): Uint8Array;
}

/** An image whose pixels can be read. */
export interface OpenImage {
  readonly whole: Pixels;
  part(rectangle: Rectangle): Pixels;
  close(): void;
}

export type Rectangle = readonly [x: number, y: number, width: number, height: number];

/** A source that can be opened more than once: what was downloaded is here. */
export type KeptSource = Exclude<WireSource, { readonly kind: "url" }>;

export async function keepSource(source: WireSource, signal?: AbortSignal): Promise<KeptSource> {
  if (source.kind !== "url") return source;
  const response = await fetchOk(source.url, "The image", signal);
  try {
    return { kind: "blob", blob: await response.blob(), url: shorten(source.url) };
  } catch (error) {
    throw new SamError("network", `The download of the image broke off: ${describe(error)}. Try again.`, error);
  }
}

/** A bitmap's memory is not the garbage collector's. */
export function dropSource(source: KeptSource | undefined): void {
  if (source?.kind === "bitmap") source.bitmap.close();
}

export async function openImage(source: KeptSource): Promise<OpenImage> {
  switch (source.kind) {
    case "pixels":
      return ofArray(source.data, source.width, source.height);
    case "bitmap":
      // It stays with its source.
      return ofBitmap(source.bitmap, () => undefined);
    case "blob": {
      const bitmap = await decode(source);
      return ofBitmap(bitmap, () => bitmap.close());
    }
  }
}

export async function decode({ blob, url }: { readonly blob: Blob; readonly url?: string }): Promise<ImageBitmap> {
  if (blob.size === 0) {
    throw new SamError("bad-image", `The image ${url ?? "file"} is empty (0 bytes): choose another one.`);
  }
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch (error) {
    const type = blob.type === "" ? "of unknown type" : blob.type;
    const advice = adviceFor(blob.type);
    throw new SamError(
      "bad-image",
      `The browser cannot decode ${url ?? "this file"} (${type}, ${blob.size} bytes): ${advice}.`,
      error,
    );
  }
}

function adviceFor(type: string): string {
  if (type.includes("svg")) return "put the SVG into an <img> and pass that";
  if (type.startsWith("text/html")) return "the server has answered with a page, so check the address";
  return "use a JPEG, PNG or WebP";
}

function ofArray(data: Uint8ClampedArray, width: number, height: number): OpenImage {
  requireSize(width, height);
  if (data.length !== 4 * width * height) {
    throw new SamError("bad-image", `The ImageData has ${data.length} bytes, not ${width} × ${height} × 4.`);
  }
  const rowsOf = (first: number, rows: number) =>
    new Uint8Array(data.buffer, data.byteOffset + 4 * width * first, 4 * width * rows);
  const part = ([left, top, partWidth, partHeight]: Rectangle): Pixels => ({
    width: partWidth,
    height: partHeight,
    bandRows: rowsFor(partWidth),
    band: (y, rows) => {
      const band = new Uint8Array(4 * partWidth * rows);
      for (let row = 0; row < rows; row++) {
        const source = rowsOf(top + y + row, 1).subarray(4 * left, 4 * (left + partWidth));
        band.set(source, 4 * partWidth * row);
      }
      return band;
    },
  });
  return { whole: { width, height, bandRows: rowsFor(width), band: rowsOf }, part, close: () => undefined };
}

function ofBitmap(bitmap: ImageBitmap, close: () => void): OpenImage {
  const part = (rectangle: Rectangle): Pixels => {
    const [left, top, width, height] = rectangle;
    const bandRows = Math.min(height, rowsFor(width));
    const canvas = new OffscreenCanvas(width, bandRows);
    // Read often: keeps the canvas in main memory, where the pixels are wanted.
    const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
    if (context === null) throw new SamError("out-of-memory", `The browser gives no canvas of ${width} × ${bandRows}.`);
    // Each band replaces the one before, where it is transparent too.
    context.globalCompositeOperation = "copy";
    context.imageSmoothingEnabled = false;
    return { width, height, bandRows, band: (y, rows) => readBand(context, bitmap, [left, top + y, width, rows]) };
  };
  const { width, height } = bitmap;
  try {
    requireSize(width, height);
    if (width > MAX_WIDTH)
      throw new SamError("bad-image", `The image is ${width} pixels wide; ${MAX_WIDTH} is the most.`);
    return { whole: part([0, 0, width, height]), part, close };
  } catch (error) {
    close();
    throw error;
  }
}

function readBand(
  context: OffscreenCanvasRenderingContext2D,
  bitmap: ImageBitmap,
  [x, y, width, rows]: Rectangle,
): Uint8Array {
  try {
    context.drawImage(bitmap, x, y, width, rows, 0, 0, width, rows);
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
