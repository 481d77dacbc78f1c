// The Worker's entry: the host behind postMessage.
import { Host } from "./host/host.js";
import { modules } from "./host/modules.js";
import type { Request, Response } from "./protocol.js";

const post = (message: Response, transfer: Transferable[]) => self.postMessage(message, { transfer });
const host = new Host(modules, post);

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
const lock = `burn-sam ${crypto.randomUUID?.()}`;
const held = navigator.locks?.request(lock, () => {
  post({ kind: "held", lock }, []);
  return new Promise(() => undefined);
});
held?.catch(() => undefined);
// The lock is not waited for.
post({ kind: "ready" }, []);
