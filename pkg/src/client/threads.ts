// Threads of the package's Worker. They are Workers that the page starts: where a Worker makes another, Firefox now and then
// never returns to it (once in some twenty fresh ones, version 153).
import { fromWire } from "../errors.js";
import type { ThreadStart, ThreadState } from "../protocol.js";

/** What goes wrong is told at once; a slow server may take a while for the scripts, and a busy page to hear of them. */
const START_TIMEOUT_MS = 20_000;

export class Threads {
  /** Rejects where one does not start in time; then all have been ended. */
  readonly started: Promise<void>;
  /** Told when one has stopped after that, which the others would wait for. */
  onfailed: ((error: unknown) => void) | undefined;
  readonly #workers: Worker[] = [];
  #giveUp: (error: unknown) => void = () => undefined;

  /** `make` makes one Worker; it may throw. */
  constructor(count: number, start: ThreadStart, make: () => Worker) {
    const late = () => this.#giveUp(new Error(`The threads did not start within ${START_TIMEOUT_MS / 1000} s.`));
    const timer = setTimeout(late, START_TIMEOUT_MS);
    this.started = new Promise<void>((resolve, reject) => {
      this.#giveUp = reject;
      const all = Array.from({ length: count }, () => this.#startOne(start, make));
      Promise.all(all).then(() => resolve(), reject);
    }).finally(() => clearTimeout(timer));
    this.started.catch(() => this.end());
  }

  end(): void {
    this.#giveUp(new Error("The threads were ended."));
    for (const worker of this.#workers.splice(0)) worker.terminate();
  }

  /** Resolves when it waits for work. */
  #startOne(start: ThreadStart, make: () => Worker): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = make();
      this.#workers.push(worker);
      worker.onmessage = ({ data }: MessageEvent<ThreadState>) => {
        if (data.kind === "ready") return resolve();
        if (data.kind === "failed") return this.#fail(fromWire(data.error));
        try {
          worker.postMessage(start);
        } catch (error) {
          reject(error);
        }
      };
      worker.onerror = (event) => {
        event.preventDefault();
        this.#fail(event.error ?? new Error(event.message || "A thread's Worker could not be started."));
      };
    });
  }

  #fail(error: unknown): void {
    // Nothing happens where they have all started.
    this.#giveUp(error);
    this.onfailed?.(error);
  }
}
