// Single operations.
import { importOrt, sessionOptions } from "./onnxruntime.ts";
import type { Device, Op } from "./protocol.ts";

/** `GPUBufferUsage`, which TypeScript does not know. */
const [COPY_SRC, COPY_DST, STORAGE] = [0x4, 0x8, 0x80];

/** Runs one operation once, waits for it, and says how many milliseconds it took. */
export type RunOp = () => Promise<number>;

/** onnxruntime-web's. On WebGPU its inputs lie on the GPU and its output stays there. */
export async function ortOp(device: Device, op: Op): Promise<RunOp> {
  const ort = await importOrt(device);
  const [rows, inner, columns] = op.shape;
  const onGpu = device === "webgpu";
  const session = await ort.InferenceSession.create(`/files/${op.file}`, {
    ...sessionOptions(device),
    ...(onGpu ? { preferredOutputLocation: "gpu-buffer" as const } : {}),
  });
  const gpu = onGpu ? await ort.env.webgpu.device : undefined;
  const tensor = (shape: number[]) => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => Math.random() - 0.5);
    if (gpu === undefined) return new ort.Tensor("float32", values, shape);
    const usage = STORAGE | COPY_SRC | COPY_DST;
    const buffer = gpu.createBuffer({ size: values.byteLength, usage });
    gpu.queue.writeBuffer(buffer, 0, values);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: shape });
  };
  const feeds = { a: tensor([rows, inner]), ...(op.constant ? {} : { b: tensor([inner, columns]) }) };
  return async () => {
    const started = performance.now();
    const outputs = await session.run(feeds);
    await gpu?.queue.onSubmittedWorkDone();
    const took = performance.now() - started;
    for (const output of Object.values(outputs)) output.dispose();
    return took;
  };
}

/** What burn-sam's modules export for these benches (src/web/bench.rs); those of the package do not. */
interface OpsModule {
  readonly default: (options: { module_or_path: Promise<Response> }) => Promise<unknown>;
  readonly MatmulBench: {
    prepare(
      rows: number,
      inner: number,
      columns: number,
      constant: boolean,
      software: boolean,
    ): Promise<{ run(): Promise<void> }>;
  };
}

/** burn-sam's, where `cargo xtask bench` has built the module for it. */
export async function ownOp(device: Device, op: Op, software: boolean): Promise<RunOp | undefined> {
  const folder = `/files/ops/${device}`;
  if (!(await fetch(`${folder}/burn_sam.js`, { method: "HEAD" })).ok) return undefined;
  const { default: init, MatmulBench } = (await import(`${folder}/burn_sam.js`)) as OpsModule;
  await init({ module_or_path: fetch(`${folder}/burn_sam_bg.wasm`) });
  const bench = await MatmulBench.prepare(...op.shape, op.constant, software);
  return async () => {
    const started = performance.now();
    await bench.run();
    return performance.now() - started;
  };
}
