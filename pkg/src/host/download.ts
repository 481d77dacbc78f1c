import { SamError, isSamError, toSamError } from "../errors.js";
import { toIntegrity } from "../integrity.js";
import type { LoadParams } from "../protocol.js";
import { startReading, whileUnread, withFile } from "../locks.js";
import { Store, forget, isComplete } from "../store.js";
import type { Note } from "../store.js";
import type { LoadProgress } from "../types.js";
import type { Hashing } from "./hash.js";
import { BlobSink, FileSink } from "./sink.js";
import type { Sink } from "./sink.js";
import { inSteps } from "./slices.js";
import { Interruption, mayContinue, transfer } from "./transfer.js";
import type { Target, Version } from "./transfer.js";

/** What is reported at least. */
const REPORT_BYTES = 2 ** 18;
/** A server that does not say by then whether a kept file is still the latest is taken for absent. */
const ASK_MS = 5000;

type Request = Pick<LoadParams, "model" | "integrity" | "cache">;

export interface DownloadContext {
  readonly signal: AbortSignal;
  readonly hashing: Hashing;
  readonly report: (progress: LoadProgress) => void;
  /** Aborted when the checkpoint has been read: until then a kept file stays as it is. */
  readonly until: AbortSignal;
  /** Gets a kept file before its server is asked whether there is a newer one. */
  readonly onKept?: (blob: Blob) => void;
  /** As in TransferOptions: tests do not wait. */
  readonly pauses?: readonly number[];
  readonly stallMs?: number;
}

/** A checkpoint that can be read by slices. */
export interface Checkpoint {
  readonly blob: Blob;
  /** SHA-256 in hexadecimal. */
  readonly hash: string;
  /** Of the kept file; undefined where it is none. */
  readonly name?: string;
}

/** The checkpoint: the caller's file, one of an earlier visit, or from the network. */
export async function readCheckpoint(request: Request, context: DownloadContext): Promise<Checkpoint> {
  const { model, integrity, cache } = request;
  const { signal, report } = context;
  const telling = (tell: DownloadContext["report"]) => ({ ...context, report: throttle(tell) });
  if (model.kind === "blob") return hashBlob(model.blob, integrity, telling(report));
  const store = cache && /^https?:/.test(model.url) ? await Store.open() : undefined;
  if (store === undefined) return new Download(model.url, integrity, telling(report)).run();

  const name = await Store.nameOf(model.url, integrity);
  const channel = new Progress(name, report);
  try {
    return await withFile(name, signal, async () => {
      const file = { url: model.url, integrity };
      const use = (kept: Checkpoint) => {
        report({ stage: "download", loaded: kept.blob.size, total: kept.blob.size });
        return kept;
      };
      const kept = await recall(store, file, context, async (note) => !(await isOutdated(model.url, note)));
      if (kept !== undefined) return use(kept);
      try {
        return await new Download(model.url, integrity, telling(channel.tell), { store, name }).run();
      } catch (error) {
        signal.throwIfAborted();
        // The server has another version, but does not give it.
        const old =
          toSamError(error, "internal").code === "network"
            ? await recall(store, file, context, async () => true)
            : undefined;
        if (old === undefined) throw error;
        console.info("burn-sam: the model that is kept is used; a newer one could not be downloaded.", error);
        return use(old);
      }
    });
  } finally {
    channel.close();
  }
}

/** Forgets a kept file: it turned out not to be a checkpoint, or none that can be read. Who still reads it finds out, too. */
export async function forgetCheckpoint({ model, cache }: Request): Promise<void> {
  if (model.kind === "url" && cache) await forget(model.url, { ifUnread: true }).catch(() => undefined);
}

async function hashBlob(
  blob: Blob,
  integrity: string | undefined,
  { hashing, signal, report }: DownloadContext,
): Promise<Checkpoint> {
  const sha256 = await hashing();
  let loaded = 0;
  for await (const bytes of inSteps(blob, signal)) {
    sha256.update(bytes);
    loaded += bytes.length;
    report({ stage: "download", loaded, total: blob.size });
  }
  const hash = sha256.digest();
  verify(hash, integrity, "The given file");
  return { blob, hash };
}

function verify(hash: string, integrity: string | undefined, what: string): void {
  if (integrity === undefined || toIntegrity(hash) === integrity) return;
  const text = `${what} is not the expected file: its integrity is "${toIntegrity(hash)}", not "${integrity}".`;
  throw new SamError("integrity", `${text} Pass the one of the file that is meant, or none.`);
}

