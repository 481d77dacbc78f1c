// What the caller has → what can be sent to the Worker. The caller keeps it: nothing is closed or detached.
import { closeBitmaps } from "./bitmaps.js";
import { isLoaded, isUrl, loaded, nameOf, tag } from "./element.js";
import { SamError, describe } from "./errors.js";
import type { WireSource } from "./protocol.js";
import type { ImageSource } from "./types.js";
import { absoluteUrl } from "./urls.js";

export interface PreparedSource {
  readonly source: WireSource;
  readonly transfer: Transferable[];
}

const TAINTED =
  "The image comes from another origin, and the browser does not let its pixels be read. Load it with " +
  'crossorigin="anonymous" from a server that sends Access-Control-Allow-Origin, or pass its URL or Blob instead.';

/** At once where nothing has to be waited for: the caller may change its pixels as soon as it has called. */
export function toWireSource(source: ImageSource): PreparedSource | Promise<PreparedSource> {
  if (typeof source === "string" || isUrl(source)) {
    return { source: { kind: "url", url: absoluteUrl(source, "The image") }, transfer: [] };
  }
  switch (tag(source)) {
    case "Blob":
    case "File":
      return fromBlob(source as Blob);
    case "ImageData":
      return fromImageData(source as ImageData);
    case "HTMLImageElement":
      return fromImageElement(source as HTMLImageElement);
    case "HTMLVideoElement":
      return fromVideo(source as HTMLVideoElement);
    case "HTMLCanvasElement":
    case "OffscreenCanvas":
      return copyOf(
        source as HTMLCanvasElement,
        sizeOf(source as HTMLCanvasElement),
        "The canvas has no pixels: give it a width and a height.",
      );
    case "ImageBitmap":
      return copyOf(
        source as ImageBitmap,
        sizeOf(source as ImageBitmap),
        "The ImageBitmap is closed: encode it before closing it.",
      );
    case "VideoFrame": {
      const frame = source as VideoFrame;
      return copyOf(
        frame,
        [frame.displayWidth, frame.displayHeight],
        "The VideoFrame is closed: encode it before closing it.",
      );
    }
    default:
      throw new SamError(
        "bad-image",
        `${tag(source)} is not an image: pass a Blob or File, a URL, an <img>, <canvas> or <video>, ` +
          "an ImageBitmap, ImageData or VideoFrame.",
      );
  }
}

/**
 * Keeps what was prepared until it can be sent: the caller may change its pixels as soon as it has called. Rejects as
 * `until` does, and then leaves nothing behind.
 */
export async function holdSource(
  prepared: PreparedSource | Promise<PreparedSource>,
  until: Promise<void>,
): Promise<PreparedSource> {
  const held = prepared instanceof Promise ? prepared : Promise.resolve(withOwnPixels(prepared));
  try {
    const [ready] = await Promise.all([held, until]);
    return ready;
  } catch (error) {
    held.then(
      ({ transfer }) => closeBitmaps(transfer),
      () => undefined,
    );
    throw error;
  }
}

function withOwnPixels({ source, transfer }: PreparedSource): PreparedSource {
  return { source: source.kind === "pixels" ? { ...source, data: source.data.slice() } : source, transfer };
}

function fromBlob(blob: Blob): PreparedSource {
  if (blob.size === 0) throw new SamError("bad-image", "The image file is empty (0 bytes): choose another one.");
  return { source: { kind: "blob", blob }, transfer: [] };
}

function fromImageData(image: ImageData): PreparedSource | Promise<PreparedSource> {
  const { data, width, height } = image;
  if (data.length !== 4 * width * height) {
    throw new SamError(
      "bad-image",
      `The ImageData has ${data.length} bytes, not ${width} × ${height} × 4: was its buffer transferred to somewhere else?`,
    );
  }
  // Anything but 8-bit sRGB is converted by the browser.
  if (image.colorSpace !== "srgb" || tag(data) !== "Uint8ClampedArray") {
    return copyOf(image, [width, height], "The ImageData has no pixels: it needs at least one.");
  }
  return { source: { kind: "pixels", data, width, height }, transfer: [] };
}

async function fromImageElement(image: HTMLImageElement): Promise<PreparedSource> {
  // At once where that can be: the caller may give it another address next.
  if (!isLoaded(image)) await loaded(image);
  const size: Size = [image.naturalWidth, image.naturalHeight];
  return copyOf(image, size, `The <img> ${nameOf(image)} has no size of its own: give the SVG a width and a height.`);
}

async function fromVideo(video: HTMLVideoElement): Promise<PreparedSource> {
  const empty = 'The <video> has no frame yet: wait for its "loadeddata" event.';
  // 2 is HAVE_CURRENT_DATA.
  if (video.readyState < 2) throw new SamError("bad-image", empty);
  return copyOf(video, [video.videoWidth, video.videoHeight], empty);
}

type Size = readonly [width: number, height: number];

async function copyOf(source: ImageBitmapSource, size: Size, whenEmpty: string): Promise<PreparedSource> {
  if (size[0] === 0 || size[1] === 0) throw new SamError("bad-image", whenEmpty);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(source);
  } catch (error) {
    if (isSecurityError(error)) throw new SamError("bad-image", TAINTED, error);
    throw new SamError("bad-image", `The browser cannot read this image: ${describe(error)}`, error);
  }
  requireReadable(bitmap);
  return { source: { kind: "bitmap", bitmap }, transfer: [bitmap] };
}

/** A bitmap of a tainted source is made without complaint; only reading it fails. */
function requireReadable(bitmap: ImageBitmap): void {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  try {
    context?.drawImage(bitmap, 0, 0, 1, 1, 0, 0, 1, 1);
    context?.getImageData(0, 0, 1, 1);
  } catch (error) {
    bitmap.close();
    if (isSecurityError(error)) throw new SamError("bad-image", TAINTED, error);
    throw new SamError("bad-image", `The browser cannot read this image: ${describe(error)}`, error);
  }
}

function isSecurityError(error: unknown): boolean {
  return error instanceof DOMException && error.name === "SecurityError";
}

function sizeOf({ width, height }: { readonly width: number; readonly height: number }): Size {
  return [width, height];
}
