/** What all dialogs share: a cross that closes them, and a click beside them. */
import { byId } from "./dom.ts";

export function connectDialogs(): void {
  for (const dialog of document.querySelectorAll("dialog")) {
    for (const button of dialog.querySelectorAll<HTMLButtonElement>("button[data-close]")) {
      button.addEventListener("click", () => dialog.close());
    }
    // The dialog's padding is its content's: what is hit of the dialog itself is the backdrop.
    dialog.addEventListener("pointerdown", (event) => {
      if (event.target === dialog) dialog.close();
    });
  }
}

export function openDialog(id: string): void {
  const dialog = byId(id, HTMLDialogElement);
  if (!dialog.open) dialog.showModal();
}
