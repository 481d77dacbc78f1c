/** Everything mode: runs it, turns what it finds into shapes without holding up the page, and can be stopped. */
import type { EverythingProgress, EverythingRecord } from "burn-sam";
import { measure, shapeOf } from "../stage/regions.ts";
import type { Shape } from "../state/objects.ts";
import type { Everything } from "../state/state.ts";
import type { Engine } from "./engine.ts";

export interface EverythingActions {
  show(everything: Partial<Everything>): void;
  fail(error: unknown): void;
}

/** Milliseconds of work on the page's thread at a time: less than half a frame. */
const slice = 6;

export class EverythingMode {
  readonly #engine: Engine;
  readonly #actions: EverythingActions;
  #run: AbortController | null = null;
  #found: Shape[] = [];

  constructor(engine: Engine, actions: EverythingActions) {
    this.#engine = engine;
    this.#actions = actions;
  }

  async start(): Promise<void> {
    this.leave();
    const run = new AbortController();
    const { signal } = run;
    this.#run = run;
    this.#actions.show({ status: "running", done: 0, total: 0, regions: [] });
    const onProgress = (progress: EverythingProgress): void => {
      if (!signal.aborted) this.#progress(progress);
    };
    try {
      const records = await this.#engine.everything(signal, onProgress);
      const regions = await toShapes(records, signal);
      signal.throwIfAborted();
      this.#actions.show({ status: "done", regions });
    } catch (error) {
      if (signal.aborted) return;
      this.#actions.show({ status: "off", regions: [] });
      this.#actions.fail(error);
    } finally {
      if (this.#run === run) this.#run = null;
    }
  }

  /** Stops looking and forgets what was found. */
  leave(): void {
    this.#run?.abort();
    this.#run = null;
    this.#found = [];
    this.#actions.show({ status: "off", done: 0, total: 0, regions: [] });
  }

  #progress({ done, total, candidates }: EverythingProgress): void {
    const found = candidates.map(({ mask, score }) => ({
      ...mask,
      ...measure(mask.data, mask),
      score,
      token: 0 as const,
    }));
    if (found.length > 0) this.#found = [...this.#found, ...found];
    this.#actions.show({ done, total, regions: this.#found });
  }
}

async function toShapes(records: readonly EverythingRecord[], signal: AbortSignal): Promise<Shape[]> {
  const shapes: Shape[] = [];
  let began = performance.now();
  for (const record of records) {
    const shape = shapeOf(record);
    if (shape && shape.area > 0) shapes.push(shape);
    if (performance.now() - began > slice) {
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
      began = performance.now();
    }
  }
  return shapes;
}
