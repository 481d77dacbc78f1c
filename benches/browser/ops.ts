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

/** An export of burn-sam's module for micro-benches: milliseconds that one product of two matrices takes on its device. */
type BenchMatmul = (rows: number, inner: number, columns: number) => Promise<number>;

/** burn-sam's, where the module was built with it; it is not part of the package. */
export async function ownOp(device: Device, op: Op): Promise<RunOp | undefined> {
  const module = (await import(`/pkg/dist/wasm/${device}/burn_sam.js`)) as {
    default: () => Promise<unknown>;
    benchMatmul?: BenchMatmul;
  };
  const { benchMatmul } = module;
  if (benchMatmul === undefined) return undefined;
  await module.default();
  const [rows, inner, columns] = op.shape;
  return () => benchMatmul(rows, inner, columns);
}
