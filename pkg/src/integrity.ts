import { SamError } from "./errors.js";
import { show } from "./check.js";

/** A SHA-256 in hexadecimal → `sha256-…` in base64, as in subresource integrity. */
export function toIntegrity(hash: string): string {
  const bytes = hash.match(/../g) ?? [];
  return `sha256-${btoa(bytes.map((byte) => String.fromCharCode(Number.parseInt(byte, 16))).join(""))}`;
}

/** Before anything is downloaded: a text that no file can have. */
export function requireIntegrity(integrity: unknown): asserts integrity is string {
  if (typeof integrity === "string" && /^sha256-[A-Za-z0-9+/]{43}=$/.test(integrity)) return;
  throw new SamError(
    "integrity",
    `integrity is ${show(integrity)}: pass "sha256-" and the SHA-256 of the file in base64 (44 characters).`,
  );
}
