// Single operations.
import { importOrt, sessionOptions } from "./onnxruntime.ts";
import type { Device, Op } from "./protocol.ts";

/** `GPUBufferUsage`, which TypeScript does not know. */
const [COPY_SRC, COPY_DST, STORAGE] = [0x4, 0x8, 0x80];

/** One operation on random inputs. */
export interface Subject {
  /** Products and sums of one run, where the engine knows. */
  readonly flop?: number;
  /** Runs it once, waits for it, and says how many milliseconds it took. */
  run(): Promise<number>;
}

/** onnxruntime-web's. On WebGPU its inputs lie on the GPU and its output stays there. */
export async function ortOp(device: Device, op: Op): Promise<Subject> {
  const ort = await importOrt(device);
  const onGpu = device === "webgpu";
  const session = await ort.InferenceSession.create(`/files/${op.file}`, {
    ...sessionOptions(device),
    ...(onGpu ? { preferredOutputLocation: "gpu-buffer" as const } : {}),
  });
  const gpu = onGpu ? await ort.env.webgpu.device : undefined;
  const tensor = (shape: readonly number[]) => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => Math.random() - 0.5);
    if (gpu === undefined) return new ort.Tensor("float32", values, shape);
    const usage = STORAGE | COPY_SRC | COPY_DST;
    const buffer = gpu.createBuffer({ size: values.byteLength, usage });
    gpu.queue.writeBuffer(buffer, 0, values);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: shape });
  };
  const feeds = Object.fromEntries(Object.entries(op.inputs).map(([name, shape]) => [name, tensor(shape)]));
  return {
    async run() {
      const started = performance.now();
      const outputs = await session.run(feeds);
      await gpu?.queue.onSubmittedWorkDone();
      const took = performance.now() - started;
      for (const output of Object.values(outputs)) output.dispose();
      return took;
    },
  };
}

/** What burn-sam's modules export for these benches (src/web/bench.rs); those of the package do not. */
interface OpsModule {
  readonly default: (options: { module_or_path: Promise<Response> }) => Promise<unknown>;
  readonly OpBench: {
    prepare(
      operation: string,
      shape: Uint32Array,
      software: boolean,
    ): Promise<{ flop(): number; run(): Promise<void> } | undefined>;
  };
}

/** burn-sam's, where `cargo xtask bench` has built the module for it. */
export async function ownOp(device: Device, op: Op, software: boolean): Promise<Subject | undefined> {
  const folder = `/files/ops/${device}`;
  if (!(await fetch(`${folder}/burn_sam.js`, { method: "HEAD" })).ok) return undefined;
  const { default: init, OpBench } = (await import(`${folder}/burn_sam.js`)) as OpsModule;
  await init({ module_or_path: fetch(`${folder}/burn_sam_bg.wasm`) });
  const bench = await OpBench.prepare(op.op, Uint32Array.from(op.shape), software);
  if (bench === undefined) return undefined;
  return {
    flop: bench.flop(),
    async run() {
      const started = performance.now();
      await bench.run();
      return performance.now() - started;
    },
  };
}
