/** An image from an address on the web. */
import { byId } from "../page/dom.ts";
import { messageOf, PageError } from "../page/errors.ts";
import { text } from "../text/texts.ts";

/** Its name is the last part of the path. */
export async function fetchImage(address: string): Promise<{ readonly blob: Blob; readonly name: string }> {
  const url = parse(address);
  let response: Response;
  try {
    response = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer" });
  } catch {
    // The browser tells no page whether it was the address or the missing permission.
    throw new PageError("network", text.addressRefused);
  }
  if (!response.ok)
    throw new PageError("network", text.addressStatus(`${response.status} ${response.statusText}`.trim()));
  const name = decodeURIComponent(url.pathname.split("/").at(-1) ?? "");
  return { blob: await response.blob(), name: name || url.hostname };
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

/** The dialog stays open with the reason when the image cannot be had. */
export function connectAddress(onImage: (blob: Blob, name: string) => void): () => void {
  const dialog = byId("address-dialog", HTMLDialogElement);
  const input = byId("address", HTMLInputElement);
  const reason = byId("address-reason", HTMLElement);
  const form = byId("address-form", HTMLFormElement);
  const button = byId("address-open", HTMLButtonElement);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    reason.textContent = "";
    button.disabled = true;
    fetchImage(input.value.trim())
      .then(
        ({ blob, name }) => {
          dialog.close();
          onImage(blob, name);
        },
        (error: unknown) => (reason.textContent = messageOf(error)),
      )
      .finally(() => (button.disabled = false));
  });
  return () => {
    reason.textContent = "";
    dialog.showModal();
    input.select();
  };
}
