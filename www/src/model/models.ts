/** Which model runs where: what was chosen, in the settings, the address or on an earlier visit, and how it is loaded. */
import type { LoadOptions, Progress } from "burn-sam";
import { Checkpoints, keyOf } from "../io/checkpoints.ts";
import { download } from "../io/download.ts";
import { keepSettings, recallSettings, type Remembered } from "../io/store.ts";
import { byId, onClick } from "../page/dom.ts";
import { describeModel } from "../page/figures.ts";
import { SettingsDialog } from "../page/settings.ts";
import { builtIn, modelFrom, modelName, type ModelChoice, type Settings } from "../state/settings.ts";
import { preferred, speak, text, type Language } from "../text/texts.ts";
import type { Engine } from "./engine.ts";
import { forgetModels, keptModels, menu } from "./presets.ts";

export interface ModelActions {
  changed(): void;
  language(): void;
  /** The settings' dialog was closed. */
  closed(): void;
  /** Does no model run, and is none on its way? */
  failed(): boolean;
  say(words: string): void;
  fail(error: unknown): void;
}

interface Running extends Pick<Remembered, "model" | "device" | "precision" | "file"> {
  readonly blob: Blob | null;
}

export class Models {
  readonly #engine: Engine;
  readonly #actions: ModelActions;
  readonly #dialog: SettingsDialog;
  readonly #checkpoints = new Checkpoints();
  #settings: Remembered;
  /** Without what only the address says. */
  #remembered: Remembered;
  /** The file of the chosen checkpoint, as soon as it is there. */
  #blob: Blob | null = null;
  /** What runs: chosen again when another one is refused. */
  #running: Running = { model: builtIn, file: null, blob: null, device: "auto", precision: "auto" };
  #loading = false;

