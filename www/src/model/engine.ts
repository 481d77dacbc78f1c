/**
 * The model and the current image: loads, encodes, segments, and after a loss restarts and encodes again.
 * Whatever is overtaken (another image, newer prompts, another model, a restart) ends silently; the rest is reported.
 */
import {
  Sam,
  type BinaryMask,
  type EverythingProgress,
  type EverythingRecord,
  type LoadOptions,
  type Point,
  type Progress,
  type SamImage,
  type SamInfo,
} from "burn-sam";
import type { Picture } from "../io/picture.ts";
import { codeOf, PageError } from "../page/errors.ts";
import { fullMaskOf } from "../stage/regions.ts";
import { within, type Size } from "../stage/view.ts";
import { isEmpty, toPrompt, type Item, type Prompts, type Shape } from "../state/objects.ts";
import type { State } from "../state/state.ts";
import { text } from "../text/texts.ts";
import { Hover } from "./hover.ts";
import { tidyMask, tidyShapes } from "./tidy.ts";

export type Timed = "load" | "first" | "encode" | "segment";

export type Report =
  | { readonly type: "model"; readonly status: State["model"] }
  | { readonly type: "another-model" }
  | { readonly type: "image"; readonly status: State["image"] }
  | { readonly type: "progress"; readonly progress: Progress | null }
  | { readonly type: "timing"; readonly what: Timed; readonly ms: number }
  | { readonly type: "asking"; readonly asking: boolean }
  | { readonly type: "answer"; readonly id: number; readonly prompts: Prompts; readonly masks: readonly Shape[] }
  | { readonly type: "preview"; readonly shape: Shape | null }
  | { readonly type: "error"; readonly error: unknown }
  | { readonly type: "restarted" };

/** Masks to look at need no more pixels than this; exports ask for all of them. */
const maskLimit = 1280;
/** More losses than this within a minute, and restarting is hopeless. */
const maxLosses = 3;

/** The built-in model is less sure of itself than those that the thresholds were chosen for. */
const modest = { predIouThresh: 0.45, stabilityScoreThresh: 0.6 } as const;
/** A quarter of the points: the released models take a tenth of a second for each on a CPU. */
const coarse = { pointsPerSide: 16 } as const;

/** What is encoded: a picture, or what was saved of its encoding. */
interface Source {
  readonly picture: Picture;
  readonly saved?: Blob;
}

export class Engine {
  readonly #report: (report: Report) => void;
  readonly #isTidy: () => boolean;
  readonly #hover = new Hover((shape) => this.#report({ type: "preview", shape }));
  #sam: Sam | null = null;
  #image: SamImage | null = null;
  #source: Source | null = null;
  #loading = new AbortController();
  #encoding = new AbortController();
  #asking = new AbortController();
  #asked: Prompts | null = null;
  /** Counts the model's lives: a failure in an earlier one is old news. */
  #life = 0;
  #encodes = 0;
  #losses: number[] = [];

  /** `isTidy`: whether masks are to be without pinholes and specks. */
  constructor(report: (report: Report) => void, isTidy: () => boolean) {
    this.#report = report;
    this.#isTidy = isTidy;
  }

  get info(): SamInfo | null {
    return this.#sam?.info ?? null;
  }

