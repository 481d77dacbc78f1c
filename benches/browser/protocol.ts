// What the page and the script that drives it tell each other.

export type Device = "cpu" | "webgpu";
/** `one-thread`: burn-sam again, where the others have several. */
export type EngineName = "burn-sam" | "one-thread" | "onnxruntime-web" | "candle";
/** What burn-sam is compared with. */
export type PeerName = Exclude<EngineName, "burn-sam">;

/** A model in the list that benches/onnx/export.py writes. */
export interface Model {
  readonly name: string;
  /** Side of the encoder's square, S. */
  readonly imageSize: number;
  /** Width of the embedding, D. */
  readonly dim: number;
  readonly parameters: number;
  /** Names of files in the folder of the list. */
  readonly weights: string;
  readonly encoder: string;
  readonly decoder: string;
}

/** Whether an engine has such a model on such a device: candle's SAM is MobileSAM or an original, on the CPU. */
export function offersModel(name: EngineName, device: Device, model: Model): boolean {
  return name !== "candle" || (device === "cpu" && ["mobile-sam", "sam-vit-b"].includes(model.name));
}

/** A graph of one operation. */
export interface Op {
  /** One of benches/ops/subjects.rs, which says what the numbers of its shape are. */
  readonly op: string;
  readonly shape: readonly number[];
  readonly file: string;
  /** The shapes of the graph's inputs. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
}

export interface Index {
  readonly versions: Readonly<Record<string, string | number>>;
  readonly models: readonly Model[];
  readonly ops: readonly Op[];
}

/** What is timed. `segment` is burn-sam's alone: a decode, and its three masks in the image's size. */
export type Step = "load" | "encode" | "decode" | "segment";

/** Bytes: the WebAssembly memory, which never shrinks, and the most that GPU buffers held. */
export interface Memory {
  readonly wasm: number;
  readonly gpu: number;
}

/** The largest difference between burn-sam and another engine, as a part of the other's largest value. */
export interface Difference {
  readonly embedding: number;
  readonly logits: number;
  readonly scores: number;
}