  constructor(engine: Engine, actions: ModelActions) {
    this.#engine = engine;
    this.#actions = actions;
    this.#remembered = recallSettings();
    this.#settings = withQuery(this.#remembered, new URLSearchParams(location.search));
    const { language } = this.#settings;
    speakOf(language ?? preferred(navigator.languages));
    this.#dialog = new SettingsDialog(menu, {
      change: (changes) => this.change(changes),
      model: (model) => void this.#choose(model),
      stopLoading: () => this.#stop(),
      closed: actions.closed,
      failed: actions.failed,
      save: (onProgress) => this.#save(onProgress),
      forget: () => this.#forget(),
    });
    onClick("language", () => this.#speak(text.language === "en" ? "zh" : "en"));
  }

  readonly settings = (): Settings => this.#settings;

  load(): void {
    void this.#load();
  }

  /** A checkpoint that was dropped or chosen. */
  openFile(file: File): void {
    void this.#choose({ kind: "file", name: file.name }, file);
  }

  /** Another device or precision is another load. */
  change(changes: Partial<Settings>): void {
    const before = this.#settings;
    this.#keep(changes);
    this.#actions.changed();
    const { device, precision } = this.#settings;
    if (device !== before.device || precision !== before.precision) void this.#load();
  }

  showSettings(): void {
    this.#dialog.show(this.#settings);
    void this.#showKept();
  }

  /** What is loaded is shown in the dialog as well. */
  showProgress(progress: Progress | null): void {
    this.#dialog.showProgress(this.#loading ? progress : null);
  }

  /** The reason of a refusal belongs into the dialog while it is open. */
  takeError(error: unknown): boolean {
    if (!this.#dialog.open || !this.#loading) return false;
    this.#dialog.showError(error);
    return true;
  }

  /** What is always there. */
  useBuiltIn(): void {
    void this.#choose(builtIn);
  }

  get isBuiltIn(): boolean {
    const { model } = this.#settings;
    return model.kind === "preset" && model.name === "tiny";
  }

  async #choose(model: ModelChoice, file: File | null = null): Promise<void> {
    const key = file && keyOf(file);
    this.#blob = file;
    this.#keep({ model, file: key });
    this.#dialog.update(this.#settings);
    if (!(await this.#load())) return;
    const { info } = this.#engine;
    const words = text.modelLoaded(modelName(model), info ? describeModel(info) : "");
    this.#say(words);
    if (!file || key === null) return;
    const kept = await this.#checkpoints.keep(file, key);
    if (kept === "refused" && this.#settings.model === model) this.#say(`${words} ${text.modelNotKept}`);
  }

  #say(words: string): void {
    if (this.#dialog.open) this.#dialog.showLoaded(words);
    else this.#actions.say(words);
  }

  /** Resolves to whether what is chosen now was loaded. */
  async #load(): Promise<boolean> {
    const { model, device, precision, file } = this.#settings;
    const source = await this.#sourceOf(model, file);
    // Another choice may have been made meanwhile: here, and while it is loaded.
    if (this.#settings.model !== model) return false;
    if (source === null) {
      // The file was not kept: there was no room, the copy was not made to its end, or it was forgotten.
      this.#keep({ model: builtIn, file: null });
      this.#actions.say(text.modelGone(modelName(model)));
      return this.#load();
    }
    this.#loading = true;
    // A server that does not answer can be given up too.
    this.#dialog.showProgress({ stage: "download", loaded: 0, total: 0 });
    // The service worker keeps what ships with the page: once is enough.
    const loaded = await this.#engine.load({ model: source, device, precision, cache: !this.isBuiltIn });
    const latest = this.#settings;
    if (latest.model !== model || latest.device !== device || latest.precision !== precision) return false;
    this.#loading = false;
    if (loaded) this.#running = { model, device, precision, file, blob: this.#blob };
    else if (this.#engine.info) this.#revert();
    this.#dialog.update(this.#settings);
    void this.#showKept();
    return loaded;
  }

  /** The model before still runs: that is what the next visit gets. */
  #revert(): void {
    const { blob, ...settings } = this.#running;
    this.#blob = blob;
    this.#keep(settings);
  }

  async #sourceOf(model: ModelChoice, file: string | null): Promise<NonNullable<LoadOptions["model"]> | null> {
    if (model.kind === "preset") return model.name;
    if (model.kind === "url") return model.url;
    if (this.#blob) return this.#blob;
    const kept = file === null ? null : await this.#checkpoints.recall(file);
    // A file that was chosen meanwhile is not to be replaced.
    if (this.#settings.model === model) this.#blob = kept;
    return kept;
  }

  #stop(): void {
    this.#engine.stopLoading();
    this.#loading = false;
    if (this.#engine.info) this.#revert();
    this.#dialog.update(this.#settings);
  }

  async #save(onProgress: (progress: Progress) => void): Promise<string> {
    const file = await this.#engine.saveModel(onProgress);
    const name = `${this.#engine.info?.model ?? "model"}-f16.safetensors`;
    download(file, name);
    return name;
  }

  async #forget(): Promise<void> {
    await Promise.all([forgetModels(), this.#checkpoints.forget()]).catch(this.#actions.fail);
    await this.#showKept();
  }

  async #showKept(): Promise<void> {
    this.#dialog.update(this.#settings, await keptModels());
  }

  #speak(language: Language): void {
    speakOf(language);
    this.#keep({ language });
    this.#dialog.update(this.#settings);
    this.#actions.language();
  }

  #keep(changes: Partial<Remembered>): void {
    this.#settings = { ...this.#settings, ...changes };
    this.#remembered = { ...this.#remembered, ...changes };
    keepSettings(this.#remembered);
  }
}

/** The button that switches is in the other language. */
function speakOf(language: Language): void {
  speak(language);
  byId("language", HTMLElement).lang = language === "en" ? "zh" : "en";
}

/** The address says more than what is remembered. */
function withQuery(settings: Remembered, query: URLSearchParams): Remembered {
  const [device, model, language] = [query.get("device"), query.get("model"), query.get("lang")];
  return {
    ...settings,
    ...(device === "webgpu" || device === "cpu" || device === "auto" ? { device } : {}),
    ...(model
      ? {
          model: modelFrom(
            model,
            menu.map(({ name }) => name),
          ),
        }
      : {}),
    ...(language === "en" || language === "zh" ? { language } : {}),
  };
}
