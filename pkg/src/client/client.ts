import { closeBitmaps, discard } from "../bitmaps.js";
import { SamError, describe, fromWire, toSamError } from "../errors.js";
import type { Call, CallKind, CallProgress, CallResult, Calls, Response, Transport } from "../protocol.js";

export interface Message<K extends CallKind> {
  readonly params: Calls[K]["params"];
  readonly transfer?: Transferable[];
}

export interface CallOptions<K extends CallKind> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Calls[K]["progress"]) => void) | undefined;
  /** What the call belongs to: `rejectAll(owner, …)` ends it, and the owner is not collected before the call is over. */
  readonly owner?: object;
}

export interface Started<Result> {
  readonly result: Promise<Result>;
  /** Gives the call up; nothing happens when it is over already. */
  reject(error: unknown): void;
}

interface Pending {
  readonly resolve: (value: CallResult) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((progress: CallProgress) => void) | undefined;
  readonly owner: object | undefined;
  readonly stopListening: () => void;
  sent: boolean;
}

/** The page's side of one session: calls with an answer each. Every call settles: by its answer, an abort, or the end. */
export class Client {
  /** Resolves when the session is lost; stays pending when it is closed on purpose. */
  readonly lost: Promise<SamError>;
  /** Size of the wasm memory in bytes, as of the last answer. */
  memory = 0;
  /** What to do after a loss: a sentence for the errors. Empty while there is nothing to bring back. */
  advice = "";

  readonly #transport: Transport;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #end: SamError | undefined;
  #isLost = false;
  #resolveLost: (error: SamError) => void = () => undefined;

  constructor(transport: Transport) {
    this.lost = new Promise((resolve) => (this.#resolveLost = resolve));
    this.#transport = transport;
    transport.onmessage = (message) => this.#receive(message);
    transport.onerror = (error) => {
      if (this.#end === undefined)
        this.lose(toSamError(error, "device-lost", `The Worker stopped: ${describe(error)}.`));
    };
  }

  /** What every call rejects with, if the session is over. */
  get end(): SamError | undefined {
    return this.#end;
  }

  call<K extends CallKind>(
    kind: K,
    message: Message<K> | Promise<Message<K>>,
    options?: CallOptions<K>,
  ): Promise<Calls[K]["result"]> {
    return this.start(kind, message, options).result;
  }

  /** `message` may still be in the making: the call can be aborted, freed or lost meanwhile. */
  start<K extends CallKind>(
    kind: K,
    message: Message<K> | Promise<Message<K>>,
    { signal, onProgress, owner }: CallOptions<K> = {},
  ): Started<Calls[K]["result"]> {
    const id = ++this.#lastId;
    const reject = (error: unknown) => this.#abandon(id, error);
    const result = new Promise<CallResult>((resolve, rejectResult) => {
      const onAbort = () => reject(signal?.reason);
      const stopListening = () => signal?.removeEventListener("abort", onAbort);
      this.#pending.set(id, { resolve, reject: rejectResult, onProgress, owner, stopListening, sent: false });
      signal?.addEventListener("abort", onAbort);
    });
    if (this.#end !== undefined) reject(this.#end);
    else if (signal?.aborted === true) reject(signal.reason);

    if (message instanceof Promise) message.then((ready) => this.#send(kind, id, ready), reject);
    else this.#send(kind, id, message);
    return { result: result as Promise<Calls[K]["result"]>, reject };
  }

  /** Tells the other side that an image is no longer used. */
  free(image: number): void {
    if (this.#end === undefined) this.#transport.postMessage({ kind: "free", image }, []);
  }

  /** Rejects what is pending for this owner. */
  rejectAll(owner: object, error: SamError): void {
    for (const [id, pending] of this.#pending) if (pending.owner === owner) this.#abandon(id, error);
  }

  /**
   * The session is gone: what is pending rejects with this error, every later call with `device-lost`. One that was
   * closed can be lost too: by a restart that fails.
   */
  lose(error: SamError): void {
    if (this.#isLost) return;
    this.#isLost = true;
    const cause = this.advice === "" ? error : new SamError(error.code, `${error.message} ${this.advice}`, error.cause);
    this.#finish(cause, new SamError("device-lost", `The session was lost. ${cause.message}`, cause));
    this.#resolveLost(cause);
  }

  /** Ends the session on purpose. */
  close(error: SamError): void {
    if (this.#end === undefined) this.#finish(error, error);
  }

  /** The session is over, and another has taken its place: the advice after a loss would lose that one too. */
  replace(error: SamError): void {
    this.#end = error;
  }

  #finish(pending: SamError, later: SamError): void {
    if (this.#end === undefined) this.#transport.terminate();
    this.#end = later;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(pending);
  }

  #send<K extends CallKind>(kind: K, id: number, { params, transfer = [] }: Message<K>): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return closeBitmaps(transfer);
    pending.sent = true;
    try {
      // The compiler does not follow that `params` fit `kind`; the signature of `start` sees to it.
      this.#transport.postMessage({ kind, id, params } as Call, transfer);
    } catch (error) {
      // Not everything can be sent: an option that is a function, say.
      this.#take(id)?.reject(
        toSamError(error, "internal", `This call cannot be sent to the Worker: ${describe(error)}`),
      );
    }
  }

  #receive(message: Response): void {
    if (message.kind === "ready" || message.kind === "held" || message.kind === "threads") return;
    if (message.kind === "lost") {
      if (this.#end === undefined) this.lose(fromWire(message.error));
      return;
    }
    if (message.kind === "progress") return this.#pending.get(message.id)?.onProgress?.(message.progress);
    this.memory = message.memory;
    const pending = this.#take(message.id);
    if (message.kind === "error") pending?.reject(fromWire(message.error));
    else if (pending === undefined) discard(message.value);
    else pending.resolve(message.value);
  }

  #abandon(id: number, error: unknown): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    if (pending.sent && this.#end === undefined) this.#transport.postMessage({ kind: "cancel", id }, []);
    pending.reject(error);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.stopListening();
    return pending;
  }
}
