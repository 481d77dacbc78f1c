/** Everything around the stage: tools, buttons, status line, progress bar. */
import type { Progress } from "burn-sam";
import { activeItem, isBlank } from "../state/objects.ts";
import { chosenShape, type State, type Tool } from "../state/state.ts";
import { formatProgress } from "../text/format.ts";
import { byId, onClick, setText } from "./dom.ts";

export interface Actions {
  tool(tool: Tool): void;
  undo(): void;
  redo(): void;
  clear(): void;
  everything(): void;
}

export const tools: readonly Tool[] = ["add", "remove", "box", "brush", "erase"];

export class Controls {
  readonly #undo: HTMLButtonElement;
  readonly #redo: HTMLButtonElement;
  readonly #clear: HTMLButtonElement;
  readonly #everything: HTMLButtonElement;
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
    for (const tool of tools) {
      byId(`tool-${tool}`, HTMLInputElement).addEventListener("change", () => actions.tool(tool));
    }
  }

  show(state: State, status: string, exporting: boolean): void {
    const { past, present, future } = state.history;
    const item = activeItem(present);
    const ready = state.image === "encoded" && state.model === "ready";
    this.#undo.disabled = past.length === 0;
    this.#redo.disabled = future.length === 0;
    this.#clear.disabled = isBlank(item);
    this.#everything.disabled = !ready;
    byId(`tool-${state.tool}`, HTMLInputElement).checked = true;
    const [cutout, more] = this.#exports;
    const shape = chosenShape(state, item);
    if (cutout) cutout.disabled = exporting || !shape || shape.area === 0 || state.asking || !ready;
    if (more) more.disabled = exporting || !ready;
    setText(this.#status, status);
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
