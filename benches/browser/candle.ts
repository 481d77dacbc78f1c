// candle's own SAM, in a Worker as burn-sam is.
import type { Call, Reply, Results } from "./candle-worker.ts";
import type { Answer, Engine } from "./engine.ts";
import { PROMPT } from "./input.ts";
import type { Memory, Model } from "./protocol.ts";

export class Candle implements Engine {
  readonly #model: Model;
  readonly #pixels: ImageData;
  #worker: Worker | undefined;

  constructor(model: Model, pixels: ImageData) {
    this.#model = model;
    this.#pixels = pixels;
  }

  async load(): Promise<void> {
    this.#worker = new Worker("/bench/candle-worker.js", { type: "module" });
    const weights = new URL(`/files/${this.#model.weights}`, location.href).href;
    await this.#ask({ call: "load", weights, tiny: this.#model.name === "mobile-sam" });
  }

  /** Preprocessing and the message to the Worker are part of it. */
  async encode(): Promise<void> {
    await this.#ask({ call: "encode", pixels: this.#pixels.data });
  }

  async decode(): Promise<void> {
    await this.#ask({ call: "decode", ...PROMPT });
  }

  async answer(): Promise<Answer> {
    return { embedding: await this.#ask({ call: "embedding" }), ...(await this.#ask({ call: "decode", ...PROMPT })) };
  }

  /** The next encode replaces the embedding. */
  free(): void {}

  async memory(): Promise<Memory> {
    return { wasm: await this.#ask({ call: "memory" }), gpu: 0 };
  }

  /** One call at a time. */
  #ask<C extends Call>(call: C): Promise<Results[C["call"]]> {
    const worker = this.#worker;
    if (worker === undefined) throw new Error("load() comes first");
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if ("error" in data) reject(new Error(data.error));
        else resolve(data.result as Results[C["call"]]);
      };
      // A trap in WebAssembly.
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(call);
    });
  }
}
