// A GPU's kernels are compiled while a checkpoint is on its way: they depend on the shapes of its tensors only.
import type { Engine } from "./engine.js";
import type { Hash } from "./hash.js";
import { Head } from "./head.js";
import type { CheckpointSource, ModuleOptions } from "./wasm.js";

/** What compiles, and for which model; undefined where there is no GPU to compile for. */
export type Kernels = Promise<{ readonly engine: Engine; readonly options: ModuleOptions } | undefined>;

/** Compiles ahead of a load, step by step between all else, until the load needs the module. What fails here is the load's to tell. */
export class Ahead {
  readonly #kernels: () => Kernels;
  readonly #isOurs: () => boolean;
  readonly #over = new AbortController();
  #hasBegun = false;
  #isWhole = false;
  /** What it has begun with is not what is loaded. */
  #isOther = false;

  constructor(kernels: () => Kernels, isOurs: () => boolean) {
    this.#kernels = kernels;
    this.#isOurs = isOurs;
  }

  /** Whether every kernel is compiled, of just the file that is loaded: its own header told them. */
  get isWhole(): boolean {
    return this.#isWhole && !this.#isOther;
  }

  /** The same hash, which sees every byte of the file: the first of them describe it. A download that begins anew has another. */
  watch(hash: Hash): Hash {
    if (this.#hasBegun) {
      this.#isOther = true;
      return hash;
    }
    const head = new Head((source) => this.begin(source));
    const update = (bytes: Uint8Array) => {
      head.push(bytes);
      hash.update(bytes);
    };
    return { update, digest: () => hash.digest() };
  }

  /** Once; `source` as in `Head`. */
  begin(source: CheckpointSource | undefined): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#run(source).catch(() => undefined);
  }

  /** No step begins any more: the load does what is left. */
  end(): void {
    this.#over.abort();
  }

  async #run(source: CheckpointSource | undefined): Promise<void> {
    const { signal } = this.#over;
    const found = await this.#kernels();
    if (found === undefined || signal.aborted) return;
    const { engine, options } = found;
    const kernels = await engine.warmUpAhead(signal, options, source, this.#isOurs);
    try {
      for (let done = false; !done;) done = await engine.turn(signal, () => kernels.step());
      this.#isWhole = source !== undefined;
    } finally {
      engine.release(() => kernels);
    }
  }
}
