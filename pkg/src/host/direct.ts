import type { Request, Response, Transport } from "../protocol.js";
import { Host } from "./host.js";
import type { WasmModules } from "./wasm.js";

/** The host on the calling thread, behind the same messages. */
export class DirectTransport implements Transport {
  onmessage: ((message: Response) => void) | undefined;
  onerror: ((error: unknown) => void) | undefined;
  readonly #host: Host;
  readonly #onPanic = (event: Event) => {
    // The thread is the caller's: only a trap can be ours.
    const error = "reason" in event ? event.reason : "error" in event ? event.error : undefined;
    if (error instanceof WebAssembly.RuntimeError) this.#host.fail(error);
  };

  constructor(modules: WasmModules) {
    this.#host = new Host(modules, (message) => queueMicrotask(() => this.onmessage?.(message)));
    globalThis.addEventListener?.("error", this.#onPanic);
    globalThis.addEventListener?.("unhandledrejection", this.#onPanic);
  }

  postMessage(message: Request): void {
    this.#host.receive(message);
  }

  terminate(): void {
    this.onmessage = undefined;
    this.#host.receive({ kind: "close" });
    globalThis.removeEventListener?.("error", this.#onPanic);
    globalThis.removeEventListener?.("unhandledrejection", this.#onPanic);
  }
}
