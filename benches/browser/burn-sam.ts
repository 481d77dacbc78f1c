// burn-sam, as a page uses it.
import type { Sam, SamImage } from "burn-sam";
import type { Answer, Engine } from "./engine.ts";
import { CHANNEL } from "./gpu-memory.ts";
import { PROMPT } from "./input.ts";
import type { Device, Memory, Model } from "./protocol.ts";

export class BurnSam implements Engine {
  readonly #device: Device;
  readonly #model: Model;
  readonly #pixels: ImageData;
  readonly #threads: number | undefined;
  #loaded: Sam | undefined;
  #image: SamImage | undefined;

  /** `threads`: the most; only an isolated page has more than one. */
  constructor(device: Device, model: Model, pixels: ImageData, threads?: number) {
    this.#threads = threads;
    this.#device = device;
    this.#model = model;
    this.#pixels = pixels;
  }

  async load(): Promise<void> {
    const { Sam } = await import("burn-sam");
    this.#loaded = await Sam.load({
      model: new URL(`/files/${this.#model.weights}`, location.href),
      device: this.#device,
      precision: "f32",
      cache: false,
      ...(this.#threads === undefined ? {} : { threads: this.#threads }),
      assets: { worker: "/bench/worker.js" },
    });
  }

  /** Preprocessing and the message to the Worker are part of it. */
  async encode(): Promise<void> {
    this.#image = await this.#sam.encode(this.#pixels);
  }

  /** Low-res logits cannot be asked for alone: they come with masks, here of one pixel. */
  async decode(): Promise<void> {
    await this.image.segment(this.#prompt, { size: [1, 1] });
  }

  async segment(): Promise<void> {
    await this.image.segment(this.#prompt);
  }

  async answer(): Promise<Answer> {
    const { data: embedding } = await this.image.embedding();
    const masks = await this.image.segment(this.#prompt, { size: [1, 1] });
    masks.sort((a, b) => a.token - b.token);
    const side = this.#model.imageSize / 4;
    const logits = new Float32Array(masks.length * side * side);
    masks.forEach((mask, i) => logits.set(mask.logits.data, i * side * side));
    return { embedding, logits, scores: Float32Array.from(masks, (mask) => mask.score) };
  }

  free(): void {
    this.#image?.free();
    this.#image = undefined;
  }

  async memory(): Promise<Memory> {
    const channel = new BroadcastChannel(CHANNEL);
    const gpu = await new Promise<number>((resolve) => {
      channel.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
      channel.postMessage("peak?");
    });
    channel.close();
    return { wasm: this.#sam.info.wasmMemory, gpu };
  }

  get #sam(): Sam {
    if (this.#loaded === undefined) throw new Error("load() comes first");
    return this.#loaded;
  }

  private get image(): SamImage {
    if (this.#image === undefined) throw new Error("encode() comes first");
    return this.#image;
  }

  /** In pixels of the image, which is as large as the encoder's square. */
  get #prompt() {
    const side = this.#model.imageSize;
    return { points: [{ x: PROMPT.x * side, y: PROMPT.y * side, label: 1 as const }] };
  }
}
