import type { Request, Response, Transport } from "../protocol.js";
import { Host } from "./host.js";
import { passesThroughWasm } from "./stack.js";
import type { WasmModules } from "./wasm.js";

/** The host on the calling thread, behind the same messages. */
export class DirectTransport implements Transport {
  onmessage: ((message: Response) => void) | undefined;
  onerror: ((error: unknown) => void) | undefined;
  readonly #host: Host;
  /**
   * A future of the module that fails in the middle reaches nobody but the thread, and its promise never settles. The
   * thread is the caller's, with errors of its own: one is taken for ours where the module is at work and wasm was on
   * the stack. A trap is one of wasm's by its class.
   */
  readonly #onUncaught = (event: Event) => {
    const error: unknown = "reason" in event ? event.reason : "error" in event ? event.error : undefined;
    const ofWasm =
      error instanceof WebAssembly.RuntimeError || (error instanceof Error && passesThroughWasm(error.stack));
    if (ofWasm && this.#host.busy) this.#host.fail(error);
  };

  constructor(modules: WasmModules) {
    const post = (message: Response) => queueMicrotask(() => this.onmessage?.(message));
    this.#host = new Host(modules, post, () => passesThroughWasm(new Error().stack));
    globalThis.addEventListener?.("error", this.#onUncaught);
    globalThis.addEventListener?.("unhandledrejection", this.#onUncaught);
  }

  /** As with a Worker, what is sent is a copy (of pixels, say, that the caller may change). What is transferred is ours. */
  postMessage(message: Request, transfer: Transferable[]): void {
    this.#host.receive(transfer.length > 0 ? message : structuredClone(message));
  }

  terminate(): void {
    this.#host.receive({ kind: "close" });
    globalThis.removeEventListener?.("error", this.#onUncaught);
    globalThis.removeEventListener?.("unhandledrejection", this.#onUncaught);
  }
}
