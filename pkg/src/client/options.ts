import { show } from "../check.js";
import { isBlob, isBuffer, isBytes, isUrl, tag } from "../element.js";
import { SamError, describe } from "../errors.js";
import { requireIntegrity } from "../integrity.js";
import type { LoadParams, WireModel } from "../protocol.js";
import { findPreset, presets } from "../presets.js";
import type { Assets, LoadOptions, LoadProgress, ModelSource } from "../types.js";
import { requireNames, requireNoModel, toCallback, toOptions } from "./given.js";
import { listed, nearest } from "./names.js";
import { absoluteUrl } from "../urls.js";

/** Everything needed to load, and to load again after a loss. */
export interface LoadPlan {
  readonly params: LoadParams;
  readonly onProgress: ((progress: LoadProgress) => void) | undefined;
  /** Run in a Worker, or on this thread. */
  readonly worker: boolean;
  readonly workerUrl: string | undefined;
  /** Said of a model that is not there, or is none. */
  readonly hint: string | undefined;
}

// Records rather than lists, so that the compiler notices a name that is missing.
const names: Readonly<Record<keyof LoadOptions, true>> = {
  model: true,
  device: true,
  precision: true,
  onProgress: true,
  signal: true,
  integrity: true,
  cache: true,
  assets: true,
  worker: true,
  threads: true,
};
const assetNames: Readonly<Record<keyof Assets, true>> = { worker: true, wasm: true, model: true, presets: true };
const wasmNames = { webgpu: true, cpu: true, threads: true } as const;
const presetNames = ["tiny", ...presets.map(({ name }) => name)];

/** `null` counts as absent, here and for each option: that is what a caller without types passes. */
export function toLoadOptions(options: LoadOptions | null | undefined): LoadOptions {
  requireNoModel(options);
  return toOptions(options, names, "unsupported", '{ model: "tiny" }');
}

export function planLoad(options: LoadOptions): LoadPlan {
  const device = options.device ?? "auto";
  const precision = options.precision ?? "auto";
  const assets = options.assets ?? {};
  requireAssets(assets);
  const source = options.model ?? "tiny";
  const integrity = options.integrity ?? presetIntegrity(source, assets);
  if (integrity !== undefined) requireIntegrity(integrity);
  if (device !== "auto" && device !== "webgpu" && device !== "cpu") {
    throw new SamError("unsupported", `device is ${show(device)}: pass "auto", "webgpu" or "cpu".`);
  }
  if (precision !== "auto" && precision !== "f16" && precision !== "f32") {
    throw new SamError("unsupported", `precision is ${show(precision)}: pass "auto", "f16" or "f32".`);
  }
  const threads = options.threads ?? undefined;
  if (threads !== undefined && !(Number.isInteger(threads) && threads > 0)) {
    throw new SamError("unsupported", `threads is ${show(threads)}: pass a whole number from 1 on.`);
  }
  const params: LoadParams = {
    model: toWireModel(source, assets),
    device,
    precision,
    cache: options.cache ?? true,
    wasm: wasmUrls(assets.wasm ?? {}),
    ...(integrity === undefined ? {} : { integrity }),
    ...(threads === undefined ? {} : { threads }),
  };
  const workerUrl = assets.worker ? absoluteUrl(assets.worker, "assets.worker") : undefined;
  const onProgress = toCallback(options.onProgress, "unsupported");
  return { params, onProgress, worker: options.worker ?? true, workerUrl, hint: hintOf(source) };
}

function requireAssets(assets: Assets): void {
  const presetFiles = Object.fromEntries(presets.map(({ name }) => [name, true] as const));
  const check = (given: object, names: Readonly<Record<string, true>>, fieldOf: (name: string) => string) =>
    requireNames(given, names, (name) => `options.assets${fieldOf(name)} is not one of the assets`, "unsupported");
  check(assets, assetNames, (name) => `.${name}`);
  check(assets.presets ?? {}, presetFiles, (name) => `.presets[${show(name)}]`);
  // Else it is an address.
  if (tag(assets.wasm) === "Object") check(assets.wasm as object, wasmNames, (name) => `.wasm.${name}`);
}

