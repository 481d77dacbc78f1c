import type { Memory } from "./protocol.ts";

/** What an engine makes of the image and the prompt. */
export interface Answer {
  /** `[1, D, S/16, S/16]` */
  readonly embedding: Float32Array;
  /** `[1, 3, S/4, S/4]`: the candidates in the order of their tokens. */
  readonly logits: Float32Array;
  /** `[1, 3]` */
  readonly scores: Float32Array;
}

/** One of those that are compared, with one model. Each call waits until the device has done it. */
export interface Engine {
  load(): Promise<void>;
  /** Encodes the image; its embedding is the one that is asked from now on. */
  encode(): Promise<void>;
  /** Prompt in → low-res logits and scores out. */
  decode(): Promise<void>;
  /** A decode, and its masks in the size of the image. */
  segment?(): Promise<void>;
  answer(): Promise<Answer>;
  /** Frees the embedding. */
  free(): void;
  memory(): Promise<Memory>;
}
