/** Everything around the stage: buttons, status line, progress bar, figures. */
import type { Progress, SamInfo } from "burn-sam";
import { byId } from "./dom.ts";
import { formatBytes, formatCount, formatProgress, formatTime } from "./format.ts";
import { chosenMask, type State, type Tool } from "./state.ts";

export interface Actions {
  tool(tool: Tool): void;
  undo(): void;
  redo(): void;
  clear(): void;
  cutout(): void;
}

const tools: readonly Tool[] = ["add", "remove", "box"];

export class Controls {
  readonly #undo = byId("undo", HTMLButtonElement);
  readonly #redo = byId("redo", HTMLButtonElement);
  readonly #clear = byId("clear", HTMLButtonElement);
  readonly #cutout = byId("cutout", HTMLButtonElement);
  readonly #status = byId("status", HTMLElement);
  readonly #progress = byId("progress", HTMLElement);
  readonly #bar = byId("progress-bar", HTMLProgressElement);
  readonly #progressText = byId("progress-text", HTMLElement);

  constructor(actions: Actions) {
    this.#undo.addEventListener("click", () => actions.undo());
    this.#redo.addEventListener("click", () => actions.redo());
    this.#clear.addEventListener("click", () => actions.clear());
    this.#cutout.addEventListener("click", () => actions.cutout());
    for (const tool of tools) {
      byId(`tool-${tool}`, HTMLInputElement).addEventListener("change", () => actions.tool(tool));
    }
  }

  show(state: State, status: string, exporting: boolean): void {
    const { past, present, future } = state.history;
    this.#undo.disabled = past.length === 0;
    this.#redo.disabled = future.length === 0;
    this.#clear.disabled = present.points.length === 0 && present.box === null;
    const mask = chosenMask(state);
    this.#cutout.disabled = exporting || !mask || mask.area === 0 || state.asking || state.image !== "encoded";
    if (this.#status.textContent !== status) this.#status.textContent = status;
  }

  /** `null` hides the bar. */
  showProgress(progress: Progress | null): void {
    this.#progress.hidden = !progress;
    if (!progress) return;
    this.#progressText.textContent = formatProgress(progress);
    if (progress.total > 0) this.#bar.value = progress.loaded / progress.total;
    else this.#bar.removeAttribute("value");
  }

  showInfo(info: SamInfo | null, failed: boolean): void {
    const chip = byId("chip", HTMLElement);
    const device = info?.device === "webgpu" ? "GPU" : "CPU";
    chip.textContent = failed ? "Not running" : info ? `${info.model} · ${device}` : "Loading…";
    set("info-model", info && `${info.model}, ${formatCount(info.parameters)} weights`);
    set("info-device", info && `${info.device === "webgpu" ? "WebGPU" : "CPU"}, ${info.precision}`);
    set("info-adapter", info && info.adapter);
    set("info-input", info && `${info.imageSize} × ${info.imageSize}`);
    set("info-memory", info && formatBytes(info.wasmMemory));
  }
}

export function showImageSize(width: number, height: number): void {
  set("info-image", `${width} × ${height}`);
}

export function showTime(what: "encode" | "segment", ms: number | null): void {
  set(`info-${what}`, ms === null ? null : formatTime(ms));
}

function set(id: string, text: string | null): void {
  const element = byId(id, HTMLElement);
  element.textContent = text || "–";
  element.title = text ?? "";
}
