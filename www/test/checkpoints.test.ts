import assert from "node:assert/strict";
import { test } from "node:test";
import { Checkpoints, keyOf } from "../src/io/checkpoints.ts";

/** As much of the origin's private file system as the page uses. A file changes when what is written is closed. */
class Disk {
  readonly folders = new Map<string, Map<string, Blob>>();
  writes = true;
  room = 1000;

  readonly root = async (): Promise<FileSystemDirectoryHandle> =>
    ({
      getDirectoryHandle: async (name: string, { create }: { create: boolean }) => {
        if (!this.folders.has(name)) {
          if (!create) throw new DOMException(name, "NotFoundError");
          this.folders.set(name, new Map());
        }
        return this.#folder(this.folders.get(name) ?? new Map());
      },
      removeEntry: async (name: string) => {
        if (!this.folders.delete(name)) throw new DOMException(name, "NotFoundError");
      },
    }) as unknown as FileSystemDirectoryHandle;

  get names(): string[] {
    return [...this.folders.values()].flatMap((files) => [...files.keys()]);
  }

  #folder(files: Map<string, Blob>): unknown {
    return {
      keys: () => files.keys(),
      removeEntry: async (name: string) => {
        if (!files.delete(name)) throw new DOMException(name, "NotFoundError");
      },
      getFileHandle: async (name: string, options?: { create: boolean }) => {
        if (!files.has(name) && !options?.create) throw new DOMException(name, "NotFoundError");
        if (!files.has(name)) files.set(name, new Blob());
        const writable = async (): Promise<WritableStream> => this.#writable(files, name);
        const getFile = async (): Promise<Blob | undefined> => files.get(name);
        return this.writes ? { getFile, createWritable: writable } : { getFile };
      },
    };
  }

  #writable(files: Map<string, Blob>, name: string): WritableStream<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    return new WritableStream({
      write: (part) => {
        parts.push(part);
        const held = [...files.values(), ...parts].reduce(
          (sum, each) => sum + ("size" in each ? each.size : each.length),
          0,
        );
        if (held > this.room) throw new DOMException("full", "QuotaExceededError");
      },
      close: () => void files.set(name, new Blob(parts)),
    });
  }
}

const file = (name: string, words: string, lastModified = 1): File => new File([words], name, { lastModified });

/** A file whose last bytes take as long as one likes. */
class SlowFile extends File {
  readonly #last: () => void;
  readonly #ended: Promise<void>;
  readonly #started: () => void;
  readonly started: Promise<void>;

  constructor() {
    super(["a long one"], "slow.pth", { lastModified: 1 });
    [this.started, this.#started] = signal();
    [this.#ended, this.#last] = signal();
  }

  end(): void {
    this.#last();
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("a long")),
      pull: async (controller) => {
        this.#started();
        await this.#ended;
        controller.enqueue(new TextEncoder().encode(" one"));
        controller.close();
      },
    });
  }
}

function signal(): [Promise<void>, () => void] {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return [promise, resolve];
}

test("a file is told from others of its name, by characters that every browser takes", () => {
  const keys = [file("a.pth", "one"), file("a.pth", "seven"), file("a.pth", "one", 2), file("模型.pth", "one")].map(
    keyOf,
  );
  assert.equal(new Set([...keys, keyOf(file("型模.pth", "one"))]).size, 5);
  for (const key of [...keys, keyOf(file(`${"/".repeat(250)}`, "one"))]) assert.match(key, /^\d[\w.-]{0,199}$/);
});

test("what was kept comes back, and only by its own key", async () => {
  const disk = new Disk();
  const [a, b] = [file("a.pth", "first"), file("a.pth", "second")];
  const checkpoints = new Checkpoints(disk.root);
  assert.equal(await checkpoints.recall(keyOf(a)), null);
  assert.equal(await checkpoints.keep(a, keyOf(a)), "kept");
  assert.equal(await (await new Checkpoints(disk.root).recall(keyOf(a)))?.text(), "first");
  assert.equal(await checkpoints.recall(keyOf(b)), null);
  assert.equal(await checkpoints.keep(b, keyOf(b)), "kept");
  assert.equal(await checkpoints.recall(keyOf(a)), null);
  assert.deepEqual(disk.names, [keyOf(b)]);
});

test("a copy that was not made to its end is not recalled", async () => {
  const disk = new Disk();
  const slow = new SlowFile();
  const copying = new Checkpoints(disk.root).keep(slow, keyOf(slow));
  await slow.started;
  // The next visit.
  const checkpoints = new Checkpoints(disk.root);
  assert.deepEqual(disk.names, [keyOf(slow)]);
  assert.equal(await checkpoints.recall(keyOf(slow)), null);
  slow.end();
  assert.equal(await copying, "kept");
  assert.notEqual(await checkpoints.recall(keyOf(slow)), null);
});

test("a slow copy gives way to the file that was chosen after it", async () => {
  const disk = new Disk();
  const [slow, quick] = [new SlowFile(), file("quick.pth", "short")];
  const checkpoints = new Checkpoints(disk.root);
  const first = checkpoints.keep(slow, keyOf(slow));
  await slow.started;
  const waiting = checkpoints.keep(file("b.pth", "b"), "1-b.pth");
  const last = checkpoints.keep(quick, keyOf(quick));
  assert.deepEqual(await Promise.all([first, waiting, last]), ["overtaken", "overtaken", "kept"]);
  assert.deepEqual(disk.names, [keyOf(quick)]);
  assert.equal(await (await checkpoints.recall(keyOf(quick)))?.text(), "short");
});

test("what is forgotten while it is copied stays forgotten", async () => {
  const disk = new Disk();
  const slow = new SlowFile();
  const checkpoints = new Checkpoints(disk.root);
  const copying = checkpoints.keep(slow, keyOf(slow));
  await slow.started;
  await checkpoints.forget();
  assert.equal(await copying, "overtaken");
  assert.deepEqual(disk.names, []);
  await checkpoints.forget();
});

test("a file that there is no room for takes nothing else away after it", async () => {
  const disk = new Disk();
  disk.room = 8;
  const [large, small] = [file("large.pth", "more than eight"), file("small.pth", "small")];
  const checkpoints = new Checkpoints(disk.root);
  assert.equal(await checkpoints.keep(large, keyOf(large)), "refused");
  assert.deepEqual(disk.names, []);
  assert.equal(await checkpoints.keep(small, keyOf(small)), "kept");
  // There is no room for two, and no need.
  assert.equal(await checkpoints.keep(file("other.pth", "other"), "5-other.pth"), "kept");
  assert.deepEqual(disk.names, ["5-other.pth"]);
});

test("a browser that writes no files keeps what it has", async () => {
  const disk = new Disk();
  const [a, b] = [file("a.pth", "first"), file("b.pth", "second")];
  const checkpoints = new Checkpoints(disk.root);
  await checkpoints.keep(a, keyOf(a));
  disk.writes = false;
  assert.equal(await checkpoints.keep(b, keyOf(b)), "refused");
  assert.deepEqual(disk.names, [keyOf(a)]);
  assert.equal(await checkpoints.keep(a, keyOf(a)), "kept");
  const nowhere = new Checkpoints(() => Promise.reject(new DOMException("no storage", "SecurityError")));
  assert.equal(await nowhere.keep(a, keyOf(a)), "refused");
  assert.equal(await nowhere.recall(keyOf(a)), null);
  await nowhere.forget();
});
