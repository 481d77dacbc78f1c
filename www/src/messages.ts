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
  "out-of-memory": "Out of memory",
  "bad-checkpoint": "That model could not be loaded",
  "bad-image": "That image could not be read",
  "bad-prompt": "That prompt cannot be used",
  network: "Download failed",
  integrity: "The download is not what was asked for",
};

/** The codes after which the model runs better, or at all, on the CPU. */
const cpuHelps: readonly string[] = ["no-webgpu", "device-lost", "out-of-memory", "internal"];

const box = byId("alert", HTMLElement);

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "internal";
}

/** Shows a failure until it is dismissed or another one takes its place. */
export function showError(error: unknown, onGpu: boolean): void {
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  show("error", code, titles[code] ?? "Something went wrong", text);
  if (onGpu && cpuHelps.includes(code)) {
    const link = document.createElement("a");
    const address = new URL(location.href);
    address.searchParams.set("device", "cpu");
    link.href = address.href;
    link.textContent = "Use the CPU instead";
    box.querySelector(".alert-text")?.append(" ", link);
  }
}

/** Good news after bad. */
export function showNotice(title: string, text: string): void {
  show("notice", "", title, text);
}

/** Returns whether there was anything to dismiss. */
export function dismiss(): boolean {
  const shown = !box.hidden;
  box.hidden = true;
  box.replaceChildren();
  delete box.dataset.code;
  return shown;
}

function show(kind: "error" | "notice", code: string, title: string, text: string): void {
  dismiss();
  const heading = document.createElement("strong");
  heading.textContent = title;
  const body = document.createElement("p");
  body.className = "alert-text";
  body.textContent = text;
  const words = document.createElement("div");
  words.append(heading, body);
  if (code) {
    const tag = document.createElement("code");
    tag.textContent = code;
    words.append(tag);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet";
  close.id = "dismiss";
  close.textContent = "Dismiss";
  close.addEventListener("click", dismiss);
  box.dataset.kind = kind;
  if (code) box.dataset.code = code;
  // Shown before it is filled: assistive technology announces what appears inside a visible alert.
  box.hidden = false;
  box.append(words, close);
}
