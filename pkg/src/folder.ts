// Where files are kept: in the origin's private file system, or, where a browser has none, in a cache.

const NAME = "burn-sam";

export interface Folder {
  names(): Promise<string[]>;
  /** Undefined where there is none. */
  read(name: string): Promise<Blob | undefined>;
  write(name: string, content: Uint8Array<ArrayBuffer> | Blob): Promise<void>;
  /** There may be none. */
  remove(name: string): Promise<void>;
  /** A file that can be written to as bytes come. */
  handle?(name: string): Promise<FileSystemFileHandle>;
}

/** The origin's private file system. */
export class PrivateFolder implements Folder {
  readonly #folder: FileSystemDirectoryHandle;

  private constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  static async open(): Promise<PrivateFolder | undefined> {
    try {
      const root = await globalThis.navigator?.storage?.getDirectory?.();
      return root && new PrivateFolder(await root.getDirectoryHandle(NAME, { create: true }));
    } catch {
      return undefined;
    }
  }

  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.#folder.keys()) names.push(name);
    return names;
  }

  async read(name: string): Promise<Blob> {
    return (await this.#folder.getFileHandle(name)).getFile();
  }

  async write(name: string, content: Uint8Array<ArrayBuffer> | Blob): Promise<void> {
    await put(await this.handle(name), content);
  }

  async remove(name: string): Promise<void> {
    await patiently(() => this.#folder.removeEntry(name)).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  handle(name: string): Promise<FileSystemFileHandle> {
    return this.#folder.getFileHandle(name, { create: true });
  }
}

/** Any address does: nobody is asked for it. */
const ADDRESS = "https://burn-sam.invalid/";

/** A cache, which takes a file only when it is complete. */
export class CacheFolder implements Folder {
  readonly #cache: Cache;

  private constructor(cache: Cache) {
    this.#cache = cache;
  }

  static async open(): Promise<CacheFolder | undefined> {
    try {
      const cache = await globalThis.caches?.open(NAME);
      return cache && new CacheFolder(cache);
    } catch {
      return undefined;
    }
  }

  async names(): Promise<string[]> {
    return (await this.#cache.keys()).map(({ url }) => url.slice(ADDRESS.length));
  }

  async read(name: string): Promise<Blob | undefined> {
    return (await this.#cache.match(ADDRESS + name))?.blob();
  }

  write(name: string, content: Uint8Array<ArrayBuffer> | Blob): Promise<void> {
    return this.#cache.put(ADDRESS + name, new Response(content));
  }

  async remove(name: string): Promise<void> {
    await this.#cache.delete(ADDRESS + name);
  }
}

/** A file handle that reads and writes at once: only Workers have it, and only one at a time for each file. */
export interface SyncHandle {
  write(buffer: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
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
