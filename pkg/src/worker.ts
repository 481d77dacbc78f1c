// The Worker's entry: the host behind postMessage, or one of its threads.
import { Host } from "./host/host.js";
import { modules, threads } from "./host/modules.js";
import { becomeThread, scriptType, startThreads } from "./host/threads.js";
import { THREAD } from "./protocol.js";
import type { LoadParams, Request, Response, ThreadStart } from "./protocol.js";

if (self.name === THREAD) becomeThread(threads);
else serve();

function serve(): void {
  const name = `burn-sam ${crypto.randomUUID?.()}`;
  const post = (message: Response, transfer: Transferable[]) => self.postMessage(message, { transfer });
  let onThreads: (error: string | undefined) => void = () => undefined;
  const startOthers = (count: number, start: ThreadStart) =>
    new Promise<void>((resolve, reject) => {
      onThreads = (error) => (error === undefined ? resolve() : reject(new Error(error)));
      post({ kind: "threads", count, script: location.href, type: scriptType(), start }, []);
    });
  const withThreads = (params: LoadParams) => startThreads(threads, params, startOthers);
  const host = new Host(modules, post, undefined, withThreads);

  // A panic in the middle of a future reaches nobody but these two.
  self.addEventListener("error", (event) => {
    console.error(event.error ?? event.message);
    event.preventDefault();
    host.fail(event.error ?? new Error(event.message));
  });
  self.addEventListener("unhandledrejection", (event) => host.fail(event.reason));
  self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
    if (data.kind === "threads") onThreads(data.error);
    else host.receive(data);
  });

  // The browser does not tell a page that its Worker has ended. A lock is released then, whatever the reason.
  // Without https there are no locks, and in a sandboxed frame none for us.
  const held = navigator.locks?.request(name, () => {
    post({ kind: "held", lock: name }, []);
    return new Promise(() => undefined);
  });
  held?.catch(() => undefined);
  // The lock is not waited for.
  post({ kind: "ready" }, []);
}
