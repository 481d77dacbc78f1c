import { SamError } from "./errors.js";

/** An absolute address; a relative one is relative to the page. */
export function absoluteUrl(url: string | URL, what: string): string {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(url, base).href;
  } catch (error) {
    throw new SamError("network", `${what} "${String(url)}" is not a URL.`, error);
  }
}
