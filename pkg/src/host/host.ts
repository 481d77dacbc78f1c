import { discard } from "../bitmaps.js";
import { SamError, toSamError, toWire } from "../errors.js";
import { startReading } from "../locks.js";
import type {
  Call,
  CallProgress,
  CallResult,
  Calls,
  EverythingParams,
  ImageSize,
  Request,
  Response,
  SegmentParams,
  SentMask,
} from "../protocol.js";
import type { EmbeddingTensor } from "../types.js";
import { withBitmaps } from "./bitmap.js";
import { encodePixels } from "./encode.js";
import type { Engine } from "./engine.js";
import { findEverything } from "./everything.js";
import { loadModel } from "./load.js";
import type { Loaded } from "./load.js";
import type { StartThreads } from "./threads.js";
import { BlobSink } from "./sink.js";
import { openSlices } from "./slices.js";
import { dropSource, keepSource, openImage } from "../pixels.js";
import type { KeptSource } from "../pixels.js";
import type { Embedding, WasmModules } from "./wasm.js";

type Post = (message: Response, transfer: Transferable[]) => void;

interface Context {
  readonly signal: AbortSignal;
  readonly report: (progress: CallProgress) => void;
}

interface HeldImage {
  readonly embedding: Embedding;
  /** Its pixels, for crops; none where the embedding came from a file. */
  readonly source: KeptSource | undefined;
}

/** One session of the model, driven by messages; in the Worker, or on the caller's own thread. */
export class Host {
  readonly #modules: WasmModules;
  readonly #post: Post;
  readonly #isOurs: () => boolean;
  readonly #withThreads: StartThreads | undefined;
  /** The calls that are not answered yet. */
  readonly #calls = new Map<number, AbortController>();
  readonly #images = new Map<number, HeldImage>();
  readonly #engines = new Set<Engine>();
  #loaded: Loaded | undefined;
  /** Lost or closed: nothing is answered any more. */
  #over = false;

  /** `isOurs`: is the wasm module what is calling right now? In a Worker of our own it always is. */
  constructor(modules: WasmModules, post: Post, isOurs = () => true, withThreads?: StartThreads) {
    this.#modules = modules;
    this.#post = post;
    this.#isOurs = isOurs;
    this.#withThreads = withThreads;
  }

  /** Is a call inside the module? */
  get busy(): boolean {
    return [...this.#engines].some((engine) => engine.busy);
  }

  receive(request: Request): void {
    if (this.#over) return;
    switch (request.kind) {
      case "cancel":
        return this.#calls.get(request.id)?.abort();
      case "free":
        return this.#free(request.image);
      case "close":
        return this.#close();
      case "threads":
        // The Worker's script asked, and has heard it.
        return undefined;
      default:
        void this.#answer(request);
    }
  }

  /** Something went wrong outside every call: a panic in the middle of a future. */
  fail(error: unknown): void {
    if (this.#engines.size === 0) return this.#lose(toSamError(error, "internal"));
    const alive = [...this.#engines].filter((engine) => engine.failure === undefined);
    // What is heard after the GPU's engine has failed may still come from there.
    const mayBeOld = alive.length < this.#engines.size;
    for (const engine of alive) if (!mayBeOld || engine.busy) engine.fail(error);
  }

  async #answer(call: Call): Promise<void> {
    const { id } = call;
    const controller = new AbortController();
    const { signal } = controller;
    this.#calls.set(id, controller);
    const isWanted = () => !signal.aborted && !this.#over;
    try {
      const value = await this.#perform(call, {
        signal,
        report: (progress) => {
          if (isWanted()) this.#post({ kind: "progress", id, progress }, []);
        },
      });
      if (isWanted()) this.#post({ kind: "result", id, value, memory: this.#memory() }, transferables(value));
      else discard(value);
    } catch (error) {
      const code = error instanceof RangeError ? "out-of-memory" : "internal";
      if (isWanted())
        this.#post({ kind: "error", id, error: toWire(toSamError(error, code)), memory: this.#memory() }, []);
    } finally {
      this.#calls.delete(id);
      // Ends what the call has left behind: the download of a model that is not needed any more.
      controller.abort();
    }
  }

  #perform(call: Call, context: Context): Promise<CallResult> {
    switch (call.kind) {
      case "load":
        return this.#load(call.params, context);
      case "encode":
        return this.#encode(call.params, context);
      case "open":
        return this.#open(call.params, context);
      case "segment":
        return this.#segment(call.params, context);
      case "everything":
        return this.#everything(call.params, context);
      case "embedding":
        // A copy, of no shared memory.
        return this.#withImage(call.params.image, context, (image) => image.data() as Promise<EmbeddingTensor>);
      case "save":
        return this.#withImage(call.params.image, context, async (image) => exactBuffer(await image.save()));
      case "saveModel":
        return this.#saveModel(call.params, context);
    }
  }

