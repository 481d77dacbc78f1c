// Downloaded checkpoints in the origin's private file system: each a file, and beside it a note in JSON. A file whose note
// has no hash yet is a download that broke off. On a page served by plain http, in some private windows and in sandboxed
// frames there is no such file system.

import { ifFree, whileUnread } from "./locks.js";

const FOLDER = "burn-sam";

/** What is known of a kept file. */
export interface Note {
  readonly url: string;
  /** As the caller asked for. */
  readonly integrity?: string;
  /** Size of the whole file; absent while it is unknown. */
  readonly bytes?: number;
  /** SHA-256 in hexadecimal; absent while the file is incomplete. */
  readonly hash?: string;
  /** What the server identifies this version of the file by. */
  readonly etag?: string;
  readonly lastModified?: string;
  /** When the note was written: milliseconds since 1970. */
  readonly date: number;
}
/** A note of a file that is there as a whole. */
export type CompleteNote = Note & { readonly hash: string; readonly bytes: number };

/** A file handle that reads and writes at once: only Workers have it, and only one at a time for each file. */
export interface SyncHandle {
  write(buffer: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

export class Store {
  readonly #folder: FileSystemDirectoryHandle;

  private constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  static async open(): Promise<Store | undefined> {
    try {
      const root = await globalThis.navigator?.storage?.getDirectory?.();
      if (root === undefined) return undefined;
      return new Store(await root.getDirectoryHandle(FOLDER, { create: true }));
    } catch {
      return undefined;
    }
  }

  /** The name under which a file is kept. */
  static async nameOf(url: string, integrity = ""): Promise<string> {
    const text = new TextEncoder().encode(`${integrity} ${url}`);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
    return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async note(name: string): Promise<Note | undefined> {
    try {
      const file = await (await this.#folder.getFileHandle(`${name}.json`)).getFile();
      return toNote(JSON.parse(await file.text()));
    } catch {
      return undefined;
    }
  }

  /** Of all files, with a note or without one that can be read. */
  async names(): Promise<Set<string>> {
    const names = new Set<string>();
    for await (const file of this.#folder.keys()) names.add(file.replace(/\.[^.]*$/, ""));
    return names;
  }

  async notes(): Promise<(readonly [name: string, note: Note])[]> {
    const notes: [string, Note][] = [];
    for (const name of await this.names()) {
      const note = await this.note(name);
      if (note !== undefined) notes.push([name, note]);
    }
    return notes;
  }

  async write(name: string, note: Note): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(note));
    await put(await this.#folder.getFileHandle(`${name}.json`, { create: true }), bytes);
  }

  /** The file's handle; made where there is none. */
  handle(name: string): Promise<FileSystemFileHandle> {
    return this.#folder.getFileHandle(`${name}.bin`, { create: true });
  }

  /** The kept file, if it is there as a whole. */
  async file(name: string, { bytes }: CompleteNote): Promise<File | undefined> {
    try {
      const file = await (await this.#folder.getFileHandle(`${name}.bin`)).getFile();
      return file.size === bytes ? file : undefined;
    } catch {
      return undefined;
    }
  }

  /** Keeps a file that is complete. */
  async put(name: string, file: Blob): Promise<void> {
    await put(await this.handle(name), file);
  }

  /** The note goes first: without it the rest is nothing. */
  async remove(name: string): Promise<void> {
    for (const file of [`${name}.json`, `${name}.bin`]) {
      await patiently(() => this.#folder.removeEntry(file)).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
  }
}

/** A Worker that has just been ended may hold its files for a moment longer. */
const PATIENCE_MS = [10, 50, 200, 500];

function isNotFound(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NotFoundError";
}

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of PATIENCE_MS) {
    try {
      return await work();
    } catch (error) {
      if (isNotFound(error)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return work();
}

/** Undefined on the page's own thread; rejects where another handle stays open. */
export async function openSync(handle: FileSystemFileHandle): Promise<SyncHandle | undefined> {
  if (!("createSyncAccessHandle" in handle)) return undefined;
  return patiently(() => (handle as { createSyncAccessHandle(): Promise<SyncHandle> }).createSyncAccessHandle());
}

/** Throws where there is no room: Chromium does not, and returns an error's number in the place of a length. */
export function writeAll(handle: SyncHandle, bytes: Uint8Array, at: number): void {
  const written = handle.write(bytes, { at });
  if (written !== bytes.length) throw new DOMException(`no room for ${bytes.length} bytes`, "QuotaExceededError");
}

async function put(handle: FileSystemFileHandle, content: Uint8Array<ArrayBuffer> | Blob): Promise<void> {
  const sync = content instanceof Uint8Array ? await openSync(handle) : undefined;
  if (sync === undefined) {
    const writable = await handle.createWritable();
    await writable.write(content);
    return writable.close();
  }
  try {
    sync.truncate(0);
    writeAll(sync, content as Uint8Array, 0);
    sync.flush();
  } finally {
    sync.close();
  }
}

/** Undefined for what is no note: written by another version, or by nobody we know. */
function toNote(value: unknown): Note | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const note = value as Record<string, unknown>;
  const isText = (field: unknown) => field === undefined || typeof field === "string";
  const isNumber = (field: unknown) => typeof field === "number" && Number.isFinite(field);
  const texts = [note["integrity"], note["hash"], note["etag"], note["lastModified"]];
  const fits =
    typeof note["url"] === "string" &&
    texts.every(isText) &&
    isNumber(note["date"]) &&
    (note["bytes"] === undefined ? note["hash"] === undefined : isNumber(note["bytes"]));
  return fits ? (value as Note) : undefined;
}

export function isComplete(note: Note): note is CompleteNote {
  return note.hash !== undefined && note.bytes !== undefined;
}

/**
 * Removes the files of this address, or all, once the loads that read them are done. What is being downloaded right now
 * stays, but not an earlier version that it replaces. `ifUnread`: leaves what is being read.
 */
export async function forget(url?: string, { ifUnread = false } = {}): Promise<void> {
  const store = await Store.open();
  if (store === undefined) return;
  for (const name of await store.names()) {
    if (url !== undefined && (await store.note(name))?.url !== url) continue;
    await whileUnread(name, { ifAvailable: ifUnread }, async () => {
      const note = await store.note(name);
      if (url !== undefined && note?.url !== url) return;
      const wasFree = await ifFree(name, () => store.remove(name));
      // The download that goes on has the file open, and drops what is in it.
      if (!wasFree && note !== undefined && isComplete(note)) await store.remove(name).catch(() => undefined);
    });
  }
}
