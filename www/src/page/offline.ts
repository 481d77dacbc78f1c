/** The service worker: the page works offline after the first visit, and a new version waits until it is asked for. */
import { text } from "../text/texts.ts";
import { showNotice } from "./alert.ts";
import { byId } from "./dom.ts";

let watched: ServiceWorkerRegistration | undefined;

/** `device`: whose files are kept as well. Called once the model is loaded, so that the first visit is not slowed down. */
export async function goOffline(device: string): Promise<void> {
  if (!__OFFLINE__ || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  try {
    const registration = await serviceWorker.register(new URL("sw.js", document.baseURI));
    if (registration !== watched) watch(registration);
    watched = registration;
    const { active } = await serviceWorker.ready;
    if (!active || !(await keptFor(device, active))) return;
    document.body.dataset["offline"] = "ready";
    byId("offline", HTMLElement).style.visibility = "visible";
  } catch {
    // Plain http, a private window, no room: the page works as before, with a network.
  }
}

/** Resolves, once the device's files are kept, to whether they are. */
function keptFor(device: string, worker: ServiceWorker): Promise<boolean> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => {
      port1.close();
      resolve(data === true);
    };
    worker.postMessage({ device }, [port2]);
  });
}

function watch(registration: ServiceWorkerRegistration): void {
  const offer = (): void => {
    const { waiting } = registration;
    // Without an active one this is the first: there is nothing to update.
    if (waiting && registration.active) announce(waiting);
  };
  offer();
  registration.addEventListener("updatefound", () => {
    const next = registration.installing;
    next?.addEventListener("statechange", () => next.state === "installed" && offer());
  });
}

function announce(waiting: ServiceWorker): void {
  const update = (): void => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload());
    waiting.postMessage("activate");
  };
  showNotice(text.updateReady, text.updateText, [{ label: text.update, run: update }]);
}
