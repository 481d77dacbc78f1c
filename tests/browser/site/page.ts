// What the test page offers to `page.evaluate`: the package, and a few functions that nearly every test needs.
import * as burnSam from "burn-sam";
import type { BinaryMask, Logits, Sam, SamImage } from "burn-sam";

/** How a promise ended. */
export type Outcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly name: string; readonly code: string; readonly message: string };

const tools = {
  burnSam,

  async outcome(work: () => unknown): Promise<Outcome> {
    try {
      await work();
      return { ok: true };
    } catch (error) {
      const { name, message } = error instanceof Error ? error : { name: typeof error, message: String(error) };
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      const isSamError = error instanceof burnSam.SamError;
      return { ok: false, name: isSamError || name !== "SamError" ? name : "not our SamError", code, message };
    }
  },

  /** A promise that hangs is a failure too, and a test that says so is better than one that runs out of time. */
  async within<T>(seconds: number, promise: Promise<T>): Promise<T> {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error(`Nothing happened within ${seconds} s`)), seconds * 1000);
    });
    return Promise.race([promise, late]);
  },

  async fetchBlob(url: string): Promise<Blob> {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return response.blob();
  },

  async fetchBitmap(url: string): Promise<ImageBitmap> {
    return createImageBitmap(await tools.fetchBlob(url));
  },

  /** A canvas of this size, and its context. */
  canvasOf(width: number, height: number): [HTMLCanvasElement, CanvasRenderingContext2D] {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("no canvas");
    return [canvas, context];
  },

  iou(a: BinaryMask, b: BinaryMask): number {
    if (a.width !== b.width || a.height !== b.height) return 0;
    let [both, either] = [0, 0];
    for (let i = 0; i < a.data.length; i++) {
      if (a.data[i] !== 0 && b.data[i] !== 0) both++;
      if (a.data[i] !== 0 || b.data[i] !== 0) either++;
    }
    return either === 0 ? 1 : both / either;
  },

  sameLogits(a: Logits, b: Logits): boolean {
    return a.data.length === b.data.length && a.data.every((value, i) => value === b.data[i]);
  },

  at<T>(list: readonly T[], index: number): T {
    const item = list[index];
    if (item === undefined) throw new Error(`There is no item ${index}, only ${list.length}.`);
    return item;
  },
};

type Tools = typeof tools;

declare global {
  var burnSam: Tools["burnSam"];
  var outcome: Tools["outcome"];
  var within: Tools["within"];
  var fetchBlob: Tools["fetchBlob"];
  var fetchBitmap: Tools["fetchBitmap"];
  var canvasOf: Tools["canvasOf"];
  var iou: Tools["iou"];
  var sameLogits: Tools["sameLogits"];
  var at: Tools["at"];
  /** The loaded model, and scene.png encoded, where the test's page has them. */
  var sam: Sam;
  var scene: SamImage;
  /** The image that support/parity.ts asks about. */
  var subject: SamImage;
}

Object.assign(globalThis, tools);
