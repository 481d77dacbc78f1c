// Storage, locks and a server as browsers and servers behave, for tests of downloads in Node.
import { Sha256 } from "./fakes.mjs";

/** The origin's private file system, in memory. `quota` in bytes. */
export class FakeStorage {
  files = new Map();
  quota = Infinity;
  /** As Chromium does; else by an exception. */
  tellsFullByNumber = true;
  /** As on the page's own thread. */
  withoutSync = false;
  estimate = async () => ({ quota: this.quota, usage: this.usage });

  get usage() {
    return [...this.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  getDirectory = async () => ({ getDirectoryHandle: async () => this.folder });

  folder = {
    keys: async function* (files) {
      yield* [...files.keys()];
    }.bind(undefined, this.files),
    getFileHandle: async (name, { create = false } = {}) => {
      if (!this.files.has(name)) {
        if (!create) throw new DOMException(name, "NotFoundError");
        this.files.set(name, { bytes: new Uint8Array(0), isOpen: false });
      }
      return this.#handle(this.files.get(name));
    },
    removeEntry: async (name) => {
      const file = this.files.get(name);
      if (file === undefined) throw new DOMException(name, "NotFoundError");
      if (file.isOpen) throw new DOMException(name, "NoModificationAllowedError");
      this.files.delete(name);
    },
  };

  #handle(file) {
    const createSyncAccessHandle = async () => {
      if (file.isOpen) throw new DOMException("in use", "NoModificationAllowedError");
      file.isOpen = true;
      return {
        write: (bytes, { at }) => {
          try {
            this.#set(file, at, bytes);
            return bytes.length;
          } catch (error) {
            if (this.tellsFullByNumber) return 2 ** 32 - 8;
            throw error;
          }
        },
        truncate: (size) => {
          const bytes = new Uint8Array(size);
          bytes.set(file.bytes.subarray(0, size));
          file.bytes = bytes;
        },
        getSize: () => file.bytes.length,
        flush: () => undefined,
        close: () => (file.isOpen = false),
      };
    };
    return {
      getFile: async () => new Blob([file.bytes]),
      createWritable: async () => ({
        write: async (content) => {
          const bytes = new Uint8Array(await new Blob([content]).arrayBuffer());
          file.bytes = new Uint8Array(0);
          this.#set(file, 0, bytes);
        },
        close: async () => undefined,
      }),
      ...(this.withoutSync ? {} : { createSyncAccessHandle }),
    };
  }

  #set(file, at, bytes) {
    const end = Math.max(file.bytes.length, at + bytes.length);
    if (this.usage - file.bytes.length + end > this.quota) throw new DOMException("full", "QuotaExceededError");
    const larger = new Uint8Array(end);
    larger.set(file.bytes);
    larger.set(bytes, at);
    file.bytes = larger;
  }

  /** The files with content, by their ending. */
  get kept() {
    return [...this.files.keys()].map((name) => name.slice(-4)).sort();
  }

  get onlyFile() {
    return [...this.files].find(([name]) => name.endsWith(".bin"))?.[1].bytes;
  }
}

/** The caches of an origin. */
export class FakeCaches {
  files = new Map();
  isFull = false;

  open = async () => ({
    keys: async () => [...this.files.keys()].map((url) => ({ url })),
    match: async (url) => this.files.get(url)?.clone(),
    put: async (url, response) => {
      if (this.isFull) throw new DOMException("full", "QuotaExceededError");
      this.files.set(url, response);
    },
    delete: async (url) => this.files.delete(url),
  });
}

/** The Web Locks of an origin: first come, first served. */
export class FakeLocks {
  #queues = new Map();

