// The Worker's entry: the host behind postMessage, or one of its threads.
import { Host } from "./host/host.js";
import { modules, threads } from "./host/modules.js";
import { THREAD, becomeThread, startThreads } from "./host/threads.js";
import type { LoadParams, Request, Response } from "./protocol.js";

if (self.name === THREAD) becomeThread(threads);
else serve();

function serve(): void {
  const name = `burn-sam ${crypto.randomUUID?.()}`;
  const post = (message: Response, transfer: Transferable[]) => self.postMessage(message, { transfer });
  const announce = () => post({ kind: "threads", channel: name }, []);
  const withThreads = (params: LoadParams) => startThreads(threads, params, name, announce);
  const host = new Host(modules, post, undefined, withThreads);

  // A panic in the middle of a future reaches nobody but these two.
  self.addEventListener("error", (event) => {
    console.error(event.error ?? event.message);
    event.preventDefault();
    host.fail(event.error ?? new Error(event.message));
  });
  self.addEventListener("unhandledrejection", (event) => host.fail(event.reason));
  self.addEventListener("message", (event: MessageEvent<Request>) => host.receive(event.data));

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
