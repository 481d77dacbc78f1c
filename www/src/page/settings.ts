/** The settings' dialog: which model on which device, and how long it takes. */
import type { Progress } from "burn-sam";
import { modelName, type ModelChoice, type Settings } from "../state/settings.ts";
import { formatBytes, formatProgress } from "../text/format.ts";
import { text } from "../text/texts.ts";
import { explain } from "./alert.ts";
import { byId, element, onClick, setText } from "./dom.ts";

/** Milliseconds that a choice made by arrow keys has to rest. */
const keyDelay = 700;

/** A model of the menu. */
export interface MenuEntry {
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly bytes: number;
  readonly licence: string;
}

export interface SettingsActions {
  change(changes: Partial<Settings>): void;
  model(choice: ModelChoice): void;
  stopLoading(): void;
  closed(): void;
  /** Does no model run, and is none on its way? */
  failed(): boolean;
  /** Resolves to the name of the file. */
  save(onProgress: (progress: Progress) => void): Promise<string>;
  forget(): Promise<void>;
}

export class SettingsDialog {
  readonly #dialog = byId("settings-dialog", HTMLDialogElement);
  readonly #models = byId("models", HTMLElement);
  readonly #status = byId("model-status", HTMLElement);
  readonly #statusText = byId("model-status-text", HTMLElement);
  readonly #bar = byId("model-bar", HTMLProgressElement);
  readonly #reason = byId("model-reason", HTMLElement);
  readonly #url = byId("model-url", HTMLInputElement);
  readonly #menu: readonly MenuEntry[];
  #kept: ReadonlySet<string> = new Set();
  /** The preset that is chosen. */
  #chosen = "";

  constructor(menu: readonly MenuEntry[], actions: SettingsActions) {
    this.#menu = menu;
    let waiting: ReturnType<typeof setTimeout>;
    this.#models.addEventListener("change", ({ target }) => {
      if (!(target instanceof HTMLInputElement)) return;
      const { value: name } = target;
      const choose = (): void => actions.model({ kind: "preset", name });
      clearTimeout(waiting);
      // Arrow keys pass over models of gigabytes on their way to another.
      if (target.matches(":focus-visible")) waiting = setTimeout(choose, keyDelay);
      else choose();
    });
    // What is chosen already does not change, but is to be had again where it did not load.
    this.#models.addEventListener("click", ({ target }) => {
      if (!(target instanceof HTMLInputElement) || target.value !== this.#chosen || !actions.failed()) return;
      actions.model({ kind: "preset", name: target.value });
    });
    this.#dialog.addEventListener("close", () => actions.closed());
    byId("model-url-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const url = this.#url.value.trim();
      if (url) actions.model({ kind: "url", url });
    });
    onClick("model-stop", () => {
      actions.stopLoading();
      // The button goes, and what runs again is what comes next.
      this.#models.querySelector<HTMLInputElement>("input:checked")?.focus();
    });
    const save = onClick("save-model", () => {
      save.disabled = true;
      actions
        .save((progress) => setText(save, formatProgress(progress)))
        .then(
          (name) => this.#say(text.saved(name), true),
          (error: unknown) => this.showError(error),
        )
        .finally(() => {
          save.disabled = false;
          setText(save, text.saveModel);
        });
    });
    onClick("forget", () => void actions.forget().then(() => this.#say(text.forgotten, true)));
    for (const key of ["device", "precision"] as const) {
      const select = byId(key, HTMLSelectElement);
      select.addEventListener("change", () => actions.change({ [key]: select.value }));
    }
    for (const key of ["preview", "tidy", "keys"] as const) {
      const box = byId(`set-${key}`, HTMLInputElement);
      box.addEventListener("change", () => actions.change({ [key]: box.checked }));
    }
  }

  get open(): boolean {
    return this.#dialog.open;
  }

  show(settings: Settings): void {
    this.update(settings);
    setText(this.#reason, "");
    this.#dialog.showModal();
  }

  /** `kept`: names of the models that are on this device already. */
  update(settings: Settings, kept: ReadonlySet<string> = this.#kept): void {
    this.#kept = kept;
    const { model } = settings;
    this.#chosen = model.kind === "preset" ? model.name : "";
    const focused = this.#models.querySelector<HTMLInputElement>("input:focus")?.value;
    this.#models.replaceChildren(...this.#menu.map((entry) => this.#card(entry, model)));
    if (model.kind !== "preset") this.#models.prepend(this.#ownCard(model));
    for (const input of this.#models.querySelectorAll("input")) if (input.value === focused) input.focus();
    if (model.kind === "url") this.#url.value = model.url;
    byId("device", HTMLSelectElement).value = settings.device;
    byId("precision", HTMLSelectElement).value = settings.precision;
    byId("set-preview", HTMLInputElement).checked = settings.preview;
    byId("set-tidy", HTMLInputElement).checked = settings.tidy;
    byId("set-keys", HTMLInputElement).checked = settings.keys;
  }

  /** `null`: nothing is being loaded. */
  showProgress(progress: Progress | null): void {
    this.#status.hidden = !progress;
    if (!progress) return;
    setText(this.#reason, "");
    setText(this.#statusText, formatProgress(progress));
    if (progress.total > 0) this.#bar.value = progress.loaded / progress.total;
    else this.#bar.removeAttribute("value");
  }

  /** The reason of a refusal. */
  showError(error: unknown): void {
    const { title, words, detail } = explain(error, true);
    this.#say(text.sentences(title, words), false);
    this.#reason.append(element("code", detail));
    this.#reason.scrollIntoView({ block: "nearest" });
  }

  showLoaded(words: string): void {
    this.#say(words, true);
  }

  #say(words: string, good: boolean): void {
    this.#reason.toggleAttribute("data-good", good);
    setText(this.#reason, words);
  }

  #card({ name, title, bytes, licence }: MenuEntry, chosen: ModelChoice): HTMLElement {
    const facts = [formatBytes(bytes), licence, this.#kept.has(name) && text.modelKept];
    return card(
      { name, title: name === "tiny" ? `${text.modelBuiltIn} (tiny)` : title },
      [text.modelNotes[name] ?? "", facts.filter((part) => part !== false).join(" · ")],
      chosen.kind === "preset" && chosen.name === name,
    );
  }

  /** For a file or an address: chosen, and not to be chosen again here. */
  #ownCard(model: ModelChoice): HTMLElement {
    const note = model.kind === "url" ? model.url : "";
    const own = card({ name: modelName(model), title: modelName(model) }, [note], true);
    own.querySelector("input")?.setAttribute("disabled", "");
    return own;
  }
}

function card(
  { name, title }: Pick<MenuEntry, "name" | "title">,
  notes: readonly string[],
  checked: boolean,
): HTMLElement {
  const label = element("label");
  const input = element("input");
  input.type = "radio";
  input.name = "model";
  input.value = name;
  input.checked = checked;
  const words = element("span");
  words.append(element("strong", title), ...notes.filter(Boolean).map((note) => element("small", note)));
  label.append(input, words);
  return label;
}
