import { SamError } from "../errors.js";
import type { LoadParams, WireModel } from "../protocol.js";
import type { Assets, LoadOptions, LoadProgress, ModelSource, Preset } from "../types.js";
import { absoluteUrl } from "./urls.js";

const presets: Record<Preset, true> = {
  tiny: true,
  "mobile-sam": true,
  "slimsam-77": true,
  "sam-vit-b": true,
  "sam-vit-l": true,
  "sam-vit-h": true,
};

/** Everything needed to load, and to load again after a loss. */
export interface LoadPlan {
  readonly params: LoadParams;
  readonly onProgress: ((progress: LoadProgress) => void) | undefined;
  /** Run in a Worker, or on this thread. */
  readonly worker: boolean;
  readonly workerUrl: string | undefined;
}

export function planLoad(options: LoadOptions): LoadPlan {
  const { device = "auto", precision = "auto", assets = {}, integrity, cache = true, worker = true } = options;
  if (device !== "auto" && device !== "webgpu" && device !== "cpu") {
    throw new SamError("unsupported", `device is "${String(device)}": pass "auto", "webgpu" or "cpu".`);
  }
  if (precision !== "auto" && precision !== "f16" && precision !== "f32") {
    throw new SamError("unsupported", `precision is "${String(precision)}": pass "auto" or "f32".`);
  }
  if (precision === "f16") {
    throw new SamError("not-implemented", 'precision "f16" is not implemented yet: pass "auto" or "f32".');
  }
  const params: LoadParams = {
    model: toWireModel(options.model ?? "tiny", assets),
    device,
    precision,
    cache,
    wasm: wasmUrls(assets.wasm),
    ...(integrity === undefined ? {} : { integrity }),
  };
  const workerUrl = assets.worker === undefined ? undefined : absoluteUrl(assets.worker, "assets.worker");
  return { params, onProgress: options.onProgress, worker, workerUrl };
}

function toWireModel(model: ModelSource, assets: Assets): WireModel {
  // A Blob outlives the caller's buffer, which may be changed or transferred, and is not on this thread's heap.
  if (model instanceof Blob) return { kind: "blob", blob: model };
  if (model instanceof ArrayBuffer) return { kind: "blob", blob: new Blob([model]) };
  if (model instanceof Uint8Array) return { kind: "blob", blob: new Blob([model as Uint8Array<ArrayBuffer>]) };
  if (typeof model !== "string" && !(model instanceof URL)) {
    throw new SamError(
      "bad-checkpoint",
      "model is neither a preset's name, a URL, a Blob or File, nor an ArrayBuffer.",
    );
  }
  if (model === "tiny") {
    const url = assets.model ?? new URL("../../models/tiny.safetensors", import.meta.url);
    return { kind: "url", url: absoluteUrl(url, "assets.model"), name: model };
  }
  if (typeof model === "string" && Object.hasOwn(presets, model)) {
    throw new SamError(
      "not-implemented",
      `The preset "${model}" is not implemented yet: pass the URL, File or ArrayBuffer of a safetensors checkpoint.`,
    );
  }
  return { kind: "url", url: absoluteUrl(model, "model") };
}

function wasmUrls(wasm: Assets["wasm"]): LoadParams["wasm"] {
  if (wasm === undefined) return {};
  if (typeof wasm === "string" || wasm instanceof URL) {
    const url = absoluteUrl(wasm, "assets.wasm");
    return { cpu: url, webgpu: url };
  }
  return {
    ...(wasm.cpu === undefined ? {} : { cpu: absoluteUrl(wasm.cpu, "assets.wasm.cpu") }),
    ...(wasm.webgpu === undefined ? {} : { webgpu: absoluteUrl(wasm.webgpu, "assets.wasm.webgpu") }),
  };
}
