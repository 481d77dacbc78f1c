/**
 * The model and the current image: loads, encodes, segments, and after a loss restarts and encodes again.
 * Whatever is overtaken (another image, newer prompts, a restart) ends silently; the rest is reported.
 */
import { Sam, type LoadOptions, type Mask, type Progress, type SamImage, type SamInfo } from "burn-sam";
import { codeOf, PageError } from "./messages.ts";
import type { Picture } from "./picture.ts";
import { toPrompt, type Prompts, type State } from "./state.ts";
import { within, type Size } from "./view.ts";

export type Report =
  | { readonly type: "model"; readonly status: State["model"] }
  | { readonly type: "image"; readonly status: State["image"] }
  | { readonly type: "progress"; readonly progress: Progress | null }
  | { readonly type: "encoded"; readonly ms: number }
  | { readonly type: "asking"; readonly asking: boolean }
  | { readonly type: "answer"; readonly masks: readonly Mask[]; readonly ms: number }
  | { readonly type: "error"; readonly error: unknown }
  | { readonly type: "restarted" };

/** Masks to look at need no more pixels than a screen has; `cutoutMask` asks for all of them. */
const maskLimit = 2048;
/** More losses than this within a minute, and restarting is hopeless. */
const maxLosses = 3;

export class Engine {
  readonly #options: LoadOptions;
  readonly #report: (report: Report) => void;
  #sam: Sam | null = null;
  #image: SamImage | null = null;
  #picture: Picture | null = null;
  #encoding = new AbortController();
  /** Counts questions: an answer to an older one is dropped. */
  #question = 0;
  /** Counts the model's lives: a failure in an earlier one is old news. */
  #life = 0;
  #losses: number[] = [];

  constructor(options: LoadOptions, report: (report: Report) => void) {
    this.#options = options;
    this.#report = report;
  }

  get info(): SamInfo | null {
    return this.#sam?.info ?? null;
  }

  async load(): Promise<void> {
    try {
      this.#sam = await Sam.load({ ...this.#options, onProgress: (progress) => this.#progress(progress) });
    } catch (error) {
      this.#report({ type: "model", status: "failed" });
      this.#report({ type: "error", error });
      return;
    } finally {
      this.#progress(null);
    }
    this.#watch(this.#sam);
    this.#report({ type: "model", status: "ready" });
    await this.#encode();
  }

  /** Takes the place of any image before it; waits for the model if need be. */
  async open(picture: Picture): Promise<void> {
    this.#picture = picture;
    await this.#encode();
  }

  async ask(prompts: Prompts): Promise<void> {
    const image = this.#image;
    if (!image) return;
    const question = ++this.#question;
    const life = this.#life;
    this.#report({ type: "asking", asking: true });
    try {
      const started = performance.now();
      const masks = await image.segment(toPrompt(prompts), { size: within(image, maskLimit), latest: true });
      if (question === this.#question) this.#report({ type: "answer", masks, ms: performance.now() - started });
    } catch (error) {
      if (question === this.#question) await this.#fail(error, life);
    } finally {
      if (question === this.#question) this.#report({ type: "asking", asking: false });
    }
  }

  /** Forgets the question that is being answered. */
  cancel(): void {
    this.#question++;
    this.#report({ type: "asking", asking: false });
  }

  /** The same answer with a pixel for each of the image's. */
  async fullMask(prompts: Prompts, mask: Mask): Promise<Mask> {
    const image = this.#image;
    if (!image || isSize(mask, image)) return mask;
    const masks = await image.segment(toPrompt(prompts));
    return masks.find(({ token }) => token === mask.token) ?? mask;
  }

  async #encode(): Promise<void> {
    this.#encoding.abort();
    this.cancel();
    this.#image?.free();
    this.#image = null;
    const [sam, picture, life] = [this.#sam, this.#picture, this.#life];
    if (!sam || !picture) return;
    const controller = new AbortController();
    const { signal } = controller;
    this.#encoding = controller;
    this.#report({ type: "image", status: "encoding" });
    try {
      const started = performance.now();
      const onProgress = (progress: Progress): void => {
        if (!signal.aborted) this.#progress(progress);
      };
      const image = await sam.encode(picture.blob, { signal, onProgress });
      if (signal.aborted) return image.free();
      this.#image = image;
      this.#progress(null);
      this.#report({ type: "encoded", ms: performance.now() - started });
      this.#report({ type: "image", status: "encoded" });
    } catch (error) {
      if (signal.aborted) return;
      this.#progress(null);
      this.#report({ type: "image", status: "failed" });
      await this.#fail(error, life);
    }
  }

  /** Reports a failure, and restarts the model if that is what failed. */
  async #fail(error: unknown, life: number, gone = false): Promise<void> {
    if (life !== this.#life) return;
    this.#report({ type: "error", error });
    const code = codeOf(error);
    if (gone || code === "device-lost" || code === "internal") await this.#restart();
  }

  #watch(sam: Sam): void {
    const life = this.#life;
    void sam.lost.then((error) => this.#fail(error, life, true));
  }

  async #restart(): Promise<void> {
    const sam = this.#sam;
    if (!sam) return;
    this.#life++;
    this.#encoding.abort();
    this.#image = null;
    const now = performance.now();
    this.#losses = [...this.#losses.filter((loss) => now - loss < 60_000), now];
    if (this.#losses.length > maxLosses) return this.#giveUp();
    this.#report({ type: "model", status: "loading" });
    if (this.#picture) this.#report({ type: "image", status: "encoding" });
    try {
      await sam.restart();
    } catch (error) {
      this.#report({ type: "model", status: "failed" });
      return this.#report({ type: "error", error });
    } finally {
      this.#progress(null);
    }
    this.#watch(sam);
    this.#report({ type: "model", status: "ready" });
    this.#report({ type: "restarted" });
    await this.#encode();
  }

  #giveUp(): void {
    this.#report({ type: "model", status: "failed" });
    this.#report({
      type: "error",
      error: new PageError("internal", "It stopped again and again, so it stays stopped."),
    });
  }

  #progress(progress: Progress | null): void {
    this.#report({ type: "progress", progress });
  }
}

function isSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}
