// Checks of what the caller passed, for errors by the names the caller used.
import { isBytes, tag } from "./element.js";
import { SamError } from "./errors.js";
import type { BinaryMask, Logits } from "./types.js";

export function bad(field: string, problem: string): SamError {
  return new SamError("bad-prompt", `${field} ${problem}.`);
}

/** A value that does not fit, in the words of an error. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** What is missing where there is no browser. */
export function requireGlobals(...names: readonly string[]): void {
  const missing = names.filter((name) => !(name in globalThis));
  if (missing.length === 0) return;
  throw new SamError("unsupported", `This draws with a browser, and there is no ${missing.join(", ")} here.`);
}

/** Sides of at least one pixel, and a value for each pixel. */
export function requireSize({ data, width, height }: Logits | BinaryMask, field: string): void {
  requireSide(width, `${field}.width`);
  requireSide(height, `${field}.height`);
  if (data.length !== width * height) {
    throw bad(`${field}.data`, `has ${data.length} values, not ${width} × ${height}`);
  }
}

export function requireSide(value: number, field: string, max = Infinity, min = 1): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  const range = max === Infinity ? `of ${min} or more` : `from ${min} to ${max}`;
  throw bad(field, `is ${show(value)}, not a whole number ${range}`);
}

/** A mask to draw or to write down. */
export function requireBinaryMask(mask: BinaryMask, field = "mask"): void {
  if (typeof mask !== "object" || mask === null) throw bad(field, `is ${show(mask)}, not { data, width, height }`);
  if (!isPixels(mask.data)) {
    throw bad(`${field}.data`, 'is not a Uint8Array: pass a mask as segment() gives it with output "mask"');
  }
  requireSize(mask, field);
}

export function isPixels(data: unknown): data is BinaryMask["data"] {
  return isBytes(data) || tag(data) === "Uint8ClampedArray";
}

export function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}
