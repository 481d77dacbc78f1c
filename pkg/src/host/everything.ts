import { SamError } from "../errors.js";
import type { EverythingParams } from "../protocol.js";
import type { EverythingProgress, EverythingRecord } from "../types.js";
import { encodePixels } from "./encode.js";
import type { Engine } from "./engine.js";
import { openImage } from "../pixels.js";
import type { KeptSource, OpenImage } from "../pixels.js";
import type { Embedding, Session } from "./wasm.js";

export interface EverythingContext {
  readonly engine: Engine;
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly report: (progress: EverythingProgress) => void;
  /** A turn with the image, which must not be freed meanwhile. */
  readonly withImage: <T>(work: (image: Embedding) => T | Promise<T>) => Promise<T>;
  /** Where the image's pixels are; none for one that was opened from a file. */
  readonly source: KeptSource | undefined;
}

/** Batch by batch, each in a turn of its own: an abort acts between two, and other calls get through. */
export async function findEverything(
  { options, candidates }: EverythingParams,
  { engine, session, signal, report, withImage, source }: EverythingContext,
): Promise<EverythingRecord[]> {
  const layers = options.cropNLayers ?? 0;
  if (layers > 0 && source === undefined) {
    const problem = `options.cropNLayers is ${layers}, but an image opened from a file has no pixels to crop`;
    throw new SamError("bad-prompt", `${problem}: encode the image again, or pass 0.`);
  }
  const generation = await withImage((image) => image.everything(options));
  /** What the module holds for this call. */
  let held: { free(): void } | undefined = generation;
  let image: OpenImage | undefined;
  try {
    for (let isOver = false; !isOver;) {
      const wanted = await withImage(() => generation.wanted);
      if (wanted !== undefined && source !== undefined) {
        image ??= await openImage(source);
        const [x = 0, y = 0, width = 0, height = 0] = wanted;
        const crop = await encodePixels(image.part([x, y, width, height]), {
          ...{ engine, session, signal },
          report: () => undefined,
        });
        await supply(crop, () => generation.supply(crop));
      }
      isOver = await withImage(async () => {
        const isLast = await generation.step();
        const { done, total } = generation;
        report({ done, total, candidates: candidates ? generation.candidates() : [] });
        return isLast;
      });
    }
    return await withImage(() => {
      held = undefined;
      return generation.finish();
    });
  } finally {
    image?.close();
    const rest = held;
    if (rest !== undefined) engine.release(() => rest);
  }

  async function supply(crop: Embedding, work: () => void): Promise<void> {
    let isTaken = false;
    try {
      await withImage(() => {
        isTaken = true;
        work();
      });
    } finally {
      if (!isTaken) engine.release(() => crop);
    }
  }
}
