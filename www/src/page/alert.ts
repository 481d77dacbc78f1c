/** What went wrong, in words, shown where it cannot be missed. */
import { text } from "../text/texts.ts";
import { byId, element } from "./dom.ts";
import { codeOf, messageOf, PageError } from "./errors.ts";

/** A way out after the message: a link where there is an address, else a button. */
export interface Offer {
  readonly label: string;
  /** Where it leads without this page's help. */
  readonly href?: string;
  readonly run: () => void;
}

const box = byId("alert", HTMLElement);

/** Shows a failure until it is dismissed or another one takes its place. `running`: the model is not given up. */
export function showError(error: unknown, running: boolean, offers: readonly Offer[]): void {
  show("error", { ...explain(error, running), offers });
  box.dataset["code"] = codeOf(error);
}

/** A failure in the visitor's language. */
export function explain(error: unknown, running: boolean): Omit<Content, "offers"> {
  const code = codeOf(error);
  const message = messageOf(error);
  // The page's own sentences are in the visitor's language; the package's are for programmers, and follow in small print.
  const advice = error instanceof PageError ? undefined : adviceFor(code, running);
  const offline = code === "network" && !navigator.onLine ? text.offline : undefined;
  return {
    title: text.errorTitles[code] ?? text.errorTitle,
    words: offline ?? advice ?? message,
    detail: (offline ?? advice) ? `${code}: ${message}` : code,
  };
}

function adviceFor(code: string, running: boolean): string | undefined {
  if (code === "out-of-memory") return text.memoryAdvice;
  if (running && (code === "device-lost" || code === "internal")) return text.stopped;
  return text.errorAdvice[code];
}

/** Good news after bad, or news that waits for an answer. */
export function showNotice(title: string, words: string, offers: readonly Offer[] = []): void {
  show("notice", { title, words, detail: "", offers });
}

/** Is there something that has not been dismissed? */
export function isAlerting(): boolean {
  return !box.hidden;
}

/** Returns whether there was anything to dismiss. */
export function dismiss(): boolean {
  const shown = !box.hidden;
  box.hidden = true;
  box.replaceChildren();
  delete box.dataset["code"];
  return shown;
}

interface Content {
  readonly title: string;
  readonly words: string;
  readonly detail: string;
  readonly offers: readonly Offer[];
}

function show(kind: "error" | "notice", { title, words, detail, offers }: Content): void {
  dismiss();
  const body = element("div");
  body.append(element("strong", title), element("p", words));
  if (detail) body.append(element("code", detail));
  const ways = element("div");
  ways.className = "offers";
  ways.append(...offers.map(wayOut));
  if (offers.length > 0) body.append(ways);
  const close = element("button", text.dismiss);
  close.type = "button";
  close.className = "quiet";
  close.id = "dismiss";
  close.addEventListener("click", dismiss);
  box.dataset["kind"] = kind;
  // Shown before it is filled: assistive technology announces what appears inside a visible alert.
  box.hidden = false;
  box.append(body, close);
  // On a phone the stage may have been scrolled away.
  box.scrollIntoView({ block: "nearest" });
}

function wayOut({ label, href, run }: Offer): HTMLElement {
  const way = element(href ? "a" : "button", label);
  if (way instanceof HTMLAnchorElement) way.href = href ?? "";
  way.className = "secondary";
  way.addEventListener("click", (event) => {
    event.preventDefault();
    dismiss();
    run();
  });
  return way;
}
