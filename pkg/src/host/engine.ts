import { SamError, describe, isSamError, toSamError } from "../errors.js";
import type { Device } from "../types.js";
import { STALL_MS, withinStall } from "../fetch.js";
import { interceptDevice, watchDevice } from "./gpu.js";
import { Turns } from "./turns.js";
import type { Hash } from "./hash.js";
import type { CheckpointSource, ModuleOptions, Session, WarmUp, WasmModule } from "./wasm.js";

/** wasm32 ends at 4 GiB; a trap this close to it is an allocation that failed. */
const NEARLY_FULL = 3.5 * 2 ** 30;

/** The smallest module with a SIMD instruction in it. */
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

const MOVED = "If a bundler moved it, pass its address as assets.wasm.";

const started = new Map<WasmModule, Promise<Engine>>();

/** One running wasm module. A thread has at most one of each: the generated script keeps it in a variable. */
export class Engine {
  /** That the module computes on. */
  readonly threads: number;
  readonly #turns = new Turns();
  readonly #device: Device;
  readonly #module: WasmModule;
  readonly #memory: WebAssembly.Memory;
  readonly #listeners = new Set<(error: SamError) => void>();
  readonly #running = new Set<(error: SamError) => void>();
  #failure: SamError | undefined;

  /** For a module that is instantiated. */
  constructor(device: Device, module: WasmModule, memory: WebAssembly.Memory, threads = 1) {
    this.threads = threads;
    this.#device = device;
    this.#module = module;
    this.#memory = memory;
  }

  /** The thread's engine for this device; fetched and compiled the first time. */
  static async start(device: Device, module: WasmModule, url = module.url.href): Promise<Engine> {
    let starting = started.get(module);
    if (starting === undefined) {
      starting = instantiate(device, module, url).then((memory) => new Engine(device, module, memory));
      started.set(module, starting);
      starting.catch(() => started.delete(module));
    }
    const engine = await starting;
    if (engine.failure === undefined) return engine;
    const { code, message } = engine.failure;
    throw new SamError(
      code,
      `The engine of this thread has stopped and cannot start twice (${message}): end the thread.`,
    );
  }

  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  get failure(): SamError | undefined {
    return this.#failure;
  }

  /** Is a call inside the module? */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  /** Called once, when the module can no longer be used. */
  onFailure(listener: (error: SamError) => void): void {
    this.#listeners.add(listener);
  }

  offFailure(listener: (error: SamError) => void): void {
    this.#listeners.delete(listener);
  }

  /** `isOurs`: whether the module is what is calling WebGPU right now. */
  load(
    source: CheckpointSource,
    options: ModuleOptions,
    isOurs: () => boolean,
    onTensor: (done: number, total: number) => Promise<void> | undefined,
  ): Promise<Session> {
    return this.#turns.run(() => this.#withDevice(isOurs, () => this.#module.Session.load(source, options, onTensor)));
  }

