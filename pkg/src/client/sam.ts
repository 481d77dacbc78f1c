import { isBlob, isBuffer, isBytes } from "../element.js";
import { SamError, toSamError } from "../errors.js";
import { Store, forget, isComplete } from "../store.js";
import type {
  Sam as SamApi,
  CachedModel,
  EncodeOptions,
  ImageSource,
  LoadOptions,
  SamImage,
  SamInfo,
  SaveModelOptions,
} from "../types.js";
import { toCallback, toOptions, toSignal } from "./given.js";
import { ImageHandle } from "./image.js";
import { modelUrl, planLoad, toLoadOptions } from "./options.js";
import type { LoadPlan } from "./options.js";
import { openSession, requireBrowser, settled } from "./session.js";
import type { Session } from "./session.js";
import { holdSource, toWireSource } from "../source.js";
import type { PreparedSource } from "../source.js";

const encodeNames = { signal: true, onProgress: true } as const;
const saveNames = { half: true, ...encodeNames } as const;

/** Ends the Worker of a Sam that was dropped. */
const dropped = new FinalizationRegistry<{ session: Session }>(({ session }) => {
  session.client.close(new SamError("disposed", "The Sam was dropped."));
});

/** A loaded model: `await Sam.load()`. */
export class Sam implements SamApi {
  declare readonly [Symbol.dispose]: () => void;
  static {
    // Not every browser knows the symbol yet.
    if (typeof Symbol.dispose === "symbol") {
      Object.defineProperty(this.prototype, Symbol.dispose, { value: this.prototype.free });
    }
  }

  /** Vue makes no proxy of what has a name of its own: behind one, private fields cannot be reached. */
  get [Symbol.toStringTag](): string {
    return "Sam";
  }

  readonly #plan: LoadPlan;
  /** Shared with the registry above, which must not hold the Sam itself. */
  readonly #current: { session: Session };
  #lastImage = 0;
  #restarting: Promise<void> | undefined;
  #freed: SamError | undefined;
  /** Ends a restart that is under way. */
  readonly #freeing = new AbortController();

  private constructor(plan: LoadPlan, session: Session) {
    this.#plan = plan;
    this.#current = { session };
    dropped.register(this, this.#current, this);
  }

  /** Loads a model, by default the built-in one, on the best device there is. */
  static async load(options?: LoadOptions): Promise<Sam> {
    const given = toLoadOptions(options);
    requireBrowser(given.worker ?? true);
    const plan = planLoad(given);
    return new Sam(plan, await openSession(plan, toSignal(given.signal, "unsupported")));
  }

  /** The checkpoints that were downloaded and are kept on this machine, latest first. */
  static async cached(): Promise<CachedModel[]> {
    const notes = (await (await Store.open())?.notes()) ?? [];
    const models = notes.flatMap(([, note]) => (isComplete(note) ? [note] : []));
    return models
      .sort((a, b) => b.date - a.date)
      .map(({ url, bytes, integrity, hash, date }) => {
        return { url, bytes, ...(integrity === undefined ? {} : { integrity }), hash, date: new Date(date) };
      });
  }

  /**
   * Removes what is kept of this URL or preset, or everything. Resolves when it is gone: loads that read it, in any tab,
   * are waited for. A download that is under way goes on.
   */
  static async forget(url?: string | URL): Promise<void> {
    await forget(url === undefined || url === null ? undefined : modelUrl(url, {}));
  }

  get info(): SamInfo {
    return this.#current.session.info;
  }

  get lost(): Promise<SamError> {
    return this.#current.session.client.lost;
  }

  restart(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => (this.#restarting = undefined));
    return this.#restarting;
  }

  async encode(source: ImageSource, options?: EncodeOptions): Promise<SamImage> {
    const given = toOptions(options, encodeNames, "unsupported", "{ signal }");
    const signal = toSignal(given.signal, "unsupported");
    const onProgress = toCallback(given.onProgress, "unsupported");
    this.#requireAlive();
    const prepared = toWireSource(source);
    const ready = this.#restarting === undefined ? prepared : await holdSource(prepared, this.#restarted(signal));
    return this.#newImage((client, image) => {
      const toMessage = ({ source, transfer }: PreparedSource) => ({ params: { image, source }, transfer });
      const message = ready instanceof Promise ? ready.then(toMessage) : toMessage(ready);
      return client.call("encode", message, { signal, onProgress, owner: this });
    });
  }

  async open(file: ArrayBuffer | Uint8Array | Blob): Promise<SamImage> {
    if (!(isBuffer(file) || isBytes(file) || isBlob(file))) {
      throw new SamError("bad-embedding", "A saved image is an ArrayBuffer, a Uint8Array or a Blob.");
    }
    if (!isBlob(file) && file.byteLength === 0) {
      throw new SamError("bad-embedding", "The saved image is empty: was its buffer transferred to somewhere else?");
    }
    if (this.#restarting === undefined) return this.#openNow(file);
    // The caller may change its bytes as soon as it has called.
    const kept = isBlob(file) ? file : file.slice(0);
    await this.#restarted();
    return this.#openNow(kept);
  }

  async saveModel(options?: SaveModelOptions): Promise<Blob> {
    const given = toOptions(options, saveNames, "unsupported", "{ half: true }");
    const signal = toSignal(given.signal, "unsupported");
    const onProgress = toCallback(given.onProgress, "unsupported");
    if (this.#restarting !== undefined) await this.#restarted(signal);
    const client = this.#requireAlive();
    const params = { half: given.half ?? false };
    return client.call("saveModel", { params }, { signal, onProgress, owner: this });
  }

  free(): void {
    if (this.#freed !== undefined) return;
    this.#freed = new SamError("disposed", "This Sam was freed: load another one.");
    dropped.unregister(this);
    this.#freeing.abort(this.#freed);
    this.#current.session.client.close(this.#freed);
  }

  /** While the Sam restarts there is nothing to complain of yet. */
  #requireAlive(): Session["client"] {
    const { client } = this.#current.session;
    const end = this.#freed ?? (this.#restarting === undefined ? client.end : undefined);
    if (end !== undefined) throw end;
    return client;
  }

  /** Waits for a restart that is under way, and rejects where there is no session afterwards. */
  async #restarted(signal?: AbortSignal): Promise<void> {
    if (this.#restarting !== undefined) await settled(this.#restarting, signal);
    this.#requireAlive();
  }

  #openNow(file: ArrayBuffer | Uint8Array | Blob): Promise<SamImage> {
    return this.#newImage((client, image) => client.call("open", { params: { image, file } }, { owner: this }));
  }

  async #newImage(
    call: (client: Session["client"], image: number) => Promise<{ readonly width: number; readonly height: number }>,
  ): Promise<SamImage> {
    const client = this.#requireAlive();
    const image = ++this.#lastImage;
    try {
      return new ImageHandle(client, image, await call(client, image), this);
    } catch (error) {
      // An aborted call may have been answered already: the image would stay.
      client.free(image);
      throw error;
    }
  }

  async #restart(): Promise<void> {
    if (this.#freed !== undefined) throw this.#freed;
    const old = this.#current.session.client;
    const replaced = new SamError("disposed", "The session was ended by sam.restart(): encode the image again.");
    old.close(replaced);
    const session = await openSession(this.#plan, this.#freeing.signal).catch((error: unknown) => {
      if (this.#freed === undefined) old.lose(toSamError(error, "internal"));
      throw error;
    });
    if (this.#freed !== undefined) {
      session.client.close(this.#freed);
      throw this.#freed;
    }
    old.replace(replaced);
    this.#current.session = session;
  }
}
