import { SamError, describe } from "../errors.js";
import type { Transport } from "../protocol.js";
import type { SamInfo } from "../types.js";
import { Client } from "./client.js";
import type { LoadPlan } from "./options.js";
import { startWorker } from "./transport.js";

/** The generated script of a wasm module keeps it in a variable: a thread starts it once. */
const adviceHere = "With worker: false the engine cannot start twice on a thread: load the model in a new Worker.";

/** A loaded model behind a client. A restart makes a new one. */
export interface Session {
  readonly client: Client;
  readonly info: SamInfo;
}

export async function openSession(plan: LoadPlan, signal?: AbortSignal): Promise<Session> {
  signal?.throwIfAborted();
  const client = new Client(plan.worker ? startWorker(plan.workerUrl) : await startHere());
  try {
    const loaded = await client.call("load", { params: plan.params }, { signal, onProgress: plan.onProgress });
    const info: SamInfo = Object.freeze({
      ...loaded,
      get wasmMemory() {
        return client.memory;
      },
    });
    client.advice = plan.worker ? "Call sam.restart()." : adviceHere;
    return { client, info };
  } catch (error) {
    client.close(new SamError("disposed", "The model was not loaded."));
    throw withHint(error, plan);
  }
}

/** Only where it is the model's address that is wrong: errors have the beginning of it. */
function withHint(error: unknown, { hint, params: { model } }: LoadPlan): unknown {
  if (hint === undefined || model.kind !== "url" || !(error instanceof SamError)) return error;
  return error.message.includes(model.url.slice(0, 200))
    ? new SamError(error.code, `${error.message} ${hint}`, error.cause)
    : error;
}

/** Resolves when a restart is over, well or not: what came of it shows afterwards. Rejects where the wait is aborted. */
export function settled(restarting: Promise<void>, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal?.reason);
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener("abort", onAbort);
    const onSettled = () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    };
    restarting.then(onSettled, onSettled);
  });
}

/** The engine on this thread; its code is only fetched where it is asked for. */
async function startHere(): Promise<Transport> {
  try {
    const [{ DirectTransport }, { modules }] = await Promise.all([
      import("../host/direct.js"),
      import("../host/modules.js"),
    ]);
    return new DirectTransport(modules);
  } catch (error) {
    throw new SamError("network", `The engine's script could not be loaded: ${describe(error)}`, error);
  }
}

/** `worker`: whether one is going to be started. */
export function requireBrowser(worker: boolean): void {
  const missing = [
    typeof WebAssembly === "undefined" && "WebAssembly",
    worker && typeof Worker === "undefined" && "Worker",
    typeof OffscreenCanvas === "undefined" && "OffscreenCanvas",
    typeof createImageBitmap === "undefined" && "createImageBitmap",
  ].filter((name) => name !== false);
  if (missing.length === 0) return;
  throw new SamError(
    "unsupported",
    `burn-sam runs in a browser, and there is no ${missing.join(", ")} here. ` +
      "In Node or server-side rendering, call Sam.load on the client only; in an old browser, update it.",
  );
}
