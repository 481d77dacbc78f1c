/** Everything around the stage: tools, buttons, status line, progress bar. */
import type { Progress } from "burn-sam";
import { canExport } from "../io/exports.ts";
import { activeItem, isBlank } from "../state/objects.ts";
import type { State, Tool } from "../state/state.ts";
import { formatProgress } from "../text/format.ts";
import { text } from "../text/texts.ts";
import { byId, onClick, setText } from "./dom.ts";

export interface Actions {
  tool(tool: Tool): void;
  undo(): void;
  redo(): void;
  clear(): void;
  everything(): void;
  keepAll(): void;
}

export interface Shown {
  readonly status: string;
  /** A file is being made. */
  readonly exporting: boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

export const tools: readonly Tool[] = ["add", "remove", "box", "brush", "erase"];

export class Controls {
  readonly #undo: HTMLButtonElement;
  readonly #redo: HTMLButtonElement;
  readonly #clear: HTMLButtonElement;
  readonly #everything: HTMLButtonElement;
  readonly #keepAll: HTMLButtonElement;
  readonly #exports = ["cutout", "more-exports"].map((id) => byId(id, HTMLButtonElement));
  readonly #status = byId("status", HTMLElement);
  readonly #progress = byId("progress", HTMLElement);
  readonly #bar = byId("progress-bar", HTMLProgressElement);
  readonly #progressText = byId("progress-text", HTMLElement);
  readonly #said = byId("said", HTMLElement);

  constructor(actions: Actions) {
    this.#undo = onClick("undo", actions.undo);
    this.#redo = onClick("redo", actions.redo);
    this.#clear = onClick("clear", actions.clear);
    this.#everything = onClick("everything", actions.everything);
    this.#keepAll = onClick("keep-all", () => {
      actions.keepAll();
      // It has hidden itself.
      this.#everything.focus();
    });
    for (const tool of tools) {
      byId(`tool-${tool}`, HTMLInputElement).addEventListener("change", () => actions.tool(tool));
    }
  }

  show(state: State, { status, exporting, canUndo, canRedo }: Shown): void {
    const { present } = state.history;
    const item = activeItem(present);
    const ready = state.image === "encoded" && state.model === "ready";
    this.#undo.disabled = !canUndo;
    this.#redo.disabled = !canRedo;
    this.#clear.disabled = isBlank(item);
    this.#everything.disabled = !ready;
    this.#showEverything(state.everything);
    byId(`tool-${state.tool}`, HTMLInputElement).checked = true;
    const [cutout, more] = this.#exports;
    const { one, all } = canExport(state);
    if (cutout) cutout.disabled = exporting || !one || state.asking || !ready;
    if (more) more.disabled = exporting || !ready;
    for (const id of ["copy", "save-mask"]) byId(id, HTMLButtonElement).disabled = !one;
    for (const id of ["save-svg", "save-coco"]) byId(id, HTMLButtonElement).disabled = !all;
    setText(this.#status, status);
  }

  #showEverything({ status, regions }: State["everything"]): void {
    const words = status === "running" ? text.stop : status === "done" ? text.done : text.findAll;
    setText(byId("everything-text", HTMLElement), words);
    this.#everything.setAttribute("aria-pressed", String(status !== "off"));
    const found = status === "done" && regions.length > 0;
    // One takes the place of the other.
    this.#keepAll.hidden = !found;
    byId("new-object", HTMLButtonElement).hidden = found;
  }

  /** `null` hides the bar. */
  showProgress(progress: Progress | null): void {
    this.#progress.hidden = !progress;
    if (!progress) return;
    setText(this.#progressText, formatProgress(progress));
    if (progress.total > 0) this.#bar.value = progress.loaded / progress.total;
    else this.#bar.removeAttribute("value");
  }

  /** For those who do not see the page. */
  say(words: string): void {
    setText(this.#said, words);
  }
}
