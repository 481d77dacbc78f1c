// A wasm module, a Worker and a page that run in Node, so that everything between the API and the boundary is tested.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Host } from "../dist/host/host.js";

export function samError(code, message) {
  return Object.assign(new Error(message), { name: "SamError", code });
}

/** Waits for what nobody tells of. On a crowded machine a fixed wait may be over before the event loop has run once. */
export async function until(condition) {
  const end = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < end, `never: ${condition}`);
    await sleep(1);
  }
}

/** A bitmap as far as this package looks at one. */
export class FakeBitmap {
  constructor(width, height) {
    Object.assign(this, { width, height, closed: false });
  }
  close() {
    this.closed = true;
  }
}

/** Calls `work` out of a wasm function, so that a stack taken there shows one. */
export function throughWasm(work) {
  // (import "m" "f" (func)) (func (export "run") (call 0))
  const bytes = [
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 109, 1, 102, 0, 0],
    ...[3, 2, 1, 0, 7, 7, 1, 3, 114, 117, 110, 0, 1, 10, 6, 1, 4, 0, 16, 0, 11],
  ];
  const module = new WebAssembly.Module(new Uint8Array(bytes));
  new WebAssembly.Instance(module, { m: { f: work } }).exports.run();
}

/** SHA-256 as the crate has it. */
export class Sha256 {
  #hash = createHash("sha256");
  update(bytes) {
    this.#hash.update(bytes);
  }
  digest() {
    return this.#hash.digest("hex");
  }
}

/** The boundary of the crate. `log` records what enters it; some arguments make it misbehave. */
export function fakeModule(log = [], { steps = 5 } = {}) {
  class Embedding {
    constructor(width, height) {
      Object.assign(this, { width, height });
    }
    /** Two at a time; a mask of 13 × 13 is not of this model. */
    groups(prompts) {
      log.push(`groups of ${prompts.length}`);
      prompts.forEach(({ mask }, i) => {
        if (mask?.width === 13) throw samError("bad-prompt", `Bad prompt: prompts[${i}].mask has another size.`);
      });
      const groups = [];
      for (let i = 0; i < prompts.length; i += 2) groups.push(prompts.length > i + 1 ? [i, i + 1] : [i]);
      return groups.reverse();
    }
    async segment(prompts, options) {
      log.push(`segment ${prompts.length}`);
      if (options.threshold === 500) throw new WebAssembly.RuntimeError("unreachable");
      if (options.threshold === 501) return new Promise(() => undefined);
      if (options.threshold === 502) throw samError("bad-prompt", "the model says no");
      if (options.threshold === 503) throw samError("out-of-memory", "ask for a smaller size");
      const [width, height] = options.size ?? [this.width, this.height];
      const data = options.output === "logits" ? new Float32Array(width * height) : new Uint8Array(width * height);
      const logits = () => ({ data: new Float32Array(16), width: 4, height: 4 });
      const area = ({ points = [] }) => points[0]?.x ?? 0;
      return prompts.map((prompt) => [
        { score: 0.9, token: 1, width, height, data, bbox: [0, 0, 0, 0], area: area(prompt), logits: logits() },
      ]);
    }
    /** Ten points for the image and for each layer of crops, two in a batch. */
    everything(options) {
      if (options.pointsPerSide === 13) throw samError("bad-prompt", "Bad prompt: options.pointsPerSide is 13.");
      log.push("everything");
      return new Generation(options, this);
    }
    async data() {
      return { data: new Float32Array(4), shape: [1, 1, 2, 2] };
    }
    async save() {
      return new Uint8Array([this.width, this.height]);
    }
    free() {
      log.push("free embedding");
    }
  }
  class Generation {
    done = 0;
    crops = 0;
    constructor({ cropNLayers = 0, outputMode = "binary_mask" }, image) {
      Object.assign(this, { layers: cropNLayers, mode: outputMode, image, total: 10 * (1 + cropNLayers) });
    }
    get wanted() {
      return this.done === 10 * (1 + this.crops) && this.crops < this.layers ? Uint32Array.of(1, 2, 3, 4) : undefined;
    }
    supply(crop) {
      log.push(`supply ${crop.width} × ${crop.height}`);
      this.crops += 1;
    }
    async step() {
      log.push(`batch at ${this.done}`);
      this.done += 2;
      return this.done === this.total;
    }
    candidates() {
      log.push("candidates");
      const mask = { data: new Uint8Array(4), width: 2, height: 2 };
      return [{ mask, bbox: [0, 0, 1, 1], score: 0.9, point: [this.done, 0], cropBox: [0, 0, 4, 4] }];
    }
    finish() {
      const { width, height } = this.image;
      const mask = { data: new Uint8Array(width * height).fill(1), width, height };
      const segmentation = this.mode === "binary_mask" ? mask : { size: [height, width], counts: [0, width * height] };
      return [{ segmentation, area: width * height, bbox: [0, 0, width - 1, height - 1] }];
    }
    free() {
      log.push("free generation");
    }
  }
  class Encoding {
    done = 0;
    total = steps;
    constructor(size) {
      this.size = size;
    }
    async step() {
      log.push(`step of ${this.size.width}`);
      return ++this.done === this.total;
    }
    finish() {
      return new Embedding(this.size.width, this.size.height);
    }
    free() {
      log.push("free encoding");
    }
  }
  class Reader {
    rows = 0;
    constructor(width, height) {
      Object.assign(this, { width, height });
    }
    push(rgba) {
      this.rows += rgba.length / (4 * this.width);
      if (rgba[0] !== 0) log.push(`pixels from ${rgba[0]} to ${rgba.at(-1)}`);
    }
    free() {
      log.push("free reader");
    }
  }
  class WarmUp {
    done = 0;
    total = steps;
    async step() {
      log.push(`kernels ${++this.done}`);
      return this.done === this.total;
    }
    free() {
      log.push("free kernels");
    }
  }
  class Session {
    info = {
      model: "custom",
      layout: "original",
      bytes: 28,
      device: "cpu",
      adapter: "",
      precision: "f32",
      parameters: 7,
      imageSize: 64,
      hash: "00",
    };
    static async load(source, { hash }, onTensor) {
      if (source.size === 0) throw samError("bad-checkpoint", "the file is empty");
      if (source.read(0, 2).includes(60)) throw samError("bad-checkpoint", "no magic.");
      log.push(`load ${source.read(0, source.size).length}`);
      for (let done = 1; done <= 3; done++) {
        log.push(`tensor ${done}`);
        await onTensor(done, 3);
      }
      const session = new Session();
      session.info = { ...session.info, hash };
      return session;
    }
    warmUp() {
      log.push("warm-up");
      return { done: 1, total: 1, step: async () => true, free: () => undefined };
    }
    static async warmUpAhead({ name = "?" }, source) {
      log.push(`ahead of ${source?.size ?? name}`);
      return new WarmUp();
    }
    reader(width, height) {
      return new Reader(width, height);
    }
    encode(reader) {
      if (reader.rows !== reader.height) throw samError("bad-image", `${reader.rows} of ${reader.height} rows`);
      return new Encoding(reader);
    }
    open(file) {
      if (this.freed) {
        log.push("open after free");
        throw new Error("null pointer passed to rust");
      }
      if (file.length !== 2) throw samError("bad-embedding", "not a saved image");
      return new Embedding(file[0], file[1]);
    }
    free() {
      this.freed = true;
      log.push("free session");
    }
  }
  class Conversion {
    written = 0;
    constructor(source, half, write) {
      if (source.size === 13) throw samError("bad-checkpoint", "cannot be converted");
      Object.assign(this, { source, half, write, total: half ? Math.ceil(source.size / 2) : source.size });
    }
    /** A byte, or with `half` every other. */
    step() {
      log.push("conversion");
      this.write(this.source.read(this.written++ * (this.half ? 2 : 1), 1).slice());
      return this.written === this.total;
    }
    free() {
      log.push("free conversion");
    }
  }
  const memory = new WebAssembly.Memory({ initial: 1 });
  return { Session, Sha256, Conversion, init: async () => ({ memory }), url: new URL("data:application/wasm,") };
}