  /** Requests that wait. */
  get waiting() {
    return [...this.#queues.values()].flat().filter(({ isHeld }) => !isHeld).length;
  }

  /** The locks that are held. */
  get held() {
    return [...this.#queues].flatMap(([name, queue]) => queue.filter(({ isHeld }) => isHeld).map(() => name));
  }

  request = async (name, options, work) => {
    const { signal, ifAvailable = false, mode = "exclusive" } = options;
    signal?.throwIfAborted();
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    const request = { mode, isHeld: false };
    queue.push(request);
    try {
      const granted = new Promise((resolve) => (request.grant = resolve));
      this.#grant(queue);
      if (!request.isHeld && ifAvailable) return await work(null);
      await orAborted(granted, signal);
      return await work({ name, mode });
    } finally {
      queue.splice(queue.indexOf(request), 1);
      this.#grant(queue);
    }
  };

  #grant(queue) {
    for (const [i, request] of queue.entries()) {
      const isFree = queue.slice(0, i).every(({ mode }) => mode === "shared" && request.mode === "shared");
      if (!isFree) return;
      request.isHeld = true;
      request.grant();
    }
  }
}

function orAborted(promise, signal) {
  const aborted = new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  return Promise.race([promise, aborted]);
}

/** A file on a server. What is set of it changes how the server answers. */
export class FakeServer {
  bytes = new Uint8Array([1, 2, 3]);
  headers = { ETag: '"a"' };
  /** "none": the whole file; "forbidden": no answer, as where another origin may not ask for a part. */
  ranges = "served";
  hidesRange = false;
  sendsLength = true;
  /** For each GET, after how many of its bytes the connection breaks; Infinity: it does not. */
  breaks = [];
  /** Answers instead of the file, in their order. */
  errors = [];
  isDown = false;
  /** For each request, whether it is accepted and never answered. */
  silences = [];
  chunk = 2;
  /** What was asked: "GET", "GET 2-", "HEAD". */
  requests = [];
  ifRange = [];
  /** Called before each part of a body. */
  onPart = async () => undefined;

  fetch = async (_url, { method = "GET", headers = {}, signal } = {}) => {
    signal?.throwIfAborted();
    const start = Number(/^bytes=(\d+)-$/.exec(headers.Range ?? "")?.[1] ?? NaN);
    this.requests.push(Number.isNaN(start) ? method : `${method} ${start}-`);
    if (headers["If-Range"] !== undefined) this.ifRange.push(headers["If-Range"]);
    if (this.silences.shift()) return orAborted(new Promise(() => undefined), signal);
    if (this.isDown) throw new TypeError("Failed to fetch");
    const error = this.errors.shift();
    if (error !== undefined) return new Response("", error);
    if (method === "HEAD") return new Response(null, { headers: { ...this.headers, ...this.#length(this.bytes) } });
    const isChanged = headers["If-Range"] !== undefined && headers["If-Range"] !== this.headers.ETag;
    if (Number.isNaN(start) || this.ranges === "none" || isChanged) return this.#answer(this.bytes, 200, {}, signal);
    if (this.ranges === "forbidden") throw new TypeError("Failed to fetch");
    const total = this.bytes.length;
    const range = (text) => (this.hidesRange ? {} : { "Content-Range": `bytes ${text}/${total}` });
    if (start >= total) return new Response("", { status: 416, headers: range("*") });
    return this.#answer(this.bytes.subarray(start), 206, range(`${start}-${total - 1}`), signal);
  };

  #length(bytes) {
    return this.sendsLength ? { "Content-Length": String(bytes.length) } : {};
  }

  #answer(bytes, status, headers, signal) {
    const end = this.breaks.shift() ?? Infinity;
    let at = 0;
    const body = new ReadableStream(
      {
        pull: async (controller) => {
          await this.onPart(at);
          if (signal?.aborted) return controller.error(signal.reason);
          if (at >= end) return controller.error(new TypeError("network error"));
          if (at >= bytes.length) return controller.close();
          controller.enqueue(bytes.slice(at, Math.min(at + this.chunk, end)));
          at = Math.min(at + this.chunk, end, bytes.length);
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { status, headers: { ...this.headers, ...this.#length(bytes), ...headers } });
  }
}

/** Makes this Node a Worker of a page. */
export function installBrowser({ storage = new FakeStorage(), server = new FakeServer() } = {}) {
  const navigator = { storage, locks: new FakeLocks() };
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true, writable: true });
  globalThis.fetch = server.fetch;
  globalThis.caches = undefined;
  globalThis.location = { origin: "https://page.test", href: "https://page.test/index.html" };
  return { storage, server, navigator };
}

export const hashing = async () => new Sha256();
export const integrityOf = (bytes) => {
  const sha256 = new Sha256();
  sha256.update(bytes);
  return `sha256-${Buffer.from(sha256.digest(), "hex").toString("base64")}`;
};
