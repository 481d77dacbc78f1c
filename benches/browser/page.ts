// What the script drives: the engines with one model, or one operation. Times are taken here, in milliseconds.
import { BurnSam } from "./burn-sam.ts";
import { Candle } from "./candle.ts";
import type { Answer, Engine } from "./engine.ts";
import { watchGpuBuffers } from "./gpu-memory.ts";
import { squareImage } from "./input.ts";
import { OnnxRuntime, watchWasmMemories } from "./onnxruntime.ts";
import { ortOp, ownOp, type Subject } from "./ops.ts";
import type { Device, Difference, EngineName, Memory, Model, Op, PeerName, Step } from "./protocol.ts";

const engines = new Map<EngineName, Engine>();
const ops = new Map<EngineName, Subject["run"]>();

watchWasmMemories();
watchGpuBuffers();

const bench = {
  /** The adapter in words, and whether it is computed on the processor; `undefined` without WebGPU. */
  async adapter(): Promise<{ name: string; software: boolean } | undefined> {
    const adapter = await navigator.gpu?.requestAdapter();
    if (adapter == null) return undefined;
    const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
    const name = [...new Set([vendor, architecture, device, description])].filter((word) => word !== "").join(" ");
    return { name, software: isFallbackAdapter || /swiftshader|llvmpipe|lavapipe/i.test(name) };
  },

  async prepareEngines(device: Device, model: Model): Promise<void> {
    const pixels = await squareImage("/image.jpg", model.imageSize);
    engines.set("burn-sam", new BurnSam(device, model, pixels));
    engines.set("one-thread", new BurnSam(device, model, pixels, 1));
    engines.set("onnxruntime-web", new OnnxRuntime(device, model, pixels));
    engines.set("candle", new Candle(model, pixels));
  },

  /** Whether the engine can do this step at all. */
  offers(name: EngineName, step: Step): boolean {
    return engine(name)[step] !== undefined;
  },

  async time(name: EngineName, step: Step): Promise<number> {
    const subject = engine(name);
    // The embedding before this one must not be in the way of a figure for memory.
    if (step === "encode") subject.free();
    const started = performance.now();
    await subject[step]?.();
    return performance.now() - started;
  },

  /** How far burn-sam and another engine are apart, as a part of the other's largest value. */
  async difference(peer: PeerName): Promise<Difference> {
    const [ours, theirs] = [await engine("burn-sam").answer(), await engine(peer).answer()];
    const of = (part: keyof Answer) => largestDifference(ours[part], theirs[part]);
    return { embedding: of("embedding"), logits: of("logits"), scores: of("scores") };
  },

  memory(name: EngineName): Promise<Memory> {
    return engine(name).memory();
  },

  /** Products and sums of one run, where the engine knows; `undefined` where it has no such operation. */
  async prepareOp(name: EngineName, device: Device, op: Op): Promise<{ flop?: number } | undefined> {
    if (name === "candle" || name === "one-thread") return undefined;
    const software = device === "webgpu" && ((await this.adapter())?.software ?? true);
    const subject = await (name === "burn-sam" ? ownOp(device, op, software) : ortOp(device, op));
    if (subject === undefined) return undefined;
    const { run, ...about } = subject;
    ops.set(name, run);
    return about;
  },

  /** Milliseconds of one run. */
  async timeOp(name: EngineName): Promise<number> {
    const run = ops.get(name);
    if (run === undefined) throw new Error("prepareOp() comes first");
    return run();
  },
};

function engine(name: EngineName): Engine {
  const found = engines.get(name);
  if (found === undefined) throw new Error("prepareEngines() comes first");
  return found;
}

function largestDifference(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let [difference, scale] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i] ?? NaN, expected[i] ?? NaN];
    if (Number.isNaN(a) || Number.isNaN(b)) return Infinity;
    difference = Math.max(difference, Math.abs(a - b));
    scale = Math.max(scale, Math.abs(b));
  }
  return difference / scale;
}

declare global {
  var bench: Bench;
}
type Bench = typeof bench;

globalThis.bench = bench;
