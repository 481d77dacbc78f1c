// The CPU's module on several threads: Workers of this Worker, each with an instance on one shared memory.
import { toWire } from "../errors.js";
import type { LoadParams } from "../protocol.js";
import { trusted } from "../trusted.js";
import { Engine, failureOf, fetchWasm } from "./engine.js";
import type { ThreadsModule } from "./wasm.js";

/** An engine on threads; `undefined` where there can be none, and the plain module is to be used. */
export type StartThreads = (params: LoadParams) => Promise<Engine | undefined>;

/** The Worker's script is a thread's too: it tells by its name. */
export const THREAD = "burn-sam thread";

/** More share the memory's bandwidth, not the work. */
const MOST_THREADS = 8;
const START_TIMEOUT_MS = 5000;
/** As much as the first thread has. */
const STACK = 2 ** 20;
/** What a memory begins with, and the most it may grow to, in pages of 64 KiB: not every device has 4 GiB to reserve. */
const INITIAL_PAGES = 128;
const MOST_PAGES = [65536, 32768, 16384];

/** What a thread is told. */
interface Start {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly channel: string;
}

interface Thread {
  readonly worker: Worker;
  readonly ready: Promise<void>;
}

declare const importScripts: () => void;

/**
 * Never on a page's own thread, which may not wait for others. A thread that fails says so on the BroadcastChannel of this name;
 * `announce` is called before one can.
 */
export async function startThreads(
  module: ThreadsModule,
  { wasm, threads: wanted = Infinity }: LoadParams,
  channel: string,
  announce: () => void,
): Promise<Engine | undefined> {
  // With an address of the caller's for the plain module, the other is not where the package looks for it.
  const url = wasm.threads ?? (wasm.cpu === undefined ? module.url.href : undefined);
  const count = Math.min(wanted, navigator.hardwareConcurrency, MOST_THREADS);
  if (url === undefined || count < 2 || !canShare()) return undefined;
  const starting = instantiate(module, url, channel);
  const threads: Thread[] = [];
  try {
    for (let i = 1; i < count; i++) threads.push(startThread(starting));
    const start = await starting;
    if (start === undefined) return end(threads);
    await inTime(Promise.all(threads.map(({ ready }) => ready)));
    announce();
    module.useThreads(count);
    return new Engine("cpu", module, start.memory, count);
  } catch (error) {
    // Where a Worker was refused, nobody waits for it.
    starting.catch(() => undefined);
    console.warn("burn-sam: the model runs on one thread.", error);
    return end(threads);
  }
}

/** The first instance, here. `undefined` where this build has no such module. */
async function instantiate(module: ThreadsModule, url: string, channel: string): Promise<Start | undefined> {
  const compiled = await WebAssembly.compileStreaming(fetchWasm(url));
  // What lies in the place of a module that was not built.
  if (WebAssembly.Module.exports(compiled).length === 0) return undefined;
  const memory = sharedMemory();
  await module.init({ module_or_path: compiled, memory, thread_stack_size: STACK });
  return { module: compiled, memory, channel };
}

/** In the Worker that is to be a thread. */
export function becomeThread(module: ThreadsModule): void {
  self.onmessage = ({ data: { module: compiled, memory, channel } }: MessageEvent<Start>) => {
    module.initSync({ module: compiled, memory, thread_stack_size: STACK });
    self.postMessage("ready");
    try {
      module.threadRun();
    } catch (error) {
      const page = new BroadcastChannel(channel);
      page.postMessage(toWire(failureOf(error, memory.buffer.byteLength)));
      page.close();
    }
  };
}

/** The module's futures wait with `waitAsync`. From another origin this script was started through a Blob, which is gone. */
function canShare(): boolean {
  return crossOriginIsolated && "waitAsync" in Atomics && /^https?:/.test(location.href);
}

function startThread(starting: Promise<Start | undefined>): Thread {
  const worker = new Worker(trusted(location.href), { type: scriptType(), name: THREAD });
  const ready = new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message || "A thread's Worker could not be started."));
    };
    // WebKit hands no memory on to a Worker's own Workers.
    starting.then((start) => worker.postMessage(start)).catch(reject);
  });
  // It is awaited later, and would count as unhandled until then.
  ready.catch(() => undefined);
  return { worker, ready };
}

/** What bundlers make of this script may be a classic one: only there is this allowed. */
function scriptType(): WorkerType {
  try {
    importScripts();
    return "classic";
  } catch {
    return "module";
  }
}

function sharedMemory(): WebAssembly.Memory {
  for (const maximum of MOST_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw new RangeError("no room for a shared memory");
}

function inTime<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`The threads did not start within ${START_TIMEOUT_MS / 1000} s.`));
    const timer = setTimeout(late, START_TIMEOUT_MS);
    void promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function end(threads: readonly Thread[]): undefined {
  for (const { worker } of threads) worker.terminate();
}
