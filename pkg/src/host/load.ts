import { SamError, toSamError } from "../errors.js";
import type { Calls, LoadParams } from "../protocol.js";
import type { Device, LoadProgress } from "../types.js";
import { Ahead } from "./ahead.js";
import type { Kernels } from "./ahead.js";
import { forgetCheckpoint, readCheckpoint } from "./download.js";
import type { Checkpoint } from "./download.js";
import { Engine } from "./engine.js";
import { findAdapter } from "./gpu.js";
import { hashingWith } from "./hash.js";
import type { Hashing } from "./hash.js";
import { openSlices, slicesOf } from "./slices.js";
import { withOrigin } from "./origin.js";
import type { StartThreads } from "./threads.js";
import { breathe } from "./turns.js";
import type { Session, WasmModules } from "./wasm.js";

export interface Loaded {
  readonly engine: Engine;
  readonly session: Session;
  /** Where it can be read again. */
  readonly checkpoint: Checkpoint;
  readonly info: Calls["load"]["result"];
}

export interface LoadContext {
  readonly modules: WasmModules;
  readonly signal: AbortSignal;
  readonly report: (progress: LoadProgress) => void;
  /** Told of each engine before it is used: `auto` may try two. */
  readonly using: (engine: Engine) => void;
  /** The CPU's engine on several threads, where that can be. */
  readonly withThreads: StartThreads | undefined;
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

/** Most tensors take less than a message does: not each is worth one. */
const TELL_MS = 10;

/** With `auto`, a GPU that fails with one of these leaves the CPU to try. */
const GPU_FAILURES = new Set(["no-webgpu", "device-lost", "out-of-memory", "internal"]);

export async function loadModel(params: LoadParams, context: LoadContext): Promise<Loaded> {
  const { modules, signal, report } = context;
  const place = choosePlace(params.device);
  // The module is fetched while the checkpoint is, which it then hashes.
  const start = async ({ device }: Place) =>
    (device === "cpu" ? await context.withThreads?.(params) : undefined) ??
    Engine.start(device, modules[device], params.wasm[device]);
  const reading = new AbortController();
  /** Says whether the file can be read as it lies. */
  const compileFor = (blob: Blob): boolean => {
    const source = slicesOf(blob);
    if (source !== undefined) ahead.begin(source);
    return source !== undefined;
  };
  const read = (hashing: Hashing) =>
    readCheckpoint(params, { signal, report, hashing, until: reading.signal, onKept: compileFor });
  const engine = place.then(start);
  const ahead = new Ahead(() => kernelsOf(place, engine, params, context), context.isOurs);
  signal.addEventListener("abort", () => ahead.end());
  const hasBegun = params.model.kind === "blob" && compileFor(params.model.blob);
  const hashing = hashingWith(engine);
  // The hash of a given file is of what has been begun with.
  const watched = async () => ahead.watch(await hashing());
  const checkpoint = read(hasBegun ? hashing : watched).finally(() => ahead.end());
  // They are awaited later, and would count as unhandled until then.
  for (const promise of [engine, checkpoint]) promise.catch(() => undefined);
  const chosen = await place.catch((error: unknown) => {
    reading.abort();
    throw error;
  });
  /** What is no model is not kept, and its error says where it came from. */
  const failure = async (error: unknown, checkpoint: Promise<Checkpoint>): Promise<unknown> => {
    const { code } = toSamError(error, "internal");
    if (code !== "bad-checkpoint" && code !== "not-implemented") return error;
    const file = await checkpoint.then(({ blob }) => blob).catch(() => undefined);
    const named = await withOrigin(toSamError(error, "internal"), params.model, file);
    reading.abort();
    await forgetCheckpoint(params);
    return named;
  };
  try {
    return await loadOn(chosen, params, engine, checkpoint, context, ahead);
  } catch (thrown) {
    const error = await failure(thrown, checkpoint);
    const { code } = toSamError(error, "internal");
    const tryCpu = params.device === "auto" && chosen.device === "webgpu" && GPU_FAILURES.has(code);
    if (!tryCpu || signal.aborted || !(await isOfDevice(engine, checkpoint))) throw error;
    console.warn("burn-sam: WebGPU failed, so the model runs on the CPU.", error);
    const cpu = start(CPU);
    // The failure may have stopped the download, which needs a module too.
    const again = checkpoint.catch(() => read(hashingWith(cpu)));
    try {
      return await loadOn(CPU, params, cpu, again, context);
    } catch (error) {
      throw await failure(error, again);
    }
  } finally {
    reading.abort();
  }
}

/** Whether it was the module or the GPU that failed, not the checkpoint on its way, which would not get further on the CPU. */
async function isOfDevice(engine: Promise<Engine>, checkpoint: Promise<Checkpoint>): Promise<boolean> {
  const hasStopped = await engine.then(
    ({ failure }) => failure !== undefined,
    () => true,
  );
  const isRead = () =>
    checkpoint.then(
      () => true,
      () => false,
    );
  return hasStopped || isRead();
}

/** What the load will run on, if that has kernels to compile. */
async function kernelsOf(
  place: Promise<Place>,
  starting: Promise<Engine>,
  { model, precision }: LoadParams,
  { using }: LoadContext,
): Kernels {
  const [{ device, software }, engine] = await Promise.all([place, starting]);
  if (device === "cpu") return undefined;
  using(engine);
  const preset = model.kind === "url" ? model.preset : undefined;
  return { engine, options: { ...(preset === undefined ? {} : { name: preset }), software, precision } };
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
  starting: Promise<Engine>,
  checkpoint: Promise<Checkpoint>,
  { signal, report, using, isOurs }: LoadContext,
  ahead?: Ahead,
): Promise<Loaded> {
  const reading = checkpoint.then((read) => {
    report({ stage: "compile", loaded: 0, total: 1 });
    return read;
  });
  const [found, engine] = await Promise.all([reading, starting]);
  report({ stage: "compile", loaded: 1, total: 1 });
  signal.throwIfAborted();
  using(engine);
  report({ stage: "load", loaded: 0, total: 0 });
  const name = params.model.kind === "url" ? params.model.name : undefined;
  const place = engine.threads > 1 ? `${adapter}, ${engine.threads} threads` : adapter;
  const options = {
    ...(name === undefined ? {} : { name }),
    hash: found.hash,
    adapter: place,
    software,
    precision: params.precision,
  };
  let told = -Infinity;
  const onTensor = (loaded: number, total: number) => {
    const now = performance.now();
    if (now - told < TELL_MS && loaded < total) return undefined;
    told = now;
    report({ stage: "load", loaded, total });
    return breathe().then(() => {
      // With a code: anything else would count as a failure of the module.
      if (signal.aborted) throw new SamError("disposed", "The load was aborted.");
    });
  };
  const session = await engine.load(await openSlices(found.blob), options, isOurs, onTensor);
  try {
    if (device === "webgpu" && ahead?.isWhole !== true) await warmUp(engine, session, signal, report);
    const { device: _, adapter: __, ...info } = session.info;
    return { engine, session, checkpoint: found, info: { ...info, device, adapter: place } };
  } catch (error) {
    engine.release(() => session);
    throw error;
  }
}

/** Compiles the GPU's kernels step by step, so that the page is drawn between two; the first click would wait for them. */
async function warmUp(
  engine: Engine,
  session: Session,
  signal: AbortSignal,
  report: LoadContext["report"],
): Promise<void> {
  const kernels = await engine.turn(signal, () => session.warmUp());
  try {
    for (let done = false; !done;) {
      done = await engine.turn(signal, () => kernels.step());
      report({ stage: "compile", loaded: kernels.done, total: kernels.total });
    }
  } finally {
    engine.release(() => kernels);
  }
}