/** The kept file, if it is the right one; `isCurrent` says whether one that is not pinned still is. */
async function recall(
  store: Store,
  { url, integrity }: { readonly url: string; readonly integrity: string | undefined },
  { signal, until, onKept }: DownloadContext,
  isCurrent: (note: Note) => Promise<boolean>,
): Promise<Checkpoint | undefined> {
  const find = async (name: string): Promise<Checkpoint | undefined> => {
    const note = await store.note(name);
    if (note?.url !== url || !isComplete(note)) return undefined;
    if (integrity !== undefined && toIntegrity(note.hash) !== integrity) return undefined;
    const blob = await store.file(name, note);
    if (blob === undefined) return undefined;
    onKept?.(blob);
    if (integrity === undefined && !(await isCurrent(note))) return undefined;
    return { blob, hash: note.hash, name };
  };
  for (const [name, note] of await store.notes()) {
    if (note.url !== url || !isComplete(note)) continue;
    // What is found before that may be gone by then.
    const stopReading = await startReading(name, signal);
    const found = await find(name);
    if (found !== undefined) {
      onAbort(until, stopReading);
      return found;
    }
    stopReading();
  }
  return undefined;
}

function onAbort(signal: AbortSignal, work: () => void): void {
  if (signal.aborted) work();
  else signal.addEventListener("abort", work, { once: true });
}

