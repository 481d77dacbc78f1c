import { SamError, describe } from "../errors.js";
import { THREAD } from "../protocol.js";
import type { Request, Response, ThreadsWanted, Transport } from "../protocol.js";
import { trusted, withTrustedWorkers } from "../trusted.js";
import { Threads } from "./threads.js";

/** A Worker that has not said it is ready by then never will. */
const START_TIMEOUT_MS = 60_000;

const FORBIDDEN =
  "Is a Content-Security-Policy in the way (worker-src, script-src), or does the script lack the page's " +
  "Cross-Origin-Embedder-Policy?";
const UNTRUSTED =
  "The page demands Trusted Types: its Content-Security-Policy must list `trusted-types burn-sam`, and 'allow-duplicates' where the package is there twice.";

/** Starts the Worker. What goes wrong arrives at `onerror`, as a SamError that names the address. */
export function startWorker(override?: string): Transport {
  const address = override ?? scriptBesideThisOne();
  let blobUrl: string | undefined;
  let worker: Worker;
  try {
    if (isWeb(address) && new URL(address).origin !== globalThis.origin) {
      blobUrl = importing(address);
      worker = new Worker(trusted(blobUrl), { name: "burn-sam" });
    } else if (override !== undefined) {
      worker = new Worker(trusted(override), { type: "module", name: "burn-sam" });
    } else {
      worker = withTrustedWorkers(
        // Bundlers look for exactly this expression.
        () => new Worker(new URL("../worker.js", import.meta.url), { type: "module", name: "burn-sam" }),
      );
    }
  } catch (error) {
    if (blobUrl !== undefined) URL.revokeObjectURL(blobUrl);
    throw cannotStart(address, [describe(error), ...advice(error)].join(" "), error);
  }
  return new WorkerTransport(worker, address, blobUrl);
}

/**
 * The address of a script that does nothing else, to be revoked when a Worker has it.
 *
 * A page may only start Workers of its own origin, but import modules of others; and a sandboxed frame, whose origin is not
 * its address's, has none. Not a module itself: in such a frame Chromium starts no module from a Blob, and WebKit asks
 * what is imported statically for a Cross-Origin-Embedder-Policy.
 */
function importing(address: string): string {
  // An error that is thrown reaches the page, a rejection does not.
  const script = `import(${JSON.stringify(address)}).catch((error) => setTimeout(() => { throw error; }));`;
  return URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
}

/** webpack puts a file: address in the place of `import.meta.url`. */
function isWeb(address: string): boolean {
  return /^https?:/.test(address);
}

/** Without the `new URL(…, import.meta.url)` that would make bundlers emit the Worker a second time, unbundled. */
function scriptBesideThisOne(): string {
  const here = import.meta.url;
  return new URL("../worker.js", here).href;
}

class WorkerTransport implements Transport {
  onmessage: ((message: Response) => void) | undefined;
  onerror: ((error: unknown) => void) | undefined;
  readonly #worker: Worker;
  readonly #address: string;
  readonly #blobUrl: string | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #ended = new AbortController();
  #threads: Threads | undefined;
  #starting = true;
  /** What was sent before there was anybody to listen. */
  #early: [message: Request, transfer: Transferable[]][] = [];

