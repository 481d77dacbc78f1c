/** What is there from the start and depends on nothing: menus, dialogs, the link to the source. */
import { connectDialogs, openDialog } from "./dialogs.ts";
import { byId, onClick } from "./dom.ts";
import { connectMenu } from "./menu.ts";

export function connectPage(): void {
  connectMenu("open-more", "sources");
  connectMenu("more-exports", "exports");
  connectDialogs();
  onClick("help", () => openDialog("help-dialog"));
  if (__SOURCE_URL__) {
    const link = byId("source", HTMLAnchorElement);
    link.href = __SOURCE_URL__;
    link.hidden = false;
  }
  // In a low window the card would be cut, on a narrow page it would push away what matters: there it stays closed.
  byId("details", HTMLDetailsElement).open = matchMedia("(min-height: 1000px) and (min-width: 861px)").matches;
}
