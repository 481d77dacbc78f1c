/** What runs where, and how long it takes. */
import type { SamInfo } from "burn-sam";
import type { Timed } from "../model/engine.ts";
import { formatBytes, formatCount, formatTime } from "../text/format.ts";
import { text } from "../text/texts.ts";
import { byId, setText } from "./dom.ts";

export interface Figures {
  readonly info: SamInfo | null;
  readonly failed: boolean;
  readonly image: { readonly width: number; readonly height: number } | null;
  readonly timings: Readonly<Partial<Record<Timed, number>>>;
}

export function showFigures({ info, failed, image, timings }: Figures): void {
  const device = info?.device === "webgpu" ? "GPU" : "CPU";
  setText(byId("chip", HTMLElement), failed ? text.notRunning : info ? `${info.model} · ${device}` : text.loadingChip);
  set("info-model", info && `${info.model}, ${text.weights(formatCount(info.parameters))}`);
  set("info-layout", info && layoutOf(info));
  set("info-device", info && `${info.device === "webgpu" ? "WebGPU" : "CPU"}, ${info.precision}`);
  set("info-adapter", info && info.adapter);
  set("info-input", info && `${info.imageSize} × ${info.imageSize}`);
  set("info-memory", info && formatBytes(info.wasmMemory));
  set("info-image", image && `${image.width} × ${image.height}`);
  for (const what of ["load", "first", "encode", "segment"] as const) {
    const ms = timings[what];
    for (const id of [`info-${what}`, `time-${what}`]) {
      if (document.getElementById(id)) set(id, ms === undefined ? null : formatTime(ms));
    }
  }
}

/** How the checkpoint names its tensors. */
function layoutOf({ layout }: SamInfo): string {
  return text.layouts[layout] ?? layout;
}

/** What a checkpoint turned out to be, in a line. */
export function describeModel(info: SamInfo): string {
  const { model, parameters, bytes } = info;
  return [model, layoutOf(info), text.weights(formatCount(parameters)), formatBytes(bytes)].join(" · ");
}

function set(id: string, words: string | null): void {
  const place = byId(id, HTMLElement);
  setText(place, words || "–");
  place.title = words ?? "";
}
