import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fixtures } from "./paths.ts";

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [start: number, end: number];
}

/** One call of SamPredictor: tools/fixtures/README.md describes it. */
export interface EndToEnd {
  readonly name: string;
  readonly image: string;
  readonly multimask: boolean;
  readonly parts: readonly string[];
}

/** One run of the reference's generator with the built-in model on scene.png. */
export interface EverythingCase {
  readonly name: string;
  /** By the reference's names. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly records: readonly {
    readonly area: number;
    readonly bbox: readonly number[];
    readonly predicted_iou: number;
    readonly stability_score: number;
    readonly point_coords: readonly (readonly number[])[];
    readonly crop_box: readonly number[];
  }[];
}

interface Index {
  readonly images: readonly {
    readonly name: string;
    readonly original_size: readonly [h: number, w: number];
    readonly rgb_sha256: string;
  }[];
  readonly end_to_end: readonly EndToEnd[];
  readonly scene: readonly EverythingCase[];
}

/** A fixture file. */
export class Fixture {
  readonly index: Index;
  readonly #entries: Readonly<Record<string, Entry>>;
  readonly #data: Buffer;

  constructor(name: string, folder = fixtures) {
    const file = readFileSync(join(folder, `${name}.safetensors`));
    const end = 8 + Number(file.readBigUInt64LE(0));
    const { __metadata__: metadata, ...entries } = JSON.parse(file.toString("utf8", 8, end)) as Record<
      string,
      Entry
    > & {
      __metadata__: { index: string };
    };
    this.index = JSON.parse(metadata.index) as Index;
    this.#entries = entries;
    this.#data = file.subarray(end);
  }

  has(name: string): boolean {
    return name in this.#entries;
  }

  shape(name: string): readonly number[] {
    return this.#entry(name).shape;
  }

  floats(name: string): Float32Array {
    return new Float32Array(this.#bytes(name, "F32"));
  }

  pixels(name: string): Uint8Array {
    return new Uint8Array(this.#bytes(name, "U8"));
  }

  integers(name: string): Int32Array {
    return new Int32Array(this.#bytes(name, "I32"));
  }

  /** Row-major run lengths, zeros first → one byte of 0 or 1 per pixel. */
  mask(name: string, pixels: number): Uint8Array {
    const mask = new Uint8Array(pixels);
    let [at, value] = [0, 0];
    for (const run of new Uint32Array(this.#bytes(name, "U32"))) {
      mask.fill(value, at, at + run);
      [at, value] = [at + run, 1 - value];
    }
    if (at !== pixels) throw new Error(`${name} covers ${at} pixels, not ${pixels}.`);
    return mask;
  }

  #entry(name: string): Entry {
    const entry = this.#entries[name];
    if (entry === undefined) throw new Error(`The fixture has no ${name}.`);
    return entry;
  }

  /** A copy, because the tensors need not be aligned. */
  #bytes(name: string, dtype: string): ArrayBuffer {
    const entry = this.#entry(name);
    if (entry.dtype !== dtype) throw new Error(`${name} is ${entry.dtype}, not ${dtype}.`);
    return new Uint8Array(this.#data.subarray(...entry.data_offsets)).buffer;
  }
}

/** The reference's best mask for one click in scene.png, which the project `app` and several specs ask for. */
export function bestOfPoint(): { area: number; score: number } {
  const fixture = new Fixture("tiny_photo");
  const scores = [...fixture.floats("e2e/point/iou")];
  const score = Math.max(...scores);
  const [size] = fixture.index.images.map(({ original_size }) => original_size);
  const pixels = (size?.[0] ?? 0) * (size?.[1] ?? 0);
  const mask = fixture.mask(`e2e/point/runs/${scores.indexOf(score)}`, pixels);
  return { area: mask.reduce((sum, value) => sum + value, 0), score };
}
