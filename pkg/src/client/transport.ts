import { SamError, describe } from "../errors.js";
import type { Request, Response, Transport } from "../protocol.js";

/** A Worker that has not said it is ready by then never will. */
const START_TIMEOUT_MS = 60_000;

/** Starts the Worker. What goes wrong arrives at `onerror`, as a SamError that names the address. */
export function startWorker(override?: string): Transport {
  const address = override ?? scriptBesideThisOne();
  let blobUrl: string | undefined;
  let worker: Worker;
  try {
    if (isWeb(address) && new URL(address).origin !== globalThis.location.origin) {
      // A page may only start Workers of its own origin; a module of another origin may be imported.
      const script = new Blob([`import ${JSON.stringify(address)};`], { type: "text/javascript" });
      blobUrl = URL.createObjectURL(script);
      worker = new Worker(blobUrl, { type: "module", name: "burn-sam" });
    } else if (override !== undefined) {
      worker = new Worker(override, { type: "module", name: "burn-sam" });
    } else {
      // Bundlers look for exactly this expression.
      worker = new Worker(new URL("../worker.js", import.meta.url), { type: "module", name: "burn-sam" });
    }
  } catch (error) {
    if (blobUrl !== undefined) URL.revokeObjectURL(blobUrl);
    throw cannotStart(address, describe(error), error);
  }
  return new WorkerTransport(worker, address, blobUrl);
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
  readonly #blobUrl: string | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #ended = new AbortController();
  #starting = true;

  constructor(worker: Worker, address: string, blobUrl: string | undefined) {
    this.#worker = worker;
    this.#blobUrl = blobUrl;
    this.#timer = setTimeout(() => {
      this.onerror?.(cannotStart(address, `it did not answer within ${START_TIMEOUT_MS / 1000} s`));
    }, START_TIMEOUT_MS);
    worker.onmessage = (event: MessageEvent<Response>) => {
      if (event.data.kind === "ready") {
        this.#settle();
        if (event.data.lock !== undefined) this.#watch(event.data.lock);
      }
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
    this.#worker.postMessage(message, transfer);
  }

  terminate(): void {
    this.#settle();
    this.#ended.abort();
    this.#worker.terminate();
  }

  /** The lock becomes ours when the Worker has ended, of which the browser does not tell. */
  #watch(lock: string): void {
    const { signal } = this.#ended;
    const onGone = () => this.onerror?.(new SamError("device-lost", "The browser ended the Worker."));
    navigator.locks.request(lock, { signal }, onGone).catch(() => undefined);
  }

  #settle(): void {
    this.#starting = false;
    clearTimeout(this.#timer);
    if (this.#blobUrl !== undefined) URL.revokeObjectURL(this.#blobUrl);
  }
}

/** The browser does not say why a Worker failed to start; asking for the script tells. */
async function diagnose(address: string, message: string | undefined): Promise<SamError> {
  const unknown = message || "is a Content-Security-Policy in the way (worker-src, script-src)?";
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
    return new SamError(
      "network",
      `The Worker's script is not at ${address} (${status}). If a bundler moved it, pass its address as assets.worker.`,
    );
  }
  const type = response.headers.get("Content-Type") ?? "nothing";
  if (!type.includes("javascript")) {
    return cannotStart(address, `the server calls it ${type}, not a script; if a bundler moved it, pass assets.worker`);
  }
  return cannotStart(address, unknown);
}

function cannotStart(address: string, reason: string, cause?: unknown): SamError {
  return new SamError("unsupported", `The Worker ${address} could not be started: ${reason}`, cause);
}
