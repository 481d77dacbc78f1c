/** Keys that work wherever the focus is. */
import { isMenuOpen } from "./menu.ts";

export interface Shortcuts {
  undo(): void;
  redo(): void;
  escape(): void;
  /** Everything that is one key without Ctrl, by its name below. */
  readonly keys: Readonly<Record<Key, () => void>>;
  /** One-key shortcuts can be switched off: speech and shaking hands type by accident. */
  enabled(): boolean;
}

export type Key = (typeof names)[keyof typeof names];

const names = {
  "1": "first",
  "2": "second",
  "3": "third",
  a: "add",
  r: "remove",
  w: "box",
  p: "brush",
  x: "erase",
  "[": "smaller",
  "]": "larger",
  n: "new",
  delete: "delete",
  h: "hide",
  j: "next",
  k: "previous",
  f2: "rename",
  e: "everything",
  c: "copy",
  o: "open",
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  "0": "fit",
  "?": "help",
} as const;

export function connectShortcuts(shortcuts: Shortcuts): void {
  addEventListener("keydown", (event) => {
    // Where something is written, and in a dialog, keys are somebody else's.
    if (event.defaultPrevented || isWriting(event.target) || document.querySelector("dialog[open]")) return;
    const action = actionFor(event, shortcuts);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function isWriting(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !["radio", "checkbox", "range", "file"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

function actionFor(event: KeyboardEvent, shortcuts: Shortcuts): (() => void) | null {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") return () => (event.shiftKey ? shortcuts.redo() : shortcuts.undo());
    return key === "y" ? () => shortcuts.redo() : null;
  }
  if (event.altKey) return null;
  if (key === "escape") {
    // An open menu closes by itself.
    return isMenuOpen() ? null : () => shortcuts.escape();
  }
  if (!shortcuts.enabled() || !isKey(key)) return null;
  return shortcuts.keys[names[key]];
}

function isKey(key: string): key is keyof typeof names {
  return Object.hasOwn(names, key);
}
