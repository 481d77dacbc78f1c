// What kind of thing a caller's image is, and waiting for one that is still being loaded.
import { SamError } from "./errors.js";

/** The tag rather than instanceof: an element may come from another frame, and not every thread knows every class. */
export function tag(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/** Waits until the pixels of an `<img>` are there. */
export async function loaded(image: HTMLImageElement): Promise<void> {
  try {
    await image.decode();
  } catch (error) {
    throw new SamError("bad-image", `The <img> ${nameOf(image)} is broken or was not found: check its src.`, error);
  }
}

/** Its address; a data: URL would fill the message. */
export function nameOf({ currentSrc, src }: HTMLImageElement): string {
  const url = currentSrc || src;
  return url.length > 100 ? `${url.slice(0, 100)}…` : url || "without an address";
}
