import type { EncodeProgress } from "../types.js";
import type { Engine } from "./engine.js";
import type { Pixels } from "../pixels.js";
import type { Embedding, Session } from "./wasm.js";

export interface EncodeContext {
  readonly engine: Engine;
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly report: (progress: EncodeProgress) => void;
}

/**
 * Pixels → embedding, band by band and block by block: between two of them anything else may have its turn. `onRead`: the
 * pixels are not needed any more.
 */
export async function encodePixels(
  pixels: Pixels,
  { engine, session, signal, report }: EncodeContext,
  onRead: () => void = () => undefined,
): Promise<Embedding> {
  const turn = <T>(work: () => T | Promise<T>): Promise<T> => engine.turn(signal, work);
  /** What the module holds for this call until the next object takes it over. */
  let held: { free(): void } | undefined;
  try {
    const { width, height, bandRows } = pixels;
    const reader = await turn(() => session.reader(width, height));
    held = reader;
    for (let y = 0; y < height;) {
      const rows = Math.min(bandRows, height - y);
      const band = pixels.band(y, rows);
      await turn(() => reader.push(band));
      y += rows;
      report({ stage: "read", loaded: y, total: height });
    }
    onRead();
    const encoding = await turn(() => {
      held = undefined;
      return session.encode(reader);
    });
    held = encoding;
    for (let done = false; !done;) {
      done = await turn(() => encoding.step());
      report({ stage: "encode", loaded: encoding.done, total: encoding.total });
    }
    return await turn(() => {
      held = undefined;
      return encoding.finish();
    });
  } finally {
    const rest = held;
    if (rest !== undefined) engine.release(() => rest);
  }
}
