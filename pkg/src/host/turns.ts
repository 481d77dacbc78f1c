/** Lets every task that already waits (messages above all) run before the promise resolves. */
export function breathe(): Promise<void> {
  // setTimeout would do, but browsers stretch nested timers to 4 ms each.
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/**
 * One unit of work at a time, first come, first served: two encodes advance in turn, and a segment waits for at most one
 * step of each. Before each unit the event loop runs, so that a cancellation that has arrived is seen.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.#last.then(breathe).then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
