// The wasm boundary (src/web/ of the crate) as far as this package uses it. Written out here, because the `cpu` and the
// `webgpu` module bring the same declarations twice, and because tests put a module of their own in their place.
import type {
  CheckpointLayout,
  Device,
  EverythingCandidate,
  EverythingRecord,
  OutputMode,
  Precision,
} from "../types.js";

/** What the module is told of a checkpoint and of its device. */
export interface ModuleOptions {
  readonly name?: string;
  readonly adapter?: string;
  readonly software?: boolean;
  readonly hash?: string;
  readonly precision?: Precision | "auto";
}

export interface SessionInfo {
  readonly model: string;
  readonly layout: CheckpointLayout;
  readonly device: Device;
  readonly adapter: string;
  readonly precision: Precision;
  readonly parameters: number;
  readonly bytes: number;
  readonly imageSize: number;
  readonly hash: string;
}

export interface WirePrompt {
  points?: { x: number; y: number; label: number }[];
  box?: [number, number, number, number];
  mask?: { data: Float32Array | Uint8Array; width: number; height: number };
  /** `rows: 0`: as many as the model's dimension makes of the data. */
  tokens?: { data: Float32Array; rows: number };
}

export interface WireOptions {
  multimask: boolean;
  size?: [number, number];
  output: "mask" | "logits";
  threshold: number;
}

export interface WireMask {
  score: number;
  token: number;
  width: number;
  height: number;
  data: Uint8Array | Float32Array;
  bbox: [number, number, number, number];
  area: number;
  logits: { data: Float32Array; width: number; height: number };
}

/** What is absent has the reference's default. */
export interface WireEverything {
  pointsPerSide?: number;
  /** x and y by turns. */
  pointGrids?: Float64Array[];
  pointsPerBatch?: number;
  predIouThresh?: number;
  stabilityScoreThresh?: number;
  stabilityScoreOffset?: number;
  boxNmsThresh?: number;
  cropNLayers?: number;
  cropNmsThresh?: number;
  cropOverlapRatio?: number;
  cropNPointsDownscaleFactor?: number;
  minMaskRegionArea?: number;
  outputMode?: OutputMode;
}

export interface Session {
  readonly info: SessionInfo;
  /** Only for a GPU. */
  warmUp(): WarmUp;
  reader(width: number, height: number): ImageReader;
  encode(reader: ImageReader): Encoding;
  open(file: Uint8Array): Embedding;
  free(): void;
}

/** Compiles a GPU's kernels before they are needed. */
export interface WarmUp {
  readonly done: number;
  readonly total: number;
  /** The kernels of one step; true when it was the last. */
  step(): Promise<boolean>;
  free(): void;
}

/** Takes whole rows of RGBA, top to bottom. */
export interface ImageReader {
  push(rgba: Uint8Array): void;
  free(): void;
}

export interface Encoding {
  readonly done: number;
  readonly total: number;
  /** One block of the encoder; true when it was the last. */
  step(): Promise<boolean>;
  /** Consumes the encoding. */
  finish(): Embedding;
  free(): void;
}

export interface Embedding {
  readonly width: number;
  readonly height: number;
  /** Indices of the prompts to decode together. Checks prompts and options; errors name the prompt: `prompts[2].mask`. */
  groups(prompts: WirePrompt[], options: WireOptions): number[][];
  segment(prompts: WirePrompt[], options: WireOptions): Promise<WireMask[][]>;
  /** Checks the options; errors name them: `options.cropNLayers`. */
  everything(options: WireEverything): Generation;
  data(): Promise<{ data: Float32Array; shape: number[] }>;
  save(): Promise<Uint8Array>;
  free(): void;
}

/** A checkpoint's bytes, read at once where they are asked for. What `read` throws with a code comes through. */
export interface CheckpointSource {
  readonly size: number;
  /** Exactly these bytes. */
  read(offset: number, length: number): Uint8Array;
}

/** SHA-256 of bytes that come one after another. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** In hexadecimal. The object is gone afterwards. */
  digest(): string;
}

/** A checkpoint that is written as safetensors; with `half` its weights in f16. A piece that is written is the caller's to keep. */
export interface Conversion {
  /** Bytes written. */
  readonly written: number;
  readonly total: number;
  /** One tensor; true when the file is complete. */
  step(): boolean;
  free(): void;
}

/** Automatic masks in the making. */
export interface Generation {
  /** Points done. */
  readonly done: number;
  readonly total: number;
  /** The crop to encode and to supply before the next step: `[x, y, width, height]`. */
  readonly wanted: Uint32Array | undefined;
  /** Consumes the crop's embedding. */
  supply(crop: Embedding): void;
  /** One batch of points; true when it was the last. */
  step(): Promise<boolean>;
  /** What the last step found. */
  candidates(): EverythingCandidate[];
  /** Consumes the generation. */
  finish(): EverythingRecord[];
  free(): void;
}

export interface WasmModule {
  init(options: { module_or_path: Response } | ThreadsInit): Promise<{ readonly memory: WebAssembly.Memory }>;
  readonly Session: {
    /** `onTensor` is told how many tensors are loaded, and of how many; it may take its time. What it throws ends the load. */
    load(
      source: CheckpointSource,
      options: ModuleOptions,
      onTensor?: (done: number, total: number) => Promise<void> | undefined,
    ): Promise<Session>;
    /** Only a GPU's module has it. `name`, without a source: that of a released model. */
    warmUpAhead?(options: ModuleOptions, source?: CheckpointSource): Promise<WarmUp>;
  };
  readonly Sha256: new () => Sha256;
  readonly Conversion: new (source: CheckpointSource, half: boolean, write: (chunk: Uint8Array) => void) => Conversion;
  /** Where the module's `.wasm` file is. */
  readonly url: URL;
}

/** One compiled module and one shared memory for all instances. */
export interface ThreadsInit {
  readonly module_or_path: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Of every thread but the first. */
  readonly thread_stack_size: number;
}

/** The CPU's module on several threads, each a Worker with an instance of its own. */
export interface ThreadsModule extends WasmModule {
  /** As `init`, at once. */
  initSync(options: Omit<ThreadsInit, "module_or_path"> & { readonly module: WebAssembly.Module }): unknown;
  /** Makes this Worker a thread; does not return. */
  threadRun(): void;
  /** Waits for all threads but this one to be in `threadRun`, and shares the work with them from then on. */
  useThreads(count: number): void;
}

export type WasmModules = { readonly [D in Device]: WasmModule };
