import type { CallResult } from "./protocol.js";

/** Closes the bitmaps among these: their memory is not the garbage collector's. */
export function closeBitmaps(things: readonly unknown[]): void {
  // Not `instanceof`: nothing else here has both, and not every thread knows the class.
  for (const thing of things) if (isBitmap(thing)) thing.close();
}

/** Closes the bitmaps of an answer that nobody waits for. */
export function discard(answer: CallResult): void {
  if (Array.isArray(answer)) closeBitmaps(answer.flat().map(({ data }) => data));
}

function isBitmap(thing: unknown): thing is ImageBitmap {
  return typeof thing === "object" && thing !== null && "close" in thing && "width" in thing;
}
