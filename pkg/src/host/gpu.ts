import { SamError } from "../errors.js";

export interface AdapterChoice {
  /** The adapter in words. */
  readonly adapter: string;
  /** A software implementation: slower than WebAssembly on the same processor. */
  readonly software: boolean;
}

/** The adapter that WebGPU would use here, or why there is none. */
export async function findAdapter(): Promise<AdapterChoice | SamError> {
  const gpu = navigatorGpu();
  if (gpu === undefined) {
    const reason = globalThis.isSecureContext
      ? "this browser does not offer it"
      : "the page is neither https nor localhost, and browsers offer it there only";
    return noWebGpu(reason);
  }
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter === null) return noWebGpu("the browser has no adapter for this machine's GPU");
    const software = isFallback(adapter);
    return { adapter: inWords(adapter) + (software ? " (software)" : ""), software };
  } catch (error) {
    return noWebGpu("the browser failed to give an adapter", error);
  }
}

function navigatorGpu(): GPU | undefined {
  return globalThis.navigator?.gpu;
}

function noWebGpu(reason: string, cause?: unknown): SamError {
  return new SamError("no-webgpu", `WebGPU is not available: ${reason}. Pass device "cpu" or "auto".`, cause);
}

function isFallback(adapter: GPUAdapter): boolean {
  // Older browsers have it on the adapter.
  return adapter.info?.isFallbackAdapter ?? ("isFallbackAdapter" in adapter && adapter.isFallbackAdapter === true);
}

function inWords(adapter: GPUAdapter): string {
  const { vendor = "", architecture = "", description = "" } = adapter.info ?? {};
  return description || [vendor, architecture].filter((word) => word !== "").join(" ") || "unknown GPU";
}

/**
 * While the wasm module asks for its device: prefers the fast adapter, hides that `timestamp-query` is missing, and
 * hands the device out. Requests of others (`isOurs` says false) pass as they are. Returns a function that puts everything
 * back.
 *
 * burn's runtime panics on a device without timestamps although it only needs them to profile, which it never does
 * here. So the feature is shown, and left out of the request.
 */
export function interceptDevice(onDevice: (device: GPUDevice) => void, isOurs: () => boolean): () => void {
  const gpu = navigatorGpu();
  if (gpu === undefined) return () => undefined;
  const original = gpu.requestAdapter;
  gpu.requestAdapter = async (options) => {
    // Asked before anything is awaited: afterwards the caller is no longer on the stack.
    if (!isOurs()) return original.call(gpu, options);
    const adapter = await original.call(gpu, { powerPreference: "high-performance", ...options });
    if (adapter !== null) interceptAdapter(adapter, onDevice);
    return adapter;
  };
  return () => {
    // What was put on the instance hides what is on its class.
    Reflect.deleteProperty(gpu, "requestAdapter");
    if (gpu.requestAdapter !== original) gpu.requestAdapter = original;
  };
}

const TIMESTAMPS = "timestamp-query";

function interceptAdapter(adapter: GPUAdapter, onDevice: (device: GPUDevice) => void): void {
  const hasTimestamps = adapter.features.has(TIMESTAMPS);
  const original = adapter.requestDevice;
  // The objects stay what they are (the wasm module checks their class); only single properties are covered.
  if (!hasTimestamps) show(adapter, "features", new Set([...adapter.features, TIMESTAMPS]));
  const requestDevice: GPUAdapter["requestDevice"] = async (descriptor = {}) => {
    const wanted = [...(descriptor.requiredFeatures ?? [])];
    const requiredFeatures = hasTimestamps ? wanted : wanted.filter((feature) => feature !== TIMESTAMPS);
    const device = await original.call(adapter, { ...describeDevice(descriptor), requiredFeatures });
    if (!hasTimestamps) show(device, "features", new Set([...device.features, TIMESTAMPS]));
    onDevice(device);
    return device;
  };
  show(adapter, "requestDevice", requestDevice);
}

/** The members of a descriptor that may have accessors of its class instead of own properties. */
function describeDevice({ label, requiredLimits, defaultQueue }: GPUDeviceDescriptor): GPUDeviceDescriptor {
  return {
    ...(label === undefined ? {} : { label }),
    ...(requiredLimits === undefined ? {} : { requiredLimits }),
    ...(defaultQueue === undefined ? {} : { defaultQueue }),
  };
}

function show(object: object, property: string, value: unknown): void {
  Object.defineProperty(object, property, { value, configurable: true });
}

/** Reports what makes every later result of the device worthless. */
export function watchDevice(device: GPUDevice, onFailure: (error: SamError) => void): void {
  void device.lost.then(({ reason, message }) => {
    if (reason === "destroyed") return;
    onFailure(new SamError("device-lost", `The GPU device was lost: ${message || "no reason given."}`));
  });
  device.addEventListener("uncapturederror", ({ error }) => {
    if (typeof GPUOutOfMemoryError !== "undefined" && error instanceof GPUOutOfMemoryError) {
      const text = `The GPU is out of memory: ${error.message} Use a smaller model or device "cpu".`;
      onFailure(new SamError("out-of-memory", text, error));
    } else {
      // Burn only logs these; what it computes afterwards is wrong.
      onFailure(new SamError("device-lost", `The GPU reported an error: ${error.message}`, error));
    }
  });
}
