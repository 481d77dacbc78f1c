/** What went wrong, and the ways out. That the model does not run is said again until it does: without it nothing works. */
import type { Engine } from "../model/engine.ts";
import type { Models } from "../model/models.ts";
import { text } from "../text/texts.ts";
import { dismiss, isAlerting, showError, showNotice, type Offer } from "./alert.ts";
import { codeOf } from "./errors.ts";

/** Codes after which the model runs better, or at all, on the CPU. */
const cpuHelps: readonly string[] = ["no-webgpu", "device-lost", "out-of-memory", "internal"];

export interface FailureContext {
  readonly engine: Engine;
  readonly models: Models;
  /** Is the model given up, or was it never loaded? */
  failed(): boolean;
}

export class Failures {
  readonly #context: FailureContext;
  /** Why the model does not run. */
  #reason: unknown = null;

  constructor(context: FailureContext) {
    this.#context = context;
  }

  /** `ofModel`: the model's own, not that of a file that was refused meanwhile. */
  report(error: unknown, ofModel = false): void {
    const { models, failed } = this.#context;
    if (ofModel) this.#reason = error;
    if (!models.takeError(error)) showError(error, !failed(), this.#waysOut(codeOf(error)));
  }

  /** After something has taken the alert's place, or the dialog that said it was closed. */
  remind(): void {
    if (!this.#context.failed() || isAlerting()) return;
    if (this.#reason === null) showNotice(text.notRunning, text.notLoaded, this.#waysOut(""));
    else this.report(this.#reason);
  }

  /** The model runs, or is on its way. */
  forget(): void {
    this.#reason = null;
    dismiss();
  }

  #waysOut(code: string): Offer[] {
    const { engine, models, failed } = this.#context;
    const offers: Offer[] = [];
    const address = new URL(location.href);
    const restart = (): void => (engine.info ? void engine.restart() : models.load());
    if (failed()) offers.push({ label: text.restart, href: address.href, run: restart });
    if (engine.info?.device !== "cpu" && models.settings().device !== "cpu" && cpuHelps.includes(code)) {
      address.searchParams.set("device", "cpu");
      offers.push({ label: text.useCpu, href: address.href, run: () => models.change({ device: "cpu" }) });
    }
    if (failed() && !models.isBuiltIn) offers.push({ label: text.useBuiltIn, run: () => models.useBuiltIn() });
    if (code === "out-of-memory" && !failed()) offers.push({ label: text.restart, run: restart });
    return offers;
  }
}
