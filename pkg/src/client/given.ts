// Options as the caller gave them: an object with known names, or absent.
import { show } from "../check.js";
import { isBlob, isBuffer, isBytes, isUrl, tag } from "../element.js";
import { SamError } from "../errors.js";
import type { LoadOptions, SamErrorCode } from "../types.js";
import { listed, nearest } from "./names.js";

/**
 * The options, `{}` where they are absent: `null` counts as that, here and for each of them, because it is what a caller
 * without types passes. Rejects with `code` what is none.
 */
export function toOptions<T extends object>(
  options: T | null | undefined,
  names: Readonly<Record<keyof T & string, true>>,
  code: SamErrorCode,
  example: string,
): Partial<T> {
  if (options === undefined || options === null) return {};
  // What has another tag is something else: a signal, a file.
  if (!["Object", "Module"].includes(tag(options))) {
    const found = typeof options === "object" ? `[object ${tag(options)}]` : show(options);
    throw new SamError(code, `options is ${found}, not an object such as ${example}.`);
  }
  requireNames(options, names, (name) => `options.${name} is not an option`, code);
  return options;
}

/** Refuses other names than these: one that is misspelt would count as absent. */
export function requireNames(
  given: object,
  names: Readonly<Record<string, true>>,
  problemOf: (name: string) => string,
  code: SamErrorCode,
): void {
  const known = Object.keys(names);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || known.includes(name)) continue;
    const meant = nearest(name, known);
    const advice = meant === undefined ? `there are ${listed(known)}.` : `did you mean ${meant}?`;
    throw new SamError(code, `${problemOf(name)}: ${advice}`);
  }
}

/** A model where its options belong. */
export function requireNoModel(options: LoadOptions | null | undefined): void {
  const given: unknown = options;
  if (typeof given !== "string" && !isUrl(given) && !isBlob(given) && !isBuffer(given) && !isBytes(given)) return;
  const model = typeof given === "string" ? show(given) : "…";
  throw new SamError("unsupported", `Sam.load takes an object with its options: write Sam.load({ model: ${model} }).`);
}

/** `code` is what the call rejects with when it is none. */
export function toSignal(signal: AbortSignal | null | undefined, code: SamErrorCode): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  // Not `instanceof`: it may come from another frame.
  if (typeof signal === "object" && "aborted" in signal && "addEventListener" in signal) return signal;
  throw new SamError(code, `options.signal is ${show(signal)}, not an AbortSignal.`);
}

/** The `onProgress` of a call's options. */
export function toCallback<T>(
  onProgress: ((progress: T) => void) | null | undefined,
  code: SamErrorCode,
): ((progress: T) => void) | undefined {
  if (onProgress === undefined || onProgress === null) return undefined;
  if (typeof onProgress === "function") return onProgress;
  throw new SamError(code, `options.onProgress is ${show(onProgress)}, not a function.`);
}