  constructor(worker: Worker, address: string, blobUrl: string | undefined) {
    this.#worker = worker;
    this.#address = address;
    this.#blobUrl = blobUrl;
    this.#timer = setTimeout(() => {
      this.onerror?.(cannotStart(address, `it did not answer within ${START_TIMEOUT_MS / 1000} s`));
    }, START_TIMEOUT_MS);
    worker.onmessage = (event: MessageEvent<Response>) => {
      if (event.data.kind === "ready") {
        this.#settle();
        this.#sendEarly();
      }
      if (event.data.kind === "held") this.#watch(event.data.lock);
      if (event.data.kind === "threads") this.#startThreads(event.data);
      this.onmessage?.(event.data);
    };
    worker.onmessageerror = () =>
      this.onerror?.(new SamError("device-lost", "An answer of the Worker could not be read."));
    worker.onerror = (event) => {
      if (!this.#starting) return this.onerror?.(event.error ?? new Error(event.message));
      this.#settle();
      void diagnose(address, event.message).then((error) => this.onerror?.(error));
    };
  }

  postMessage(message: Request, transfer: Transferable[]): void {
    if (this.#starting) this.#early.push([message, transfer]);
    else this.#worker.postMessage(message, transfer);
  }

  terminate(): void {
    this.#settle();
    this.#ended.abort();
    this.#threads?.end();
    this.#worker.terminate();
  }

  #sendEarly(): void {
    try {
      for (const [message, transfer] of this.#early.splice(0)) this.postMessage(message, transfer);
    } catch (error) {
      // Not everything can be sent: an option that is a function, say.
      this.onerror?.(new SamError("internal", `This cannot be sent to the Worker: ${describe(error)}`, error));
    }
  }

  /** The lock becomes ours when the Worker has ended, of which the browser does not tell. */
  #watch(lock: string): void {
    const { signal } = this.#ended;
    const onGone = () => this.onerror?.(new SamError("device-lost", "The browser ended the Worker."));
    navigator.locks.request(lock, { signal }, onGone).catch(() => undefined);
  }

  /** Workers of the same script as the Worker. */
  #startThreads({ count, script, type, start }: ThreadsWanted): void {
    const blobUrl = this.#blobUrl === undefined ? undefined : importing(this.#address);
    const options = { type: blobUrl === undefined ? type : "classic", name: THREAD } as const;
    const threads = new Threads(count, start, () => new Worker(trusted(blobUrl ?? script), options));
    const answer = (error?: string) =>
      this.postMessage({ kind: "threads", ...(error === undefined ? {} : { error }) }, []);
    const onStarted = () => {
      threads.onfailed = (error) => this.onerror?.(error);
      answer();
    };
    void threads.started
      .then(onStarted, (error: unknown) => answer(describe(error)))
      .finally(() => {
        if (blobUrl !== undefined) URL.revokeObjectURL(blobUrl);
      });
    this.#threads = threads;
  }

  #settle(): void {
    this.#starting = false;
    clearTimeout(this.#timer);
    if (this.#blobUrl !== undefined) URL.revokeObjectURL(this.#blobUrl);
  }
}

/** The browser does not say why a Worker failed to start; asking for the script tells. */
async function diagnose(address: string, message: string | undefined): Promise<SamError> {
  // What it says of a module that it did not let in is no reason.
  const unknown = !message || /module/i.test(message) ? [message, FORBIDDEN].filter(Boolean).join(": ") : message;
  if (!isWeb(address)) return cannotStart(address, unknown);
  let response: Awaited<ReturnType<typeof fetch>>;
  try {
    response = await fetch(address, { method: "HEAD" });
  } catch (error) {
    return new SamError(
      "network",
      `The Worker's script could not be fetched from ${address}: ${describe(error)}`,
      error,
    );
  }
  if (!response.ok) {
    const status = `${response.status} ${response.statusText}`.trim();
    return new SamError("network", `The Worker's script is not at ${address} (${status}). ${adviceFor(address)}`);
  }
  const type = response.headers.get("Content-Type") ?? "nothing";
  if (!type.includes("javascript")) {
    return cannotStart(address, `the server calls it ${type}, not a script. ${adviceFor(address)}`);
  }
  return cannotStart(address, unknown);
}

/** For a script that is not where the package looks for it. */
function adviceFor(address: string): string {
  // Where Vite's development server puts packages, up to version 7 without the files beside their scripts.
  if (!address.includes("/.vite/")) return "If a bundler moved it, pass its address as assets.worker.";
  return 'Vite moved the package away from its files: add optimizeDeps: { exclude: ["burn-sam"] } to its configuration.';
}

function advice(error: unknown): string[] {
  if (error instanceof DOMException && error.name === "SecurityError") return [FORBIDDEN];
  return error instanceof TypeError && error.message.includes("TrustedScriptURL") ? [UNTRUSTED] : [];
}

function cannotStart(address: string, reason: string, cause?: unknown): SamError {
  return new SamError("unsupported", `The Worker ${address} could not be started: ${reason}`, cause);
}
