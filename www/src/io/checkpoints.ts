/** The checkpoint file that was chosen last, kept on this device under a name of its own: no file is taken for another. */

const folderName = "burn-sam-page";

export type Kept =
  | "kept"
  /** No room, no storage, or a browser that does not write files. */
  | "refused"
  /** Another file was chosen meanwhile, or all were forgotten. */
  | "overtaken";

/** What tells a chosen file from all others; it begins with the number of bytes. */
export function keyOf({ name, size, lastModified }: File): string {
  // Characters and a length that every browser takes.
  return encodeURIComponent(`${size}-${lastModified}-${name}`)
    .replace(/[^\w.-]/g, "_")
    .slice(0, 200);
}

/** One copy at a time: a slow one never ends after, or takes away, what was chosen later. */
export class Checkpoints {
  readonly #root: () => Promise<FileSystemDirectoryHandle>;
  #copying = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(root = (): Promise<FileSystemDirectoryHandle> => navigator.storage.getDirectory()) {
    this.#root = root;
  }

  /** Takes the place of the file before it, once it can be written. */
  keep(file: Blob, key: string): Promise<Kept> {
    const { signal } = this.#begin();
    return this.#next(async () => {
      if (signal.aborted) return "overtaken";
      if (await this.recall(key)) return "kept";
      try {
        await this.#copy(file, key, signal);
        return "kept";
      } catch {
        await this.#remove(key);
        return signal.aborted ? "overtaken" : "refused";
      }
    });
  }

  /** `null`: it was never kept, or not to its end. */
  async recall(key: string): Promise<Blob | null> {
    try {
      const file = await (await (await this.#folder(false)).getFileHandle(key)).getFile();
      return key.startsWith(`${file.size}-`) ? file : null;
    } catch {
      return null;
    }
  }

  /** A copy that is being made is given up. */
  forget(): Promise<void> {
    this.#begin();
    return this.#next(async () => {
      try {
        await (await this.#root()).removeEntry(folderName, { recursive: true });
      } catch {
        // It was not there.
      }
    });
  }

  async #copy(file: Blob, key: string, signal: AbortSignal): Promise<void> {
    const folder = await this.#folder(true);
    const handle = await folder.getFileHandle(key, { create: true });
    // Missing in Safari before 26.
    const target = await handle.createWritable();
    const before: string[] = [];
    for await (const name of folder.keys()) if (name !== key) before.push(name);
    // Nothing leads to these any more, and there may not be room for two.
    for (const name of before) await this.#remove(name);
    await file.stream().pipeTo(target, { signal });
  }

  async #remove(key: string): Promise<void> {
    try {
      await (await this.#folder(false)).removeEntry(key);
    } catch {
      // It was not there, or another tab is writing it.
    }
  }

  #begin(): AbortController {
    this.#copying.abort();
    this.#copying = new AbortController();
    return this.#copying;
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #folder(create: boolean): Promise<FileSystemDirectoryHandle> {
    return (await this.#root()).getDirectoryHandle(folderName, { create });
  }
}
