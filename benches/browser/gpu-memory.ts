// Counts the bytes of the GPU buffers of this thread, of which no browser tells.

let live = 0;
let peak = 0;

/** Bytes of each buffer that is neither destroyed nor collected. */
const sizes = new WeakMap<GPUBuffer, { bytes: number }>();
const collected = new FinalizationRegistry<{ bytes: number }>(release);

function release(size: { bytes: number }): void {
  live -= size.bytes;
  size.bytes = 0;
}

/** Buffers made from now on are counted. */
export function watchGpuBuffers(): void {
  if (typeof GPUDevice === "undefined") return;
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    const size = { bytes: buffer.size };
    sizes.set(buffer, size);
    collected.register(buffer, size);
    live += size.bytes;
    peak = Math.max(peak, live);
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    const size = sizes.get(this);
    if (size !== undefined) release(size);
    return destroy.call(this);
  };
}

/** The most bytes that were there at a time. */
export function gpuPeak(): number {
  return peak;
}

/** Where a Worker answers to the page that asks for its peak. */
export const CHANNEL = "burn-sam-bench-gpu-memory";
