/** An image from an address on the web. */
import { byId } from "../page/dom.ts";
import { messageOf, PageError } from "../page/errors.ts";
import { text } from "../text/texts.ts";

/** Its name is the last part of the path. Rejects with the signal's reason when it is aborted. */
export async function fetchImage(
  address: string,
  signal: AbortSignal,
): Promise<{ readonly blob: Blob; readonly name: string }> {
  const url = parse(address);
  let response: Response;
  try {
    response = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", signal });
  } catch {
    signal.throwIfAborted();
    // The browser tells no page whether it was the address or the missing permission.
    throw new PageError("network", navigator.onLine ? text.addressRefused : text.offline);
  }
  if (!response.ok)
    throw new PageError("network", text.addressStatus(`${response.status} ${response.statusText}`.trim()));
  return { blob: await response.blob(), name: nameAt(url) };
}

/** A % that begins no character stays as it is written. */
export function nameAt({ hostname, pathname }: URL): string {
  const name = pathname.split("/").at(-1) || hostname;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function parse(address: string): URL {
  try {
    const url = new URL(address);
    if (/^(https?|data|blob):$/.test(url.protocol)) return url;
  } catch {
    // No address at all.
  }
  throw new PageError("network", text.badAddress);
}

/** The dialog stays open with the reason when the image cannot be had; closing it stops the download. */
export function connectAddress(onImage: (blob: Blob, name: string) => void): () => void {
  const dialog = byId("address-dialog", HTMLDialogElement);
  const input = byId("address", HTMLInputElement);
  const reason = byId("address-reason", HTMLElement);
  const form = byId("address-form", HTMLFormElement);
  const button = byId("address-open", HTMLButtonElement);
  let download = new AbortController();
  dialog.addEventListener("close", () => download.abort());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    reason.textContent = "";
    button.disabled = true;
    download = new AbortController();
    const { signal } = download;
    fetchImage(input.value.trim(), signal).then(
      ({ blob, name }) => {
        if (signal.aborted) return;
        dialog.close();
        onImage(blob, name);
      },
      (error: unknown) => {
        if (signal.aborted) return;
        reason.textContent = messageOf(error);
        button.disabled = false;
      },
    );
  });
  return () => {
    reason.textContent = "";
    button.disabled = false;
    dialog.showModal();
    input.select();
  };
}
