// What kind of thing the caller passed, and waiting for an image that is still being loaded.
import { SamError } from "./errors.js";

/** The tag rather than instanceof: a thing may come from another frame, and not every thread knows every class. */
export function tag(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

export function isUrl(value: unknown): value is URL {
  return tag(value) === "URL";
}

export function isBlob(value: unknown): value is Blob {
  return tag(value) === "Blob" || tag(value) === "File";
}

export function isBuffer(value: unknown): value is ArrayBuffer {
  return tag(value) === "ArrayBuffer";
}

export function isBytes(value: unknown): value is Uint8Array {
  return tag(value) === "Uint8Array";
}

export function isFloats(value: unknown): value is Float32Array {
  return tag(value) === "Float32Array";
}

/** Are its pixels there? */
export function isLoaded({ complete, naturalWidth }: HTMLImageElement): boolean {
  return complete && naturalWidth > 0;
}

/** Waits until the pixels of an `<img>` are there. */
export async function loaded(image: HTMLImageElement): Promise<void> {
  // One that the browser loads only when it comes into view may never do so.
  if (image.loading === "lazy") image.loading = "eager";
  const { src } = image;
  try {
    await image.decode();
  } catch (error) {
    // A decode that another address has ended says the same.
    const problem =
      image.src === src
        ? "is broken or was not found: check its src"
        : "was given another src while it was loaded: pass it again";
    throw new SamError("bad-image", `The <img> ${nameOf(image)} ${problem}.`, error);
  }
}

/** Its address; a data: URL would fill the message. */
export function nameOf({ currentSrc, src }: HTMLImageElement): string {
  const url = currentSrc || src;
  return url.length > 100 ? `${url.slice(0, 100)}…` : url || "without an address";
}