/** Asks the server, but takes no answer for a no: that is how it works offline. */
async function isOutdated(url: string, note: Note): Promise<boolean> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ASK_MS);
  try {
    const response = await fetch(url, { method: "HEAD", cache: "no-cache", signal: controller.signal });
    if (!response.ok) return false;
    // Other origins often show only the latter two. The length of what is compressed says nothing.
    const isCompressed = response.headers.has("Content-Encoding");
    const length = note.bytes === undefined || isCompressed ? undefined : String(note.bytes);
    const known = { ETag: note.etag, "Last-Modified": note.lastModified, "Content-Length": length };
    for (const [name, value] of Object.entries(known)) {
      const now = response.headers.get(name);
      if (value !== undefined && now !== null) return value !== now;
    }
    return false;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

interface Place {
  readonly store: Store;
  readonly name: string;
}

/** One file on its way: into the store where there is one and room in it, else into a Blob. */
class Download implements Target {
  readonly #url: string;
  readonly #integrity: string | undefined;
  readonly #context: DownloadContext;
  #place: Place | undefined;
  #sink: Sink = new BlobSink();
  #version: Version = {};
  #sha256: Awaited<ReturnType<Hashing>> | undefined;
  /** An earlier version is in the file, whole. */
  #isKept = false;

  constructor(url: string, integrity: string | undefined, context: DownloadContext, place?: Place) {
    this.#url = url;
    this.#integrity = integrity;
    this.#context = context;
    this.#place = place;
  }

  get sink(): Sink {
    return this.#sink;
  }

  async run(mayRepeat = true): Promise<Checkpoint> {
    const { signal, report, pauses, stallMs } = this.#context;
    const partial = await this.#resume();
    let isPieced: boolean;
    let hash: string;
    let blob: Blob;
    try {
      isPieced = await transfer(this.#url, this, {
        signal,
        partial,
        checked: this.#integrity !== undefined,
        uncached: this.#place !== undefined,
        report: (loaded, total) => report({ stage: "download", loaded, total }),
        ...(pauses === undefined ? {} : { pauses }),
        ...(stallMs === undefined ? {} : { stallMs }),
      });
      // Of an empty file no byte has come, and what was there before is still there.
      if (this.#sink.length === 0) await this.write(new Uint8Array(0));
      hash = (await this.#hash()).digest();
      blob = await this.#finish();
    } catch (error) {
      await this.#leave();
      throw error;
    }
    const bytes = this.#sink.length;
    try {
      verify(hash, this.#integrity, this.#url);
    } catch (error) {
      await this.#drop();
      // What it was pieced together from may have been of two versions.
      if (!isPieced || !mayRepeat) throw error;
      return new Download(this.#url, this.#integrity, this.#context, this.#place).run(false);
    }
    report({ stage: "download", loaded: bytes, total: bytes });
    return this.#keep(blob, hash);
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const sha256 = await this.#hash();
    try {
      if (this.#sink.length === 0) await this.#replace();
      this.#sink.write(bytes);
    } catch (error) {
      await this.#goWithout(error);
      this.#sink.write(bytes);
    }
    sha256.update(bytes);
  }

  clear(): void {
    this.#sink.clear();
    this.#sha256 = undefined;
  }

  async begin(version: Version): Promise<void> {
    this.#version = version;
    if (this.#place === undefined || !(this.#sink instanceof FileSink)) return;
    const { bytes } = version;
    try {
      const { quota, usage } = await navigator.storage.estimate();
      if (bytes !== undefined && quota !== undefined && quota - (usage ?? 0) + this.#sink.size < bytes) {
        throw new DOMException(`${bytes} bytes are needed`, "QuotaExceededError");
      }
    } catch (error) {
      await this.#goWithout(error);
    }
  }

  /** What was in the file goes, now that something else is there: first the bytes, or they would be under the new note. */
  async #replace(): Promise<void> {
    if (this.#place === undefined || !(this.#sink instanceof FileSink)) return;
    const { store, name } = this.#place;
    const sink = this.#sink;
    await whileUnread(name, { signal: this.#context.signal }, async () => {
      this.#isKept = false;
      sink.begin();
      await store.write(name, this.#note());
    });
  }

  /** Goes on where an earlier visit was broken off: this version is there in part. */
  async #resume(): Promise<Version | undefined> {
    if (this.#place === undefined) return undefined;
    const { store, name } = this.#place;
    try {
      const note = await store.note(name);
      const file = await store.handle(name);
      if (file === undefined) return undefined;
      const isPart = note !== undefined && !isComplete(note) && mayContinue(note, this.#integrity !== undefined);
      const part = isPart ? await file.getFile() : new Blob();
      for await (const bytes of inSteps(part, this.#context.signal)) (await this.#hash()).update(bytes);
      const sink = await FileSink.open(file);
      if (sink !== undefined) {
        this.#sink = sink;
        this.#isKept = note !== undefined && isComplete(note) && note.bytes === sink.length;
        if (note !== undefined && part.size > 0 && part.size === sink.length) return (this.#version = note);
      }
    } catch (error) {
      this.#context.signal.throwIfAborted();
      console.info("burn-sam: a download is not gone on with.", error);
    }
    this.clear();
    return undefined;
  }

  async #hash(): Promise<Awaited<ReturnType<Hashing>>> {
    return (this.#sha256 ??= await this.#context.hashing());
  }

  /** No room for the file, or none any more: what is there goes over into a Blob. */
  async #goWithout(reason: unknown): Promise<void> {
    const from = this.#sink;
    this.#context.signal.throwIfAborted();
    if (!(from instanceof FileSink)) throw reason;
    console.info("burn-sam: the model is not kept for the next visit.", reason);
    const to = new BlobSink();
    this.#sink = to;
    try {
      const written = from.length > 0 ? await from.finish() : new Blob();
      for await (const bytes of inSteps(written, this.#context.signal)) to.write(bytes);
    } catch (error) {
      this.#context.signal.throwIfAborted();
      this.clear();
      throw new Interruption(error);
    } finally {
      from.close();
      await this.#dropUnlessKept();
      this.#place = undefined;
    }
  }

  async #finish(): Promise<Blob> {
    try {
      return await this.#sink.finish();
    } catch (error) {
      if (isSamError(error)) throw error;
      throw new SamError("network", `The downloaded file was lost in the browser's storage: try again.`, error);
    }
  }

  async #keep(blob: Blob, hash: string): Promise<Checkpoint> {
    if (this.#place === undefined) return { blob, hash };
    const { store, name } = this.#place;
    // Before it counts as kept: or it could be forgotten before it is read.
    onAbort(this.#context.until, await startReading(name, this.#context.signal));
    try {
      // Where it could not be written to as the download came: on the page's own thread.
      if (!(this.#sink instanceof FileSink)) await store.put(name, blob);
      await store.write(name, { ...this.#note(), bytes: blob.size, hash });
    } catch (error) {
      // No room is no reason to fail: the model is simply downloaded again next time.
      console.info("burn-sam: the model is not kept for the next visit.", error);
      if (!(this.#sink instanceof FileSink)) await this.#drop();
    }
    return { blob, hash, name };
  }

  /** What cannot be gone on with is not left behind. */
  async #leave(): Promise<void> {
    const isUseful = this.#sink.length > 0 && mayContinue(this.#version, this.#integrity !== undefined);
    const isFile = this.#sink instanceof FileSink;
    this.#sink.close();
    if (isFile && !isUseful) await this.#dropUnlessKept();
  }

  /** An earlier version may have been forgotten meanwhile, all but the file that was open here. */
  async #dropUnlessKept(): Promise<void> {
    const note = this.#isKept ? await this.#place?.store.note(this.#place.name) : undefined;
    if (note === undefined) await this.#drop();
  }

  async #drop(): Promise<void> {
    await this.#place?.store.remove(this.#place.name).catch(() => undefined);
  }

  #note(): Note {
    const { etag, lastModified, bytes } = this.#version;
    return {
      url: this.#url,
      ...(this.#integrity === undefined ? {} : { integrity: this.#integrity }),
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
      ...(bytes === undefined ? {} : { bytes }),
      date: Date.now(),
    };
  }
}

/** What one tab downloads, the others that wait for it show. */
class Progress {
  readonly #channel: BroadcastChannel | undefined;
  readonly #report: (progress: LoadProgress) => void;

  constructor(name: string, report: (progress: LoadProgress) => void) {
    this.#report = report;
    if (typeof BroadcastChannel === "undefined") return;
    this.#channel = new BroadcastChannel(`burn-sam download ${name}`);
    this.#channel.onmessage = ({ data }: MessageEvent<LoadProgress>) => report(data);
  }

  readonly tell = (progress: LoadProgress): void => {
    this.#report(progress);
    this.#channel?.postMessage(progress);
  };

  close(): void {
    this.#channel?.close();
  }
}

/** A chunk of the network is small: not each is worth a message. The last always is. */
function throttle(report: (progress: LoadProgress) => void): (progress: LoadProgress) => void {
  let last = -REPORT_BYTES;
  return (progress) => {
    const { loaded, total } = progress;
    if (loaded < last) last = -REPORT_BYTES;
    if (loaded !== total && loaded - last < REPORT_BYTES) return;
    last = loaded;
    report(progress);
  };
}
