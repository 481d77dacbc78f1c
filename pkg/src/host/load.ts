import { SamError, toSamError } from "../errors.js";
import type { Calls, LoadParams } from "../protocol.js";
import type { Device, LoadProgress } from "../types.js";
import { forgetCheckpoint, readCheckpoint, sha256 } from "./download.js";
import { Engine } from "./engine.js";
import { findAdapter } from "./gpu.js";
import { BytesSource } from "./wasm.js";
import type { Session, WasmModules } from "./wasm.js";

export interface Loaded {
  readonly engine: Engine;
  readonly session: Session;
  readonly info: Calls["load"]["result"];
}

export interface LoadContext {
  readonly modules: WasmModules;
  readonly signal: AbortSignal;
  readonly report: (progress: LoadProgress) => void;
  /** Told of each engine before it is used: `auto` may try two. */
  readonly using: (engine: Engine) => void;
  /** Is the wasm module what is calling right now? On a thread of the caller's, others use WebGPU too. */
  readonly isOurs: () => boolean;
}

interface Place {
  readonly device: Device;
  readonly adapter: string;
  /** A GPU that is none: the kernels' tiles are cut for it. */
  readonly software: boolean;
}
const CPU: Place = { device: "cpu", adapter: "WebAssembly SIMD", software: false };

/** With `auto`, a GPU that fails with one of these leaves the CPU to try. */
const GPU_FAILURES = new Set(["no-webgpu", "device-lost", "out-of-memory", "internal"]);

export async function loadModel(params: LoadParams, context: LoadContext): Promise<Loaded> {
  const checkpoint = readCheckpoint(params, context.signal, context.report);
  // It is awaited later, and would count as unhandled until then.
  checkpoint.catch(() => undefined);
  const place = await choosePlace(params.device);
  try {
    return await loadOn(place, params, checkpoint, context);
  } catch (error) {
    const { code } = toSamError(error, "internal");
    if (code === "bad-checkpoint" || code === "not-implemented") await forgetCheckpoint(params);
    const tryCpu = params.device === "auto" && place.device === "webgpu" && GPU_FAILURES.has(code);
    if (!tryCpu || context.signal.aborted) throw error;
    console.warn("burn-sam: WebGPU failed, so the model runs on the CPU.", error);
    return loadOn(CPU, params, checkpoint, context);
  }
}

async function choosePlace(device: LoadParams["device"]): Promise<Place> {
  if (device === "cpu") return CPU;
  const found = await findAdapter();
  if (found instanceof SamError) {
    if (device === "webgpu") throw found;
    return CPU;
  }
  return device === "auto" && found.software ? CPU : { device: "webgpu", ...found };
}

async function loadOn(
  { device, adapter, software }: Place,
  params: LoadParams,
  checkpoint: Promise<Uint8Array>,
  { modules, signal, report, using, isOurs }: LoadContext,
): Promise<Loaded> {
  // The module is fetched while the checkpoint is.
  const starting = Engine.start(device, modules[device], params.wasm[device]);
  const reading = checkpoint.then((bytes) => {
    report({ stage: "compile", loaded: 0, total: 1 });
    return bytes;
  });
  const [bytes, engine] = await Promise.all([reading, starting]);
  report({ stage: "compile", loaded: 1, total: 1 });
  signal.throwIfAborted();
  using(engine);
  const name = params.model.kind === "url" ? params.model.name : undefined;
  const digest = await sha256(bytes);
  const known = { ...(name === undefined ? {} : { name }), ...(digest === undefined ? {} : { hash: toHex(digest) }) };
  const source = new BytesSource(bytes);
  const onTensor = (loaded: number, total: number) => report({ stage: "load", loaded, total });
  const session = await engine.load(source, { ...known, adapter, software }, isOurs, onTensor);
  return { engine, session, info: { ...session.info, device, adapter } };
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
