/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The whole public vocabulary of burn-sam.
 *
 * Coordinates are pixels of the original image as displayed: EXIF orientation applied, x to the right, y down.
 * As in the reference, (0, 0) is the top left pixel itself, not its corner.
 */

/** Where the model runs. */
export type Device = "webgpu" | "cpu";

/**
 * How the weights of the image encoder's linear layers, nearly all of a large model, are kept. The arithmetic is in f32 in any
 * case, so no image can overflow.
 */
export type Precision = "f16" | "f32";

/** How a checkpoint names its tensors: SAM's files, MobileSAM's, Hugging Face's `SamModel` (SlimSAM too), or our own. */
export type CheckpointLayout = "original" | "mobile-sam" | "hugging-face" | "burn-sam";

/** A checkpoint known by name. */
export type Preset = "tiny" | "mobile-sam" | "slimsam-77" | "sam-vit-b" | "sam-vit-l" | "sam-vit-h";

/** A preset's file, for a menu. */
export interface PresetInfo {
  readonly name: Exclude<Preset, "tiny">;
  /** For people. */
  readonly title: string;
  readonly url: string;
  /** Size of the file; rounded where there is no `integrity`. */
  readonly bytes: number;
  /** `"sha256-…"` of the file, where a published hash is known: the download is checked against it. */
  readonly integrity?: string;
  /** Of the weights, as an SPDX identifier. */
  readonly licence: string;
}

/** A checkpoint that was downloaded and is kept on this machine. */
export interface CachedModel {
  readonly url: string;
  /** Size of the file. */
  readonly bytes: number;
  /** As it was asked for when the file was downloaded. */
  readonly integrity?: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly hash: string;
  /** When it was downloaded. */
  readonly date: Date;
}

/** A preset's name, a URL, or the bytes of a checkpoint. */
export type ModelSource = Preset | (string & {}) | URL | Blob | ArrayBuffer | Uint8Array;

/** Bytes while downloading, tensors or kernels afterwards; `total` is 0 while it is unknown. */
export interface Progress<Stage extends string = string> {
  readonly stage: Stage;
  readonly loaded: number;
  readonly total: number;
}
export type LoadProgress = Progress<"download" | "load" | "compile">;
/** `read`: rows of the image; `encode`: steps of the image encoder. */
export type EncodeProgress = Progress<"read" | "encode">;
/** Bytes. */
export type SaveProgress = Progress<"save">;

/** Where the package's files are, if a bundler or a CDN moved them. */
export interface Assets {
  /** The module Worker's script. */
  readonly worker?: string | URL | undefined;
  /**
   * The WebAssembly file: one address for whichever device is used, or one for each. `threads`: the CPU's on several threads;
   * where `cpu` has an address and this has none, there are no threads.
   */
  readonly wasm?: string | URL | { readonly [D in Device | "threads"]?: string | URL | undefined } | undefined;
  /** The built-in model's file. */
  readonly model?: string | URL | undefined;
  /** Addresses of your own for presets. A preset's `integrity` is not asked of them: pass one. */
  readonly presets?: { readonly [P in Exclude<Preset, "tiny">]?: string | URL | undefined } | undefined;
}

export interface LoadOptions {
  /** Default: `"tiny"`, the model that ships with the package. */
  readonly model?: ModelSource | undefined;
  /** Default `"auto"`: a real GPU when there is one, else the CPU. */
  readonly device?: Device | "auto" | undefined;
  /**
   * `"f16"`: half the memory, rounded where the checkpoint has f32. Default `"auto"`: f16 where a large checkpoint is in f16
   * itself, which changes nothing in the answers, else f32.
   */
  readonly precision?: Precision | "auto" | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** `"sha256-…"` (base64, as in subresource integrity) of the checkpoint's bytes. Default: the preset's, if it has one. */
  readonly integrity?: string | undefined;
  /** Keep a downloaded checkpoint for the next visit, and use one that is kept. Default: true. */
  readonly cache?: boolean | undefined;
  readonly assets?: Assets | undefined;
  /** `false` runs the model on the calling thread: for callers that already are in a Worker. Default: true. */
  readonly worker?: boolean | undefined;
  /**
   * Most threads on the CPU; `1`: no others. Default: as many as the processor runs at once, up to 8. There is only one where
   * the page is not cross-origin isolated, with `worker: false`, and where the browser hands no memory on to Workers.
   */
  readonly threads?: number | undefined;
}

