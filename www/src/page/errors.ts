/** Failures of the page itself, and what any failure is called. */
import type { SamErrorCode } from "burn-sam";

/** With the code the package would have used, and a message in the visitor's language. */
export class PageError extends Error {
  override readonly name = "PageError";
  readonly code: SamErrorCode;

  constructor(code: SamErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "internal";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The browser's name for what went wrong: `NotAllowedError`. */
export function nameOfError(error: unknown): string {
  return error instanceof Error ? error.name : "";
}
