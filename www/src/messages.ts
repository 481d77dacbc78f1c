/** What went wrong, in words, shown where it cannot be missed. */
import type { SamErrorCode } from "burn-sam";
import { byId } from "./dom.ts";

/** A failure of the page itself, with the code the package would have used. */
export class PageError extends Error {
  override readonly name = "PageError";
  readonly code: SamErrorCode;

  constructor(code: SamErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const titles: Readonly<Record<string, string>> = {
  "no-webgpu": "No WebGPU here",
  unsupported: "This browser is missing something",
  "device-lost": "The model stopped",
  internal: "The model stopped",
  "out-of-memory": "Out of memory",
  "bad-checkpoint": "That model could not be loaded",
  "bad-image": "That image could not be read",
  "bad-prompt": "That prompt cannot be used",
  network: "Download failed",
  integrity: "The download is not what was asked for",
};

/** The page deals with these itself; the package's own sentence, meant for programmers, follows in small print. */
const stopped = "The page restarts it and encodes your image again. Your points are kept.";
const pageSentences: Readonly<Record<string, string>> = { "device-lost": stopped, internal: stopped };

/** A way out: a link after the message. */
export interface Offer {
  readonly label: string;
  readonly href: string;
}

const box = byId("alert", HTMLElement);

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "internal";
}

/** Shows a failure until it is dismissed or another one takes its place. `running`: the model is not given up. */
export function showError(error: unknown, running: boolean, offers: readonly Offer[]): void {
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  const ours = running ? pageSentences[code] : undefined;
  show("error", titles[code] ?? "Something went wrong", ours ?? text, ours ? `${code}: ${text}` : code, offers);
  box.dataset.code = code;
}

/** Good news after bad. */
export function showNotice(title: string, text: string): void {
  show("notice", title, text);
}

/** Returns whether there was anything to dismiss. */
export function dismiss(): boolean {
  const shown = !box.hidden;
  box.hidden = true;
  box.replaceChildren();
  delete box.dataset.code;
  return shown;
}

function show(kind: "error" | "notice", title: string, text: string, detail = "", offers: readonly Offer[] = []): void {
  dismiss();
  const body = element("p", text);
  for (const { label, href } of offers) {
    const link = element("a", label);
    link.href = href;
    body.append(" ", link);
  }
  const words = element("div");
  words.append(element("strong", title), body);
  if (detail) words.append(element("code", detail));
  const close = element("button", "Dismiss");
  close.type = "button";
  close.className = "quiet";
  close.id = "dismiss";
  close.addEventListener("click", dismiss);
  box.dataset.kind = kind;
  // Shown before it is filled: assistive technology announces what appears inside a visible alert.
  box.hidden = false;
  box.append(words, close);
}

function element<K extends keyof HTMLElementTagNameMap>(tag: K, text = ""): HTMLElementTagNameMap[K] {
  const created = document.createElement(tag);
  created.textContent = text;
  return created;
}