  /** The model before stays until this one is loaded, and if it is refused. Resolves to whether it was loaded. */
  async load(options: LoadOptions): Promise<boolean> {
    this.#loading.abort();
    const controller = new AbortController();
    const { signal } = controller;
    this.#loading = controller;
    if (!this.#sam) this.#report({ type: "model", status: "loading" });
    const onProgress = (progress: Progress): void => {
      if (!signal.aborted) this.#progress(progress);
    };
    const started = performance.now();
    let sam: Sam;
    try {
      sam = await Sam.load({ ...options, signal, onProgress });
    } catch (error) {
      if (signal.aborted) return false;
      this.#progress(null);
      if (!this.#sam) this.#report({ type: "model", status: "failed" });
      this.#report({ type: "error", error });
      return false;
    }
    this.#progress(null);
    const old = this.#sam;
    this.#life++;
    this.#encodes = 0;
    this.#losses = [];
    this.#sam = sam;
    this.#watch(sam);
    this.#image = null;
    old?.free();
    this.#report({ type: "timing", what: "load", ms: performance.now() - started });
    if (old) this.#report({ type: "another-model" });
    this.#report({ type: "model", status: "ready" });
    void this.#encode();
    return true;
  }

  /** Gives up a model that is being loaded. */
  stopLoading(): void {
    this.#loading.abort();
    this.#progress(null);
    if (!this.#sam) this.#report({ type: "model", status: "failed" });
  }

  /** Takes the place of any image before it; waits for the model if need be. */
  async open(picture: Picture, saved?: Blob): Promise<void> {
    this.#source = saved ? { picture, saved } : { picture };
    await this.#encode();
  }

  /** The size of the picture that a saved image was made of. */
  async sizeOfSaved(saved: Blob): Promise<Size> {
    const sam = this.#sam;
    if (!sam) throw new PageError("disposed", text.needsModel);
    const image = await sam.open(saved);
    const { width, height } = image;
    image.free();
    return { width, height };
  }

  /** Does nothing when just this is being asked. */
  async ask({ id, prompts, region }: Item): Promise<void> {
    const image = this.#image;
    if (!image || this.#asked === prompts) return;
    this.#asking.abort();
    const controller = new AbortController();
    const { signal } = controller;
    this.#asking = controller;
    this.#asked = prompts;
    this.#hover.ask(null);
    const life = this.#life;
    this.#report({ type: "asking", asking: true });
    let masks: readonly Shape[] = [];
    try {
      const started = performance.now();
      masks = await image.segment(toPrompt({ prompts, region }, image), { size: within(image, maskLimit), signal });
      if (this.#isTidy()) masks = await tidyShapes(masks);
      if (signal.aborted) return;
      this.#report({ type: "timing", what: "segment", ms: performance.now() - started });
    } catch (error) {
      if (signal.aborted) return;
      if (await this.#fail(error, life)) return;
    }
    this.#asked = null;
    // The next question, if there is one, is asked while this is reported.
    this.#report({ type: "answer", id, prompts, masks });
    if (this.#asking === controller) this.#report({ type: "asking", asking: false });
  }

  /** Forgets the question that is being answered. */
  cancel(): void {
    if (!this.#asked) return;
    this.#asking.abort();
    this.#asked = null;
    this.#report({ type: "asking", asking: false });
  }

  /** What a click at this point would add to the object; `null`: nothing is pointed at. */
  preview(item: Item, point: Required<Point> | null): void {
    const image = this.#image;
    this.#hover.ask(image && point && !this.#asked ? { image, item, point } : null);
  }

  /** Everything in the image. Rejects with the signal's reason when it is aborted. */
  async everything(
    signal: AbortSignal,
    onProgress: (progress: EverythingProgress) => void,
  ): Promise<EverythingRecord[]> {
    const info = this.info;
    if (!this.#image || !info) return [];
    this.#hover.ask(null);
    const options = info.model === "tiny" ? modest : info.device === "cpu" ? coarse : {};
    return this.#image.everything({ ...options, outputMode: "uncompressed_rle", signal, onProgress });
  }

  /** The shape with a pixel for each of the image's. Rejects where that takes an encoding and there is none yet. */
  async fullMask(item: Item, shape: Shape): Promise<BinaryMask> {
    const image = this.#image;
    if (shape.runs) return fullMaskOf(shape.runs);
    const size = image ?? this.#source?.picture;
    if ((size && isSize(shape, size)) || isEmpty(item.prompts)) return shape;
    if (!image) throw new PageError("disposed", text.statusEncoding);
    const masks = await image.segment(toPrompt(item, image));
    const mask = masks.find(({ token }) => token === shape.token) ?? shape;
    return this.#isTidy() ? tidyMask(mask) : mask;
  }

  async save(): Promise<ArrayBuffer | null> {
    return (await this.#image?.save()) ?? null;
  }

  /** The loaded model as safetensors, its weights in f16. */
  async saveModel(onProgress: (progress: Progress) => void): Promise<Blob> {
    if (!this.#sam) throw new PageError("disposed", text.needsModel);
    return this.#sam.saveModel({ half: true, onProgress });
  }

  /** After it was given up. */
  async restart(): Promise<void> {
    this.#losses = [];
    await this.#restart();
  }

  async #encode(): Promise<void> {
    this.#encoding.abort();
    this.cancel();
    this.#hover.ask(null);
    this.#image?.free();
    this.#image = null;
    const [sam, source, life] = [this.#sam, this.#source, this.#life];
    if (!sam || !source) return;
    const controller = new AbortController();
    const { signal } = controller;
    this.#encoding = controller;
    this.#report({ type: "image", status: "encoding" });
    try {
      const started = performance.now();
      const onProgress = (progress: Progress): void => {
        if (!signal.aborted) this.#progress(progress);
      };
      const { picture, saved } = source;
      const image = await (saved ? sam.open(saved) : sam.encode(picture.blob, { signal, onProgress }));
      if (signal.aborted) return image.free();
      this.#image = image;
      this.#progress(null);
      const ms = performance.now() - started;
      if (!saved && this.#encodes++ === 0) this.#report({ type: "timing", what: "first", ms });
      this.#report({ type: "timing", what: "encode", ms });
      this.#report({ type: "image", status: "encoded" });
    } catch (error) {
      if (signal.aborted) return;
      this.#progress(null);
      this.#report({ type: "image", status: "failed" });
      await this.#fail(error, life);
    }
  }

  /** Reports a failure, and restarts the model if that is what failed. Resolves to whether the model is gone. */
  async #fail(error: unknown, life: number, gone = false): Promise<boolean> {
    if (life !== this.#life) return true;
    this.#report({ type: "error", error });
    const code = codeOf(error);
    const lost = gone || code === "device-lost" || code === "internal";
    if (lost) await this.#restart();
    return lost;
  }

  #watch(sam: Sam): void {
    const life = this.#life;
    void sam.lost.then((error) => this.#fail(error, life, true));
  }

  async #restart(): Promise<void> {
    const sam = this.#sam;
    if (!sam) return;
    const life = ++this.#life;
    this.#encoding.abort();
    this.cancel();
    this.#image = null;
    const now = performance.now();
    this.#losses = [...this.#losses.filter((loss) => now - loss < 60_000), now];
    if (this.#losses.length > maxLosses) return this.#giveUp();
    this.#report({ type: "model", status: "loading" });
    if (this.#source) this.#report({ type: "image", status: "encoding" });
    try {
      await sam.restart();
    } catch (error) {
      if (life !== this.#life) return;
      this.#report({ type: "model", status: "failed" });
      return this.#report({ type: "error", error });
    } finally {
      this.#progress(null);
    }
    // Another model may have been loaded meanwhile.
    if (life !== this.#life) return;
    this.#watch(sam);
    this.#report({ type: "model", status: "ready" });
    this.#report({ type: "restarted" });
    await this.#encode();
  }

  #giveUp(): void {
    this.#report({ type: "model", status: "failed" });
    this.#report({ type: "error", error: new PageError("device-lost", text.stoppedForGood) });
  }

  #progress(progress: Progress | null): void {
    this.#report({ type: "progress", progress });
  }
}

function isSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}
