// What the page and the script that drives it tell each other.

export type Device = "cpu" | "webgpu";
export type EngineName = "burn-sam" | "onnxruntime-web";

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

/** A graph of one operation. */
export interface Op {
  readonly op: "matmul";
  /** Rows, inner size, columns. */
  readonly shape: readonly [rows: number, inner: number, columns: number];
  /** Whether the second factor is a weight. */
  readonly constant: boolean;
  readonly file: string;
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

/** The largest difference between the two engines, as a part of onnxruntime-web's largest value. */
export interface Difference {
  readonly embedding: number;
  readonly logits: number;
  readonly scores: number;
}
