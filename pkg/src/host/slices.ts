// A checkpoint as the wasm module reads it: by slices, at once, so that no more of it is in memory than a tensor.
import { SamError, describe } from "../errors.js";
import type { CheckpointSource } from "./wasm.js";

/** Headers are read a few bytes at a time: what comes after them is fetched along. */
const WINDOW = 256 * 1024;
/** Hashed at a time. */
const STEP = 4 * 2 ** 20;

interface SyncReader {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
declare const FileReaderSync: (new () => SyncReader) | undefined;

/** On the page's own thread, where nothing can be read at once, the whole file goes into memory. */
export async function openSlices(blob: Blob): Promise<CheckpointSource> {
  return slicesOf(blob) ?? ofBytes(await readBytes(blob));
}

/** The same, where it takes no time. */
export function slicesOf(blob: Blob): CheckpointSource | undefined {
  return typeof FileReaderSync === "undefined" ? undefined : new BlobSlices(blob, new FileReaderSync());
}

export function ofBytes(bytes: Uint8Array): CheckpointSource {
  return {
    size: bytes.length,
    read(offset, length) {
      requireInside(bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

class BlobSlices implements CheckpointSource {
  readonly #blob: Blob;
  readonly #reader: SyncReader;
  #window = new Uint8Array(0);
  #start = 0;

  constructor(blob: Blob, reader: SyncReader) {
    this.#blob = blob;
    this.#reader = reader;
  }

  get size(): number {
    return this.#blob.size;
  }

  read(offset: number, length: number): Uint8Array {
    requireInside(this.size, offset, length);
    if (length > WINDOW / 2) return this.#fetch(offset, length);
    if (offset < this.#start || offset + length > this.#start + this.#window.length) {
      // The end is read backwards, in search of a zip's directory.
      this.#start = Math.max(0, Math.min(offset, this.size - WINDOW));
      this.#window = this.#fetch(this.#start, Math.min(WINDOW, this.size - this.#start));
    }
    return this.#window.subarray(offset - this.#start, offset - this.#start + length);
  }

  #fetch(offset: number, length: number): Uint8Array<ArrayBuffer> {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = new Uint8Array(this.#reader.readAsArrayBuffer(this.#blob.slice(offset, offset + length)));
    } catch (error) {
      throw unreadable(error);
    }
    if (bytes.length !== length) throw unreadable(new Error(`${bytes.length} of ${length} bytes`));
    return bytes;
  }
}

function requireInside(size: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new SamError(
    "bad-checkpoint",
    `Bytes ${offset} to ${offset + length} are outside of the file of ${size} bytes.`,
  );
}

/** All bytes from the first to the last, in steps that let other things happen: the next is read while one is used. */
export async function* inSteps(blob: Blob, signal: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const read = (start: number) => {
    const reading = readBytes(blob.slice(start, start + STEP));
    // Nobody may wait for it any more.
    reading.catch(() => undefined);
    return reading;
  };
  let next = read(0);
  for (let start = 0; start < blob.size; start += STEP) {
    const bytes = await next;
    signal.throwIfAborted();
    next = read(start + STEP);
    yield bytes;
  }
}

async function readBytes(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): SamError {
  if (error instanceof RangeError) {
    return new SamError("out-of-memory", "The browser has no memory for a checkpoint of this size.", error);
  }
  const text = `The file could not be read (was it changed, moved or removed?): ${describe(error)}. Choose it again.`;
  return new SamError("bad-checkpoint", text, error);
}
