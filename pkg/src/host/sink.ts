// Where a download is written: a file of the origin, or a Blob that the browser may move to the disk.
import { SamError } from "../errors.js";
import { openSync, writeAll } from "../folder.js";
import type { SyncHandle } from "../folder.js";

/** A piece that is given to the browser. */
const PIECE = 16 * 2 ** 20;

export interface Sink {
  /** Bytes written. */
  readonly length: number;
  /** Throws where there is no room. */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /** Forgets what was written. */
  clear(): void;
  /** What was written, whole. */
  finish(): Promise<Blob>;
  /** Ends it early: what is in a file stays there. */
  close(): void;
}

export class BlobSink implements Sink {
  #pieces: Blob[] = [];
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #held = 0;
  length = 0;

  write(bytes: Uint8Array<ArrayBuffer>): void {
    this.#chunks.push(bytes);
    this.#held += bytes.length;
    this.length += bytes.length;
    if (this.#held >= PIECE) this.#seal();
  }

  clear(): void {
    this.#pieces = [];
    this.#chunks = [];
    this.#held = this.length = 0;
  }

  async finish(): Promise<Blob> {
    this.#seal();
    const blob = new Blob(this.#pieces);
    try {
      // A Blob that there is no room for is made without a word, and cannot be read.
      await blob.slice(-1).arrayBuffer();
    } catch (error) {
      const text = `The browser has no room for a file of ${this.length} bytes; in a private window it would be in memory.`;
      throw new SamError("out-of-memory", `${text} Use a smaller model.`, error);
    }
    return blob;
  }

  close(): void {
    this.clear();
  }

  #seal(): void {
    this.#pieces.push(new Blob(this.#chunks));
    this.#chunks = [];
    this.#held = 0;
  }
}

export class FileSink implements Sink {
  readonly #file: FileSystemFileHandle;
  readonly #handle: SyncHandle;
  #isOpen = true;
  /** What counts; the file may have more, until `begin`. */
  length: number;

  private constructor(file: FileSystemFileHandle, handle: SyncHandle) {
    this.#file = file;
    this.#handle = handle;
    this.length = handle.getSize();
  }

  /** With what is in the file already. Undefined where it cannot be written to: on the page's own thread, or while it is in use. */
  static async open(file: FileSystemFileHandle): Promise<FileSink | undefined> {
    try {
      const handle = await openSync(file);
      return handle === undefined ? undefined : new FileSink(file, handle);
    } catch {
      return undefined;
    }
  }

  write(bytes: Uint8Array<ArrayBuffer>): void {
    writeAll(this.#handle, bytes, this.length);
    this.length += bytes.length;
  }

  /** Size of the file. */
  get size(): number {
    return this.#handle.getSize();
  }

  /** What is in the file stays there until something else comes. */
  clear(): void {
    this.length = 0;
  }

  /** Empties the file. */
  begin(): void {
    this.#handle.truncate(0);
    this.length = 0;
  }

  async finish(): Promise<Blob> {
    // A write that failed may have left something behind the end.
    this.#handle.truncate(this.length);
    this.#handle.flush();
    this.close();
    return this.#file.getFile();
  }

  close(): void {
    if (this.#isOpen) this.#handle.close();
    this.#isOpen = false;
  }
}