/** What was loaded, and on what it runs. */
export interface SamInfo {
  /** The architecture found in the checkpoint: `tiny`, `mobile-sam`, `slimsam-77`, `sam-vit-b`, … or `custom`. */
  readonly model: string;
  readonly layout: CheckpointLayout;
  readonly device: Device;
  /** The GPU adapter in words; `"WebAssembly SIMD"` or, say, `"WebAssembly SIMD, 4 threads"` on the CPU. */
  readonly adapter: string;
  readonly precision: Precision;
  /** Number of weights. */
  readonly parameters: number;
  /** Bytes the weights take on the device. */
  readonly bytes: number;
  /** Side of the square the encoder sees, in pixels. */
  readonly imageSize: number;
  /** SHA-256 of the checkpoint, in hexadecimal. */
  readonly hash: string;
  /** Current size of the module's WebAssembly memory in bytes. It never shrinks. */
  readonly wasmMemory: number;
}

/** `<img>`, `<canvas>` or `<video>`; nothing in a project for Workers only, whose types know no elements. */
export type ElementSource = typeof globalThis extends {
  readonly HTMLImageElement: { readonly prototype: infer Image };
  readonly HTMLCanvasElement: { readonly prototype: infer Canvas };
  readonly HTMLVideoElement: { readonly prototype: infer Video };
}
  ? Image | Canvas | Video
  : never;

/**
 * Anything a browser can draw. A string or a URL is fetched. Transparency is dropped, without a background: a pixel keeps
 * its own colour, and one that is fully transparent is black (in an 8-bit sRGB ImageData: whatever is written there).
 */
export type ImageSource = Blob | ImageBitmap | ImageData | ElementSource | OffscreenCanvas | VideoFrame | URL | string;

export interface EncodeOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: EncodeProgress) => void) | undefined;
}

export interface SaveModelOptions {
  /** The weights in f16; default: false. */
  readonly half?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: SaveProgress) => void) | undefined;
}

/** A click, in image pixels. Points outside the image are legal. */
export interface Point {
  readonly x: number;
  readonly y: number;
  /** 1 foreground (default), 0 background. */
  readonly label?: 0 | 1;
}