  async #load(params: Calls["load"]["params"], { signal, report }: Context): Promise<Calls["load"]["result"]> {
    const using = (engine: Engine) => this.#engines.add(engine);
    const [isOurs, withThreads] = [this.#isOurs, this.#withThreads];
    const context = { modules: this.#modules, signal, report, using, isOurs, withThreads };
    const loaded = await loadModel(params, context);
    if (signal.aborted) {
      loaded.engine.release(() => loaded.session);
      throw signal.reason;
    }
    this.#loaded = loaded;
    // Not before: while `auto` chooses, a GPU that fails is not a loss.
    loaded.engine.onFailure(this.#onFailure);
    return loaded.info;
  }

  async #encode({ image, source }: Calls["encode"]["params"], { signal, report }: Context): Promise<ImageSize> {
    const { engine, session } = this.#requireLoaded();
    const kept = await keepSource(source, signal);
    try {
      const opened = await openImage(kept);
      try {
        const embedding = await encodePixels(opened.whole, { engine, session, signal, report }, opened.close);
        return this.#keep(image, { embedding, source: kept }, signal);
      } finally {
        opened.close();
      }
    } catch (error) {
      dropSource(kept);
      throw error;
    }
  }

  async #open({ image, file }: Calls["open"]["params"], { signal }: Context): Promise<ImageSize> {
    const { engine, session } = this.#requireLoaded();
    const bytes = await readFile(file);
    const embedding = await engine.turn(signal, () => session.open(bytes));
    return this.#keep(image, { embedding, source: undefined }, signal);
  }