/** What looks like a name is an address as well, but hardly meant as one. */
function hintOf(model: ModelSource): string | undefined {
  if (typeof model !== "string" || /[./]/.test(model) || presetNames.includes(model)) return undefined;
  const meant = nearest(model, presetNames);
  const question = meant === undefined ? "." : `: did you mean ${show(meant)}?`;
  return `${show(model)} is no preset's name${question} ${whichPresets()}`;
}

function whichPresets(): string {
  return `There are ${listed(presetNames.map(show))}.`;
}

function toWireModel(model: ModelSource, assets: Assets): WireModel {
  // A Blob outlives the caller's buffer, which may be changed or transferred, and is not on this thread's heap.
  if (isBlob(model)) return { kind: "blob", blob: model };
  if (isBuffer(model) || isBytes(model)) return { kind: "blob", blob: copyOf(model) };
  if (typeof model !== "string" && !isUrl(model)) {
    throw new SamError(
      "bad-checkpoint",
      "model is neither a preset's name, a URL, a Blob or File, nor an ArrayBuffer.",
    );
  }
  if (typeof model === "string" && model.trim() === "") {
    throw new SamError(
      "bad-checkpoint",
      `model is ${show(model)}: pass a preset's name, a URL or a file. ${whichPresets()}`,
    );
  }
  // At an address of the caller's own there may be another model.
  if (model === "tiny" && !assets.model) return { kind: "url", url: modelUrl(model, assets), name: model };
  const preset = findPreset(model)?.name;
  return { kind: "url", url: modelUrl(model, assets), ...(preset === undefined ? {} : { preset }) };
}

/** The address of what is neither a file nor bytes: a preset's, or the caller's. */
export function modelUrl(model: string | URL, assets: Assets): string {
  if (model === "tiny") {
    const url = assets.model ?? new URL("../../models/tiny.safetensors", import.meta.url);
    return absoluteUrl(url, "assets.model");
  }
  const preset = findPreset(model);
  if (preset === undefined) return absoluteUrl(model, "model");
  return absoluteUrl(assets.presets?.[preset.name] ?? preset.url, `assets.presets["${preset.name}"]`);
}

/** At an address of the caller's own the file may be another one: converted to f16, say. */
function presetIntegrity(model: ModelSource, assets: Assets): string | undefined {
  const preset = findPreset(model);
  return preset === undefined || assets.presets?.[preset.name] ? undefined : preset.integrity;
}

function copyOf(bytes: ArrayBuffer | Uint8Array): Blob {
  if (bytes.byteLength === 0) {
    throw new SamError("bad-checkpoint", "The checkpoint is empty: was its buffer transferred to somewhere else?");
  }
  try {
    return new Blob([bytes as ArrayBuffer | Uint8Array<ArrayBuffer>]);
  } catch (error) {
    // A SharedArrayBuffer, say.
    throw new SamError("bad-checkpoint", `The checkpoint's bytes cannot be read: ${describe(error)}`, error);
  }
}

function wasmUrls(wasm: NonNullable<Assets["wasm"]>): LoadParams["wasm"] {
  if (typeof wasm === "string" || isUrl(wasm)) {
    const url = absoluteUrl(wasm, "assets.wasm");
    return { cpu: url, webgpu: url };
  }
  return {
    ...(wasm.cpu ? { cpu: absoluteUrl(wasm.cpu, "assets.wasm.cpu") } : {}),
    ...(wasm.webgpu ? { webgpu: absoluteUrl(wasm.webgpu, "assets.wasm.webgpu") } : {}),
    ...(wasm.threads ? { threads: absoluteUrl(wasm.threads, "assets.wasm.threads") } : {}),
  };
}
