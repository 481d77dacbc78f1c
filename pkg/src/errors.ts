import type { SamErrorCode, SamErrorLike } from "./types.js";

/** Every failure of this package, with a code to decide on and a sentence that says what to do. */
export class SamError extends Error implements SamErrorLike {
  override readonly name = "SamError";
  readonly code: SamErrorCode;

  constructor(code: SamErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** An error on its way between the Worker and the page: structured clone would lose the class and the code. */
export interface WireError {
  readonly code: SamErrorCode;
  readonly message: string;
  readonly cause?: { readonly name: string; readonly message: string; readonly stack?: string };
}

// A record rather than a list, so that the compiler notices a code that is missing here.
const codes: Record<SamErrorCode, true> = {
  "no-webgpu": true,
  unsupported: true,
  "device-lost": true,
  "out-of-memory": true,
  "bad-checkpoint": true,
  "bad-image": true,
  "bad-prompt": true,
  "bad-embedding": true,
  network: true,
  integrity: true,
  superseded: true,
  disposed: true,
  "not-implemented": true,
  internal: true,
};

/** Is this a SamError, ours or the one that the wasm module throws? */
export function isSamError(error: unknown): error is SamErrorLike {
  return (
    error instanceof Error && error.name === "SamError" && "code" in error && Object.hasOwn(codes, String(error.code))
  );
}

/** The error as it is when it has a code already, else `code` with the original as its cause. */
export function toSamError(error: unknown, code: SamErrorCode, message?: string): SamError {
  if (error instanceof SamError) return error;
  if (isSamError(error)) return new SamError(error.code, error.message);
  return new SamError(code, message ?? describe(error), error);
}

export function toWire(error: SamError): WireError {
  const { code, message, cause } = error;
  if (cause === undefined) return { code, message };
  if (!(cause instanceof Error)) return { code, message, cause: { name: "Error", message: describe(cause) } };
  const stack = cause.stack === undefined ? {} : { stack: cause.stack };
  return { code, message, cause: { name: cause.name, message: cause.message, ...stack } };
}

export function fromWire(wire: WireError): SamError {
  if (wire.cause === undefined) return new SamError(wire.code, wire.message);
  const cause = new Error(wire.cause.message);
  cause.name = wire.cause.name;
  if (wire.cause.stack !== undefined) cause.stack = wire.cause.stack;
  return new SamError(wire.code, wire.message, cause);
}

/** What was thrown, in words: anything may be thrown. */
export function describe(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return String(error);
}