  /** Group by group, each in a turn of its own: an abort acts between two, and other calls get through. */
  async #segment({ image, prompts, batch, options }: SegmentParams, context: Context): Promise<SentMask[][]> {
    const { output, ...rest } = options;
    const wireOptions = { ...rest, output: output === "bitmap" ? "mask" : output } as const;
    const groups = batch
      ? await this.#withImage(image, context, (embedding) => embedding.groups([...prompts], wireOptions))
      : [prompts.map((_, index) => index)];
    const answers: SentMask[][] = prompts.map(() => []);
    try {
      for (const group of groups) {
        const members = group.flatMap((index) => prompts[index] ?? []);
        const masks = await this.#withImage(image, context, (embedding) => embedding.segment(members, wireOptions));
        const sent = output === "bitmap" ? await withBitmaps(masks) : masks;
        for (const [i, index] of group.entries()) answers[index] = sent[i] ?? [];
      }
      return answers;
    } catch (error) {
      discard(answers);
      throw error;
    }
  }

  async #saveModel({ half }: Calls["saveModel"]["params"], { signal, report }: Context): Promise<Blob> {
    const { engine, checkpoint } = this.#requireLoaded();
    const file = new BlobSink();
    const write = (chunk: Uint8Array) => {
      try {
        file.write(chunk as Uint8Array<ArrayBuffer>);
      } catch (error) {
        // With a code: anything else would count as a failure of the module.
        throw new SamError("out-of-memory", "The browser has no room for a copy of the checkpoint.", error);
      }
    };
    const stopReading = checkpoint.name === undefined ? undefined : await startReading(checkpoint.name, signal);
    try {
      const source = await openSlices(checkpoint.blob);
      await engine.convert(signal, source, half, write, (loaded, total) => report({ stage: "save", loaded, total }));
      return await file.finish();
    } finally {
      stopReading?.();
    }
  }

  async #everything(params: EverythingParams, context: Context): Promise<Calls["everything"]["result"]> {
    const { engine, session } = this.#requireLoaded();
    const withImage = <T>(work: (image: Embedding) => T | Promise<T>) => this.#withImage(params.image, context, work);
    const source = this.#images.get(params.image)?.source;
    return { records: await findEverything(params, { ...context, engine, session, withImage, source }) };
  }

  #withImage<T>(id: number, { signal }: Context, work: (image: Embedding) => T | Promise<T>): Promise<T> {
    const { engine } = this.#requireLoaded();
    return engine.turn(signal, () => {
      const image = this.#images.get(id);
      if (image === undefined) throw new SamError("disposed", "This image was freed: encode it again.");
      return work(image.embedding);
    });
  }

  #keep(id: number, image: HeldImage, signal: AbortSignal): ImageSize {
    const { embedding } = image;
    if (signal.aborted) {
      this.#requireLoaded().engine.release(() => embedding);
      throw signal.reason;
    }
    this.#images.set(id, image);
    return { width: embedding.width, height: embedding.height };
  }

  /** In turn, after the calls that were made before: a handle may be dropped while one is pending. */
  #free(id: number): void {
    this.#loaded?.engine.release(() => {
      const image = this.#images.get(id);
      this.#images.delete(id);
      dropSource(image?.source);
      return image?.embedding;
    });
  }

  readonly #onFailure = (error: SamError): void => this.#lose(error);

  #lose(error: SamError): void {
    if (this.#over) return;
    this.#post({ kind: "lost", error: toWire(error) }, []);
    this.#end();
  }

  /** The module outlives this session when the thread is the caller's: leaves nothing behind in it. */
  #close(): void {
    this.#end();
    if (this.#loaded === undefined) return;
    const { engine, session } = this.#loaded;
    engine.offFailure(this.#onFailure);
    for (const id of this.#images.keys()) this.#free(id);
    engine.release(() => session);
  }

  #end(): void {
    this.#over = true;
    for (const controller of this.#calls.values()) controller.abort();
  }

  #requireLoaded(): Loaded {
    if (this.#loaded === undefined) throw new SamError("internal", "No model is loaded.");
    return this.#loaded;
  }

  #memory(): number {
    return this.#loaded?.engine.memoryBytes ?? 0;
  }
}

async function readFile(file: ArrayBuffer | Uint8Array | Blob): Promise<Uint8Array> {
  if (file instanceof Uint8Array) return file;
  if (file instanceof ArrayBuffer) return new Uint8Array(file);
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw new SamError("bad-embedding", "The file could not be read: was it changed?", error);
  }
}

function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return (bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()).buffer as ArrayBuffer;
}

/** The buffers of an answer, so that they move instead of being copied. */
function transferables(value: CallResult): Transferable[] {
  if (value instanceof ArrayBuffer) return [value];
  if (Array.isArray(value)) {
    const masks = value.flat();
    return [...new Set(masks.flatMap(({ data, logits }) => [...movable(data), ...movable(logits.data)]))];
  }
  if ("records" in value) {
    const masks = value.records.map(({ segmentation }) => segmentation);
    return masks.flatMap((mask) => ("data" in mask ? [mask.data.buffer as ArrayBuffer] : []));
  }
  return "shape" in value ? movable(value.data) : [];
}

function movable(data: Uint8Array | Float32Array | ImageBitmap): Transferable[] {
  if (!ArrayBuffer.isView(data)) return [data];
  return data.buffer instanceof ArrayBuffer ? [data.buffer] : [];
}