  /** Begins to compile for a checkpoint that is not here yet. Only for a GPU; `source`: so much of it as describes it. */
  warmUpAhead(
    signal: AbortSignal,
    options: ModuleOptions,
    source: CheckpointSource | undefined,
    isOurs: () => boolean,
  ): Promise<WarmUp> {
    return this.#turns.run(() => {
      signal.throwIfAborted();
      return this.#withDevice(isOurs, () => {
        const kernels = this.#module.Session.warmUpAhead?.(options, source);
        if (kernels === undefined) throw new SamError("internal", "This module has nothing to compile.");
        return kernels;
      });
    });
  }

  /** For what may be the first to ask for the device. */
  async #withDevice<T>(isOurs: () => boolean, work: () => Promise<T>): Promise<T> {
    const onDevice = (device: GPUDevice) => watchDevice(device, (error) => this.fail(error));
    const restore = this.#device === "webgpu" ? interceptDevice(onDevice, isOurs) : undefined;
    try {
      return await this.#run(work);
    } finally {
      restore?.();
    }
  }

  /** A hash that the module computes: between its turns, because nothing waits in it. */
  sha256(): Hash {
    const sha256 = this.#enter(() => new this.#module.Sha256());
    return {
      update: (bytes) => this.#enter(() => sha256.update(bytes)),
      digest: () => this.#enter(() => sha256.digest()),
    };
  }

  /** Writes the checkpoint as safetensors, a tensor in a turn. */
  async convert(
    signal: AbortSignal,
    source: CheckpointSource,
    half: boolean,
    write: (chunk: Uint8Array) => void,
    report: (written: number, total: number) => void,
  ): Promise<void> {
    const conversion = await this.turn(signal, () => new this.#module.Conversion(source, half, write));
    try {
      for (let done = false; !done;) {
        done = await this.turn(signal, () => conversion.step());
        report(conversion.written, conversion.total);
      }
    } finally {
      this.release(() => conversion);
    }
  }

  #enter<T>(work: () => T): T {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return work();
    } catch (error) {
      if (!isSamError(error)) this.fail(error);
      throw this.#failure ?? toSamError(error, "internal");
    }
  }

  /**
   * Enters the module, in turn: whatever computes there takes one, and so does `release`. Rejects with the signal's reason
   * where it was aborted before the turn came.
   */
  turn<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    return this.#turns.run(() => {
      signal.throwIfAborted();
      return this.#run(work);
    });
  }

  /** Frees an object of the module, in turn. After a failure there is nothing to free it from. */
  release(held: () => { free(): void } | undefined): void {
    const freed = this.#turns.run(() => (this.#failure === undefined ? this.#run(() => held()?.free()) : undefined));
    // A failure is told to the listeners.
    freed.catch(() => undefined);
  }

  /** What the module throws with a code is an answer; anything else is a trap, after which it is unusable. */
  #run<T>(work: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      // A panic in the middle of a future never settles its promise: `fail` does.
      this.#running.add(reject);
      const finish =
        <A>(settle: (value: A) => void) =>
        (value: A) => {
          this.#running.delete(reject);
          settle(value);
        };
      const onError = (error: unknown) => {
        if (!isSamError(error) || error.code === "device-lost") this.fail(error);
        finish(reject)(this.#failure ?? toSamError(error, "internal"));
      };
      try {
        Promise.resolve(work()).then(finish(resolve), onError);
      } catch (error) {
        onError(error);
      }
    });
  }

  /** Declares the module unusable: a trap, a panic, a lost device. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    const failure = failureOf(error, this.memoryBytes);
    this.#failure = failure;
    for (const reject of this.#running) reject(failure);
    for (const listener of this.#listeners) listener(failure);
  }
}

/** What it means that this came out of a module with so much memory. */
export function failureOf(error: unknown, memoryBytes: number): SamError {
  const text = describe(error);
  const full = /out of memory|array buffer allocation/i.test(text) || memoryBytes >= NEARLY_FULL;
  if (full && (error instanceof RangeError || error instanceof WebAssembly.RuntimeError)) {
    return new SamError("out-of-memory", `WebAssembly is out of memory (${text}). Use a smaller model.`, error);
  }
  return toSamError(error, "internal", `The engine stopped: ${text}.`);
}

async function instantiate(device: Device, module: WasmModule, url: string): Promise<WebAssembly.Memory> {
  if (!WebAssembly.validate(new Uint8Array(SIMD))) {
    throw new SamError("unsupported", "This browser's WebAssembly has no SIMD: update the browser.");
  }
  const response = await fetchWasm(url);
  const type = response.headers.get("Content-Type") ?? "";
  try {
    return (await module.init({ module_or_path: response })).memory;
  } catch (error) {
    if (error instanceof RangeError) {
      throw new SamError("out-of-memory", `There is no memory to start WebAssembly: ${describe(error)}`, error);
    }
    throw new SamError("unsupported", `The WebAssembly file ${url} ${problemOf(error, device, type)}`, error);
  }
}

/** Forbidden, another file, or not wasm at all: a page. */
function problemOf(error: unknown, device: Device, type: string): string {
  const reason = describe(error);
  if (/Content.Security.Policy|\bCSP\b|unsafe-eval/i.test(reason)) {
    return "could not be started: the page's Content-Security-Policy must allow script-src 'wasm-unsafe-eval'.";
  }
  if (type.startsWith("text/html")) return `is none: the server has answered with a page (${type}). ${MOVED}`;
  if (error instanceof WebAssembly.LinkError) {
    return (
      `is not that of the device ${device}, or of another version than the script (${reason}). ` +
      "Each device has a file of its own: pass their addresses as assets.wasm: { cpu, webgpu }."
    );
  }
  return `could not be started: ${reason}`;
}

export async function fetchWasm(url: string): Promise<Response> {
  const controller = new AbortController();
  let response: Response;
  try {
    // What comes after the answer is not looked at: the browser takes it as it is, and keeps what it has compiled of it.
    response = await withinStall(fetch(url, { signal: controller.signal }), STALL_MS);
  } catch (error) {
    controller.abort(error);
    throw new SamError("network", `The WebAssembly file could not be fetched from ${url}: ${describe(error)}`, error);
  }
  if (!response.ok) {
    const status = `${response.status} ${response.statusText}`.trim();
    throw new SamError("network", `The WebAssembly file is not at ${url} (${status}). ${MOVED}`);
  }
  return response;
}