/** Two opposite corners, in image pixels: `[x0, y0, x1, y1]`. */
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/** Mask logits in the padded square frame at a quarter of the encoder's resolution. */
export interface Logits {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** A mask of 0 and non-0 in pixels of the image. */
export interface BinaryMask {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** What to segment. Everything is optional: with nothing, the model answers for the image as a whole. */
export interface Prompt {
  /** An empty array counts as absent. */
  readonly points?: readonly Point[] | undefined;
  readonly box?: Box | undefined;
  /** An earlier answer's `logits`, or a binary mask of the image, which is stretched to it where it has another size. */
  readonly mask?: Logits | BinaryMask | undefined;
  /** K×D extra sparse tokens (a text embedding, say): K rows of D, or their concatenation. */
  readonly tokens?: Float32Array | readonly (readonly number[])[] | undefined;
}

export type Output = "mask" | "logits" | "bitmap";

/** `[width, height]` or anything with these two. */
export type Size = readonly [width: number, height: number] | { readonly width: number; readonly height: number };

export interface SegmentOptions<O extends Output = Output> {
  /** Default true: three candidates, best score first. False: the single mask of token 0. */
  readonly multimask?: boolean | undefined;
  /** Resolution of the answer. Default: the image's. */
  readonly size?: Size | undefined;
  /** Default `"mask"`. `"logits"`: full-resolution logits. `"bitmap"`: an ImageBitmap ready to draw. */
  readonly output?: O | undefined;
  /** A pixel is in the mask where its logit is greater. Default: 0. */
  readonly threshold?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hovering: a call overtaken by a newer one on the same image rejects with `superseded`. Default: false. */
  readonly latest?: boolean | undefined;
}

interface MaskOf<Data> {
  /** The model's own estimate of the mask's IoU. */
  readonly score: number;
  /** The mask token in the reference's order: 0 for the single mask, 1–3 for the candidates, which are sorted by score. */
  readonly token: 0 | 1 | 2 | 3;
  readonly width: number;
  readonly height: number;
  readonly data: Data;
  /** `[x, y, width, height]` of the mask in its own pixels; all 0 when it is empty. */
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
  /** Number of pixels in the mask. */
  readonly area: number;
  /** Low-resolution logits: pass them as `prompt.mask` to refine this answer. */
  readonly logits: Logits;
}
// `of` gives a Uint8Array<ArrayBuffer>, which a Blob or an ImageData takes; TypeScript before 5.7 does not tell it apart.
/** A mask, row-major, one byte of 0 or 1 per pixel. */
export type Mask = MaskOf<ReturnType<Uint8ArrayConstructor["of"]>>;
/** The logits before the threshold, row-major, one float per pixel. */
export type LogitsMask = MaskOf<ReturnType<Float32ArrayConstructor["of"]>>;
/** White where the mask is, transparent elsewhere. The caller closes it. */
export type BitmapMask = MaskOf<ImageBitmap>;

export type MaskFor<O extends Output> = O extends "logits" ? LogitsMask : O extends "bitmap" ? BitmapMask : Mask;

/** The answer to one prompt: never empty, best score first. */
export type Masks<O extends Output = "mask"> = [best: MaskFor<O>, ...others: MaskFor<O>[]];

/** The form of everything mode's masks; the reference's names. */
export type OutputMode = "binary_mask" | "uncompressed_rle" | "coco_rle";

/** Parameters of `SamAutomaticMaskGenerator`, with its defaults. A threshold of 0 or less turns its filter off. */
export interface EverythingOptions<M extends OutputMode = OutputMode> {
  /** Points on each side of a regular grid. Default: 32. Not together with `pointGrids`. */
  readonly pointsPerSide?: number | undefined;
  /** Points decoded together at most; fewer where the device's limits ask for it. Default: 64. */
  readonly pointsPerBatch?: number | undefined;
  /** Masks whose estimated IoU is not greater are dropped. Default: 0.88. */
  readonly predIouThresh?: number | undefined;
  /** Masks that are less stable are dropped. Default: 0.95. */
  readonly stabilityScoreThresh?: number | undefined;
  /** Stability is the IoU of the masks at this much above and below the threshold. Default: 1. */
  readonly stabilityScoreOffset?: number | undefined;
  /** Of two masks whose boxes have a greater IoU, the one with the lower score is dropped. Default: 0.7. */
  readonly boxNmsThresh?: number | undefined;
  /** Layers of crops besides the whole image; layer i has 4^i of them. Each is encoded by itself. Default: 0. */
  readonly cropNLayers?: number | undefined;
  /** Of two masks of different crops whose boxes have a greater IoU, the one of the larger crop is dropped. Default: 0.7. */
  readonly cropNmsThresh?: number | undefined;
  /** Overlap of the first layer's crops, as a share of the image's shorter side. Default: 512 / 1500. */
  readonly cropOverlapRatio?: number | undefined;
  /** Each layer of crops has this many times fewer points on a side. Default: 1. */
  readonly cropNPointsDownscaleFactor?: number | undefined;
  /** Points of one's own for each layer, the whole image first; x and y as fractions of the crop. */
  readonly pointGrids?: readonly (readonly (readonly [x: number, y: number])[])[] | undefined;
  /** Holes and islands with fewer pixels are removed. Default: 0, which leaves the masks as they are. */
  readonly minMaskRegionArea?: number | undefined;
  /** Default: `"binary_mask"`. For many masks of a large image the others take far less memory. */
  readonly outputMode?: M | undefined;
  /** An abort acts within one batch of points. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch of points. */
  readonly onProgress?: ((progress: EverythingProgress) => void) | undefined;
}
export interface EverythingProgress {
  /** Points done and in all, those of crops too. */
  readonly done: number;
  readonly total: number;
  /** Found in this batch, to draw meanwhile: duplicates and small regions are removed at the end. */
  readonly candidates: readonly EverythingCandidate[];
}
/** A mask that may still turn out to be a duplicate. */
export interface EverythingCandidate {
  /** At low resolution; its pixels cover `cropBox`. */
  readonly mask: BinaryMask;
  /** In image pixels, as a record's. */
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
  readonly score: number;
  /** The point that was asked, in image pixels. */
  readonly point: readonly [x: number, y: number];
  /** The part of the image that was looked at: all of it, or a crop. */
  readonly cropBox: readonly [x: number, y: number, width: number, height: number];
}

/** Run lengths in column-major order, beginning with the zeros; `size` is `[height, width]`, as in COCO. */
export interface Rle {
  readonly size: readonly [height: number, width: number];
  readonly counts: readonly number[];
}
/** COCO's compressed run lengths. */
export interface CocoRle {
  readonly size: readonly [height: number, width: number];
  readonly counts: string;
}

/** A mask of the whole image in the form asked for. */
export type SegmentationFor<M extends OutputMode> = M extends "coco_rle"
  ? CocoRle
  : M extends "uncompressed_rle"
    ? Rle
    : BinaryMask;

/** One record of everything mode. Boxes are `[x, y, width, height]` in image pixels. */
export interface EverythingRecord<M extends OutputMode = OutputMode> {
  readonly segmentation: SegmentationFor<M>;
  /** Number of pixels in the mask. */
  readonly area: number;
  /** As in the reference, the size is the distance of the outermost pixels: one less than their number. */
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
  /** The model's own estimate of the mask's IoU. */
  readonly predictedIou: number;
  /** The point that was asked. */
  readonly pointCoords: readonly (readonly [x: number, y: number])[];
  /** How little the mask changes with its threshold, 0 to 1; NaN for a mask without pixels. */
  readonly stabilityScore: number;
  /** The part of the image that was looked at. */
  readonly cropBox: readonly [x: number, y: number, width: number, height: number];
}

/** The image embedding: `[1, D, S/16, S/16]`, row-major. */
export interface EmbeddingTensor {
  readonly data: ReturnType<Float32ArrayConstructor["of"]>;
  readonly shape: readonly number[];
}

/** An encoded image: many cheap answers for one encoding. */
export interface SamImage extends Disposable {
  /** Pixels of the original image. */
  readonly width: number;
  readonly height: number;
  // Of several signatures TypeScript says why the last one does not fit: that is the usual one.
  /** The masks of each prompt. Prompts of the same form are decoded together. */
  segment<O extends Output = "mask">(prompts: readonly Prompt[], options?: SegmentOptions<O>): Promise<Masks<O>[]>;
  /** Masks for one prompt, best score first. */
  segment<O extends Output = "mask">(prompt: Prompt, options?: SegmentOptions<O>): Promise<Masks<O>>;
  /**
   * Every object in the image, as the reference's `SamAutomaticMaskGenerator` finds them and in its order. Crops need the
   * image's pixels: an image from `sam.open` has none.
   */
  everything<M extends OutputMode = "binary_mask">(options?: EverythingOptions<M>): Promise<EverythingRecord<M>[]>;
  embedding(): Promise<EmbeddingTensor>;
  /** A self-describing file for `sam.open`: version, model hash, shape, image size, embedding. */
  save(): Promise<ArrayBuffer>;
  /** Releases the embedding; what is pending rejects with `disposed`. */
  free(): void;
}

/** A loaded model. */
export interface Sam extends Disposable {
  readonly info: SamInfo;
  /** Resolves when the model is lost: with the GPU device or the Worker, by a panic, or when a restart fails. */
  readonly lost: Promise<SamErrorLike>;
  /**
   * After a loss: a new Worker with the same model and options, and a new `lost`. Images encoded before stay lost, and
   * reject with `disposed` from then on; what is asked of the Sam meanwhile waits. With `worker: false` it cannot work: an engine that has stopped does not start twice on a thread.
   */
  restart(): Promise<void>;
  /** Pixels are taken as they are when it is called, but for an `<img>` that is still being loaded: it is waited for. */
  encode(source: ImageSource, options?: EncodeOptions): Promise<SamImage>;
  /** An image saved with `image.save()` by the same model. */
  open(file: ArrayBuffer | Uint8Array | Blob): Promise<SamImage>;
  /** The checkpoint as a safetensors file, to host or to keep. Other calls get through meanwhile. */
  saveModel(options?: SaveModelOptions): Promise<Blob>;
  /** Ends the Worker and frees every image. */
  free(): void;
}

export type SamErrorCode =
  | "no-webgpu"
  | "unsupported"
  | "device-lost"
  | "out-of-memory"
  | "bad-checkpoint"
  | "bad-image"
  | "bad-prompt"
  | "bad-embedding"
  | "network"
  | "integrity"
  | "superseded"
  | "disposed"
  | "not-implemented"
  | "internal";

export interface SamErrorLike extends Error {
  readonly name: "SamError";
  readonly code: SamErrorCode;
}
