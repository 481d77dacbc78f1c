/** Which model runs where: what was chosen, in the settings, the address or on an earlier visit, and how it is loaded. */
import type { LoadOptions, Progress } from "burn-sam";
import { forgetCheckpoint, keepCheckpoint, keepSettings, recallCheckpoint, recallSettings } from "../io/store.ts";
import { onClick } from "../page/dom.ts";
import { SettingsDialog } from "../page/settings.ts";
import { builtIn, modelFrom, modelName, type ModelChoice, type Settings } from "../state/settings.ts";
import { preferred, speak, text, type Language } from "../text/texts.ts";
import type { Engine } from "./engine.ts";
import { forgetModels, keptModels, menu } from "./presets.ts";

export interface ModelActions {
  changed(): void;
  language(): void;
  fail(error: unknown): void;
}

export class Models {
  readonly #engine: Engine;
  readonly #actions: ModelActions;
  readonly #dialog: SettingsDialog;
  #settings: Settings;
  /** What runs, or ran last: chosen again when another one is refused. */
  #running: ModelChoice = builtIn;
  /** The file of a chosen checkpoint. */
  #file: Blob | null = null;
  #loading = false;

  constructor(engine: Engine, actions: ModelActions) {
    this.#engine = engine;
    this.#actions = actions;
    this.#settings = withQuery(recallSettings(), new URLSearchParams(location.search));
    const { language } = this.#settings;
    speak(language ?? preferred(navigator.languages));
    this.#dialog = new SettingsDialog(menu, {
      change: (changes) => this.change(changes),
      model: (model) => void this.#choose(model),
      stopLoading: () => this.#stop(),
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
    this.#file = file;
    void this.#choose({ kind: "file", name: file.name }, true);
  }

  /** Another device or precision is another load. */
  change(changes: Partial<Settings>): void {
    const before = this.#settings;
    this.#keep({ ...before, ...changes });
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
    if (!this.#dialog.open) return false;
    this.#dialog.showError(error);
    return true;
  }

  async #choose(model: ModelChoice, file = false): Promise<void> {
    this.#keep({ ...this.#settings, model });
    this.#dialog.update(this.#settings);
    if (!(await this.#load())) return;
    if (!file) this.#file = null;
    else if (this.#file) await keepCheckpoint(this.#file);
  }

  async #load(): Promise<boolean> {
    const { model, device, precision } = this.#settings;
    const source = await this.#sourceOf(model);
    if (source === null) {
      // The file was not kept: there was no room, or it was forgotten.
      this.#keep({ ...this.#settings, model: builtIn });
      return this.#load();
    }
    this.#loading = true;
    const options: LoadOptions = { model: source, device, precision };
    const loaded = await this.#engine.load(options);
    // Another choice may have been made meanwhile.
    if (this.#settings.model !== model) return false;
    this.#loading = false;
    if (loaded) {
      this.#running = model;
      this.#dialog.showLoaded(text.modelLoaded(modelName(model)));
      void this.#showKept();
    } else if (this.#engine.info) {
      // The one before still runs: that is what the next visit gets.
      this.#keep({ ...this.#settings, model: this.#running });
    }
    this.#dialog.update(this.#settings);
    return loaded;
  }

  async #sourceOf(model: ModelChoice): Promise<NonNullable<LoadOptions["model"]> | null> {
    if (model.kind === "preset") return model.name;
    if (model.kind === "url") return model.url;
    this.#file ??= await recallCheckpoint();
    return this.#file;
  }

  #stop(): void {
    this.#engine.stopLoading();
    this.#loading = false;
    this.#keep({ ...this.#settings, model: this.#running });
    this.#dialog.update(this.#settings);
  }

  async #forget(): Promise<void> {
    await Promise.all([forgetModels(), forgetCheckpoint()]).catch(this.#actions.fail);
    await this.#showKept();
  }

  async #showKept(): Promise<void> {
    this.#dialog.update(this.#settings, await keptModels());
  }

  #speak(language: Language): void {
    speak(language);
    this.#keep({ ...this.#settings, language });
    this.#dialog.update(this.#settings);
    this.#actions.language();
  }

  #keep(settings: Settings): void {
    this.#settings = settings;
    keepSettings(settings);
  }
}

/** The address says more than what is remembered. */
function withQuery(settings: Settings, query: URLSearchParams): Settings {
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
