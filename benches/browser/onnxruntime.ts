// onnxruntime-web, on the page's own thread.
import type * as Ort from "onnxruntime-web";
import type { Answer, Engine } from "./engine.ts";
import { gpuPeak } from "./gpu-memory.ts";
import { PROMPT, normalise } from "./input.ts";
import type { Device, Memory, Model } from "./protocol.ts";

/** The builds that its users get for either provider, with the WebAssembly file beside them. */
const SCRIPTS: Record<Device, string> = { cpu: "/ort/ort.wasm.min.mjs", webgpu: "/ort/ort.webgpu.min.mjs" };

/** Its WebAssembly memories: it offers no way to ask for them. */
const memories: WebAssembly.Memory[] = [];

/** Must be called before onnxruntime-web is loaded. */
export function watchWasmMemories(): void {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      memories.push(this);
    }
  };
}

export function ortMemory(): Memory {
  return { wasm: Math.max(0, ...memories.map(({ buffer }) => buffer.byteLength)), gpu: gpuPeak() };
}

export async function importOrt(device: Device): Promise<typeof Ort> {
  const ort = (await import(SCRIPTS[device])) as typeof Ort;
  ort.env.wasm.numThreads = crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  ort.env.wasm.wasmPaths = new URL("/ort/", location.href).href;
  ort.env.logLevel = "error";
  return ort;
}

export function sessionOptions(device: Device): Ort.InferenceSession.SessionOptions {
  return { executionProviders: [device === "cpu" ? "wasm" : "webgpu"], graphOptimizationLevel: "all" };
}

export class OnnxRuntime implements Engine {
  readonly #device: Device;
  readonly #model: Model;
  readonly #image: Float32Array;
  #ort: typeof Ort | undefined;
  #encoder: Ort.InferenceSession | undefined;
  #decoder: Ort.InferenceSession | undefined;
  #embedding: Ort.Tensor | undefined;

  constructor(device: Device, model: Model, pixels: ImageData) {
    this.#device = device;
    this.#model = model;
    this.#image = normalise(pixels);
  }

  async load(): Promise<void> {
    const ort = await importOrt(this.#device);
    const options = sessionOptions(this.#device);
    // One after the other: it refuses two at a time.
    this.#encoder = await ort.InferenceSession.create(`/files/${this.#model.encoder}`, {
      ...options,
      // The embedding stays where the decoder wants it.
      ...(this.#device === "webgpu" ? { preferredOutputLocation: "gpu-buffer" as const } : {}),
    });
    this.#decoder = await ort.InferenceSession.create(`/files/${this.#model.decoder}`, options);
    this.#ort = ort;
  }

  /** The graph alone: the image is normalised already. */
  async encode(): Promise<void> {
    const { ort, encoder } = this.#started;
    const side = this.#model.imageSize;
    const { embedding } = await encoder.run({ image: new ort.Tensor("float32", this.#image, [1, 3, side, side]) });
    if (embedding === undefined) throw new Error("the encoder has no output `embedding`");
    if (this.#device === "webgpu") await (await ort.env.webgpu.device).queue.onSubmittedWorkDone();
    this.#embedding = embedding;
  }

  async decode(): Promise<void> {
    await this.#decode();
  }

  async answer(): Promise<Answer> {
    if (this.#embedding === undefined) throw new Error("encode() comes first");
    const { logits, scores } = await this.#decode();
    const values = async (tensor: Ort.Tensor | undefined) => (await tensor?.getData()) as Float32Array;
    return { embedding: await values(this.#embedding), logits: await values(logits), scores: await values(scores) };
  }

  free(): void {
    this.#embedding?.dispose();
    this.#embedding = undefined;
  }

  async memory(): Promise<Memory> {
    return ortMemory();
  }

  get #started(): { ort: typeof Ort; encoder: Ort.InferenceSession; decoder: Ort.InferenceSession } {
    const [ort, encoder, decoder] = [this.#ort, this.#encoder, this.#decoder];
    if (ort === undefined || encoder === undefined || decoder === undefined) throw new Error("load() comes first");
    return { ort, encoder, decoder };
  }

  #decode(): Promise<Ort.InferenceSession.OnnxValueMapType> {
    const { ort, decoder } = this.#started;
    if (this.#embedding === undefined) throw new Error("encode() comes first");
    const side = this.#model.imageSize;
    const low = side / 4;
    const floats = (shape: number[], values: number[]) => new ort.Tensor("float32", Float32Array.from(values), shape);
    return decoder.run({
      embedding: this.#embedding,
      // The padding point that the reference's graph wants where there is no box.
      point_coords: floats([1, 2, 2], [PROMPT.x * side, PROMPT.y * side, 0, 0]),
      point_labels: floats([1, 2], [1, -1]),
      mask_input: new ort.Tensor("float32", new Float32Array(low * low), [1, 1, low, low]),
      has_mask_input: floats([1], [0]),
    });
  }
}
