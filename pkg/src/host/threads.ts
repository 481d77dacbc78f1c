// The CPU's module on several threads: Workers of the page beside this one, each with an instance on one shared memory.
import { toWire } from "../errors.js";
import type { LoadParams, ThreadStart, ThreadState } from "../protocol.js";
import { trusted } from "../trusted.js";
import { Engine, failureOf, fetchWasm } from "./engine.js";
import type { ThreadsModule } from "./wasm.js";

/** An engine on threads; `undefined` where there can be none, and the plain module is to be used. */
export type StartThreads = (params: LoadParams) => Promise<Engine | undefined>;

/** More share the memory's bandwidth, not the work. */
const MOST_THREADS = 8;
/** As much as the first thread has. */
const STACK = 2 ** 20;
/** What a memory begins with, and the most it may grow to, in pages of 64 KiB: not every device has 4 GiB to reserve. */
const INITIAL_PAGES = 128;
const MOST_PAGES = [65536, 32768, 16384];

declare const importScripts: (url: string | URL) => void;

/**
 * Never on a page's own thread, which may not wait for others. `startOthers` has the page start so many Workers, and resolves
 * when they wait for work.
 */
export async function startThreads(
  module: ThreadsModule,
  { wasm, threads: wanted = Infinity }: LoadParams,
  startOthers: (count: number, start: ThreadStart) => Promise<void>,
): Promise<Engine | undefined> {
  // With an address of the caller's for the plain module, the other is not where the package looks for it.
  const url = wasm.threads ?? (wasm.cpu === undefined ? module.url.href : undefined);
  const count = Math.min(wanted, navigator.hardwareConcurrency, MOST_THREADS);
  if (url === undefined || count < 2 || !canShare()) return undefined;
  try {
    const start = await instantiate(module, url);
    if (start === undefined) return undefined;
    await startOthers(count - 1, start);
    module.useThreads(count);
    return new Engine("cpu", module, start.memory, count);
  } catch (error) {
    console.warn("burn-sam: the model runs on one thread.", error);
    return undefined;
  }
}

/** The first instance, here. `undefined` where this build has no such module. */
async function instantiate(module: ThreadsModule, url: string): Promise<ThreadStart | undefined> {
  const compiled = await WebAssembly.compileStreaming(fetchWasm(url));
  // What lies in the place of a module that was not built.
  if (WebAssembly.Module.exports(compiled).length === 0) return undefined;
  const memory = sharedMemory();
  await module.init({ module_or_path: compiled, memory, thread_stack_size: STACK });
  return { module: compiled, memory };
}

/** In the Worker that is to be a thread. */
export function becomeThread(module: ThreadsModule): void {
  const tell = (state: ThreadState) => self.postMessage(state);
  self.onmessage = ({ data: { module: compiled, memory } }: MessageEvent<ThreadStart>) => {
    module.initSync({ module: compiled, memory, thread_stack_size: STACK });
    tell({ kind: "ready" });
    try {
      module.threadRun();
    } catch (error) {
      tell({ kind: "failed", error: toWire(failureOf(error, memory.buffer.byteLength)) });
    }
  };
  tell({ kind: "listening" });
}

/** The module's futures wait with `waitAsync`. WebKitGTK says that it is isolated, and hands no memory on all the same. */
function canShare(): boolean {
  if (!crossOriginIsolated || !("waitAsync" in Atomics)) return false;
  try {
    structuredClone(new WebAssembly.Memory({ initial: 0, maximum: 0, shared: true }));
    return true;
  } catch {
    return false;
  }
}

/** Of this Worker's script, which bundlers may have made a classic one: only there it is the address that is wrong. */
export function scriptType(): WorkerType {
  try {
    // Without any, Firefox does not mind being called in a module.
    importScripts(trusted("https://:"));
  } catch (error) {
    if (error instanceof TypeError) return "module";
  }
  return "classic";
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
