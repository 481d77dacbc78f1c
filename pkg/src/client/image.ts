import { SamError } from "../errors.js";
import type {
  EmbeddingTensor,
  EverythingOptions,
  EverythingRecord,
  Masks,
  Output,
  OutputMode,
  Prompt,
  SamImage,
  SegmentOptions,
} from "../types.js";
import type { SentMask } from "../protocol.js";
import type { Client } from "./client.js";
import { everythingNames, toWireEverything } from "./everything.js";
import { toCallback, toOptions, toSignal } from "./given.js";
import { segmentNames, toWireOptions, toWirePrompt } from "./prompt.js";

/** Frees the embedding of a handle that was dropped. */
const dropped = new FinalizationRegistry<{ client: Client; id: number }>(({ client, id }) => client.free(id));

export class ImageHandle implements SamImage {
  declare readonly [Symbol.dispose]: () => void;
  static {
    // Not every browser knows the symbol yet.
    if (typeof Symbol.dispose === "symbol") {
      Object.defineProperty(this.prototype, Symbol.dispose, { value: this.prototype.free });
    }
  }

  /** Vue makes no proxy of what has a name of its own: behind one, private fields cannot be reached. */
  get [Symbol.toStringTag](): string {
    return "SamImage";
  }

  readonly width: number;
  readonly height: number;
  readonly #client: Client;
  readonly #id: number;
  /** Gives up the last call that a newer one may overtake. Only this is kept, not its answer. */
  #overtake: ((error: SamError) => void) | undefined;
  #freed: SamError | undefined;

  /** `keepAlive`: the Sam ends its Worker when it is collected, which must not happen before its images are. */
  constructor(
    client: Client,
    id: number,
    size: { readonly width: number; readonly height: number },
    protected readonly keepAlive: object,
  ) {
    this.width = size.width;
    this.height = size.height;
    this.#client = client;
    this.#id = id;
    dropped.register(this, { client, id }, this);
  }

  segment<O extends Output = "mask">(prompts: readonly Prompt[], options?: SegmentOptions<O>): Promise<Masks<O>[]>;
  segment<O extends Output = "mask">(prompt: Prompt, options?: SegmentOptions<O>): Promise<Masks<O>>;
  async segment<O extends Output>(
    prompt: Prompt | readonly Prompt[],
    options?: SegmentOptions<O>,
  ): Promise<Masks<O> | Masks<O>[]> {
    this.#requireAlive();
    const given = toOptions<SegmentOptions<O>>(options, segmentNames, "bad-prompt", "{ multimask: false }");
    if (!isBatch(prompt)) {
      const [masks] = await this.#decode<O>([toWirePrompt(prompt, "")], false, given);
      if (masks === undefined) throw new SamError("internal", "The model gave no answer to the prompt.");
      return masks;
    }
    const prompts = prompt.map((each, i) => toWirePrompt(each, `prompts[${i}].`));
    return prompts.length === 0 ? [] : this.#decode<O>(prompts, true, given);
  }

  async everything<M extends OutputMode = "binary_mask">(
    options?: EverythingOptions<M>,
  ): Promise<EverythingRecord<M>[]> {
    this.#requireAlive();
    const given = toOptions<EverythingOptions<M>>(options, everythingNames, "bad-prompt", "{ pointsPerSide: 32 }");
    const signal = toSignal(given.signal, "bad-prompt");
    const onProgress = toCallback(given.onProgress, "bad-prompt");
    const params = { image: this.#id, options: toWireEverything(given), candidates: onProgress !== undefined };
    const { records } = await this.#client.call("everything", { params }, { signal, onProgress, owner: this });
    // The form was asked for by `options.outputMode`, which is M.
    return records as EverythingRecord<M>[];
  }

  async embedding(): Promise<EmbeddingTensor> {
    this.#requireAlive();
    return this.#client.call("embedding", { params: { image: this.#id } }, { owner: this });
  }

  async save(): Promise<ArrayBuffer> {
    this.#requireAlive();
    return this.#client.call("save", { params: { image: this.#id } }, { owner: this });
  }

  free(): void {
    if (this.#freed !== undefined) return;
    this.#freed = new SamError("disposed", "This image was freed: encode it again.");
    dropped.unregister(this);
    this.#client.rejectAll(this, this.#freed);
    this.#client.free(this.#id);
  }

  async #decode<O extends Output>(
    prompts: ReturnType<typeof toWirePrompt>[],
    batch: boolean,
    options: Partial<SegmentOptions<O>>,
  ): Promise<Masks<O>[]> {
    const signal = toSignal(options.signal, "bad-prompt");
    const params = { image: this.#id, prompts, batch, options: toWireOptions(options) };
    this.#overtake?.(new SamError("superseded", "A newer call on this image overtook this one."));
    const { result, reject } = this.#client.start("segment", { params }, { signal, owner: this });
    this.#overtake = options.latest === true ? reject : undefined;
    // The output was asked for by `options.output`, which is O.
    return (await result) as SentMask[][] & Masks<O>[];
  }

  #requireAlive(): void {
    // A lost session is the better explanation of the two.
    const end = this.#client.end ?? this.#freed;
    if (end !== undefined) throw end;
  }
}

function isBatch(prompt: Prompt | readonly Prompt[]): prompt is readonly Prompt[] {
  return Array.isArray(prompt);
}