/** What `Sam.load` looks for in a page. Returns the Workers that were started. */
export function installPage({ log, steps, script = "worker" } = {}) {
  const workers = [];
  class Worker {
    constructor(url) {
      this.url = url;
      workers.push(this);
      if (script === "missing") return void setTimeout(() => this.onerror({ message: "" }));
      if (script === "forbidden") throw new DOMException("blocked by the policy", "SecurityError");
      const modules = { cpu: fakeModule(log, { steps }), webgpu: fakeModule(log, { steps }) };
      this.host = new Host(modules, (message, transfer) => this.deliver(message, transfer));
      this.deliver({ kind: "ready" }, []);
    }
    deliver(message, transfer) {
      const data = structuredClone(message, { transfer });
      setImmediate(() => !this.terminated && this.onmessage?.({ data }));
    }
    postMessage(message, transfer) {
      const data = structuredClone(message, { transfer });
      setImmediate(() => !this.terminated && this.host?.receive(data));
    }
    terminate() {
      this.terminated = true;
    }
  }
  globalThis.Worker = Worker;
  globalThis.OffscreenCanvas = class {};
  globalThis.createImageBitmap = async () => Promise.reject(new DOMException("not decodable", "InvalidStateError"));
  globalThis.origin = "https://page.test";
  globalThis.location = { origin: "https://page.test", href: "https://page.test/index.html" };
  return workers;
}

/** Pixels that need no canvas. */
export function imageData(width, height) {
  const data = new Uint8ClampedArray(4 * width * height);
  return { data, width, height, colorSpace: "srgb", [Symbol.toStringTag]: "ImageData" };
}

export const checkpoint = new Blob([new Uint8Array(10)]);
