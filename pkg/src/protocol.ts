import type { WireError } from "./errors.js";
import type { WireEverything, WireMask, WireOptions, WirePrompt } from "./host/wasm.js";
import type {
  Device,
  EmbeddingTensor,
  EncodeProgress,
  EverythingProgress,
  EverythingRecord,
  LoadProgress,
  Output,
  Precision,
  SamInfo,
  SaveProgress,
} from "./types.js";

/** A checkpoint as the Worker gets it. Bytes travel as a Blob: it is copied once, and can be read again after a loss. */
export type WireModel =
  /** `name`: what it is known to be; `preset`: what it is there for, whoever serves it. */
  | { readonly kind: "url"; readonly url: string; readonly name?: string; readonly preset?: string }
  | { readonly kind: "blob"; readonly blob: Blob };

/** An image as the Worker gets it. */
export type WireSource =
  /** `url`: where it was fetched from, for errors. */
  | { readonly kind: "blob"; readonly blob: Blob; readonly url?: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "bitmap"; readonly bitmap: ImageBitmap }
  | { readonly kind: "pixels"; readonly data: Uint8ClampedArray; readonly width: number; readonly height: number };

export interface LoadParams {
  readonly model: WireModel;
  readonly device: Device | "auto";
  readonly precision: Precision | "auto";
  readonly integrity?: string;
  readonly cache: boolean;
  /** Addresses that replace the ones beside the script. */
  readonly wasm: { readonly [D in Device | "threads"]?: string };
  /** Most threads on the CPU. */
  readonly threads?: number;
}

export interface SegmentParams {
  readonly image: number;
  readonly prompts: readonly WirePrompt[];
  /** The caller passed an array: errors name the prompt in it. */
  readonly batch: boolean;
  readonly options: Omit<WireOptions, "output"> & { readonly output: Output };
}

export interface EverythingParams {
  readonly image: number;
  readonly options: WireEverything;
  /** Somebody looks at the progress: send candidates. */
  readonly candidates: boolean;
}

/** A mask on its way to the page. */
export type SentMask = Omit<WireMask, "data"> & { readonly data: Uint8Array | Float32Array | ImageBitmap };

/** Image handles are numbers that the page chooses, so that it can free one whose call it has already given up. */
export interface Calls {
  load: { params: LoadParams; result: Omit<SamInfo, "wasmMemory">; progress: LoadProgress };
  encode: {
    params: { readonly image: number; readonly source: WireSource };
    result: ImageSize;
    progress: EncodeProgress;
  };
  open: {
    params: { readonly image: number; readonly file: ArrayBuffer | Uint8Array | Blob };
    result: ImageSize;
    progress: never;
  };
  segment: { params: SegmentParams; result: SentMask[][]; progress: never };
  everything: {
    params: EverythingParams;
    result: { readonly records: EverythingRecord[] };
    progress: EverythingProgress;
  };
  embedding: { params: { readonly image: number }; result: EmbeddingTensor; progress: never };
  save: { params: { readonly image: number }; result: ArrayBuffer; progress: never };
  saveModel: { params: { readonly half: boolean }; result: Blob; progress: SaveProgress };
}
export type CallKind = keyof Calls;
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** One request of each kind; `id` is unique within a session. */
export type Call = {
  [K in CallKind]: { readonly kind: K; readonly id: number; readonly params: Calls[K]["params"] };
}[CallKind];

/** Page → Worker. */
export type Request =
  | Call
  /** The page no longer waits for this call. */
  | { readonly kind: "cancel"; readonly id: number }
  /** The page no longer uses this image. Takes its turn after the calls before it. */
  | { readonly kind: "free"; readonly image: number }
  /** The threads are there, or why they are not. */
  | { readonly kind: "threads"; readonly error?: string }
  /** End of the session; in a Worker, the page ends the Worker instead. */
  | { readonly kind: "close" };

export type CallResult = Calls[CallKind]["result"];
export type CallProgress = Calls[CallKind]["progress"];

/** The name of a Worker that is to be a thread of another: they have one script, which tells by it. */
export const THREAD = "burn-sam thread";

/** Worker → page: threads to be started, as Workers of this script. */
export interface ThreadsWanted {
  readonly kind: "threads";
  readonly count: number;
  readonly script: string;
  readonly type: WorkerType;
  readonly start: ThreadStart;
}

/** Page → thread: an instance of the module is its own, the memory is everybody's. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

/** Thread → page. Between the first two it is told its `ThreadStart`. */
export type ThreadState =
  { readonly kind: "listening" } | { readonly kind: "ready" } | { readonly kind: "failed"; readonly error: WireError };

/** Worker → page. `memory` is the size of the wasm memory in bytes. */
export type Response =
  | { readonly kind: "ready" }
  /** A Web Lock that is held as long as the Worker lives; not told where there are none. */
  | { readonly kind: "held"; readonly lock: string }
  | ThreadsWanted
  | { readonly kind: "result"; readonly id: number; readonly value: CallResult; readonly memory: number }
  | { readonly kind: "error"; readonly id: number; readonly error: WireError; readonly memory: number }
  | { readonly kind: "progress"; readonly id: number; readonly progress: CallProgress }
  /** The session is over: every pending call fails with this, and no other is answered. */
  | { readonly kind: "lost"; readonly error: WireError };

/** Where requests go and responses come from: a Worker, the calling thread itself, or a test. */
export interface Transport {
  postMessage(message: Request, transfer: Transferable[]): void;
  terminate(): void;
  onmessage: ((message: Response) => void) | undefined;
  /** The other side is gone. */
  onerror: ((error: unknown) => void) | undefined;
}
