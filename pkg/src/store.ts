// Downloaded checkpoints that are kept on this machine, and what is known of them.

import { CacheFolder, PrivateFolder } from "./folder.js";
import type { Folder } from "./folder.js";
import { ifFree, whileUnread } from "./locks.js";

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

/** Downloaded checkpoints: each a file, and beside it a note in JSON. A file whose note has no hash yet is a part of one. */
export class Store {
  readonly #folder: Folder;

  private constructor(folder: Folder) {
    this.#folder = folder;
  }

  /** Undefined where the browser keeps nothing: on a page served by plain http, in some private windows and in sandboxed frames. */
  static async open(): Promise<Store | undefined> {
    // A sandboxed frame's origin is none: WebKit lets it open a cache, but has no lock for it.
    if (globalThis.origin === "null") return undefined;
    const folder = (await PrivateFolder.open()) ?? (await CacheFolder.open());
    return folder && new Store(folder);
  }

  /** The name under which a file is kept. */
  static async nameOf(url: string, integrity = ""): Promise<string> {
    const text = new TextEncoder().encode(`${integrity} ${url}`);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
    return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async note(name: string): Promise<Note | undefined> {
    try {
      const file = await this.#folder.read(`${name}.json`);
      return file && toNote(JSON.parse(await file.text()));
    } catch {
      return undefined;
    }
  }

  /** Of all files, with a note or without one that can be read. */
  async names(): Promise<Set<string>> {
    return new Set((await this.#folder.names()).map((file) => file.replace(/\.[^.]*$/, "")));
  }

  async notes(): Promise<(readonly [name: string, note: Note])[]> {
    const notes: [string, Note][] = [];
    for (const name of await this.names()) {
      const note = await this.note(name);
      if (note !== undefined) notes.push([name, note]);
    }
    return notes;
  }

  write(name: string, note: Note): Promise<void> {
    return this.#folder.write(`${name}.json`, new TextEncoder().encode(JSON.stringify(note)));
  }

  /** The file's handle, made where there is none; undefined where a file can only be kept when it is complete. */
  async handle(name: string): Promise<FileSystemFileHandle | undefined> {
    return this.#folder.handle?.(`${name}.bin`);
  }

  /** The kept file, if it is there as a whole. */
  async file(name: string, { bytes }: CompleteNote): Promise<Blob | undefined> {
    try {
      const file = await this.#folder.read(`${name}.bin`);
      return file?.size === bytes ? file : undefined;
    } catch {
      return undefined;
    }
  }

  /** Keeps a file that is complete. */
  put(name: string, file: Blob): Promise<void> {
    return this.#folder.write(`${name}.bin`, file);
  }

  /** The note goes first: without it the rest is nothing. */
  async remove(name: string): Promise<void> {
    for (const file of [`${name}.json`, `${name}.bin`]) await this.#folder.remove(file);
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
