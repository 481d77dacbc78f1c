/** Keys that work wherever the focus is. */
export interface Shortcuts {
  undo(): void;
  redo(): void;
  escape(): void;
  choose(index: number): void;
}

export function connectShortcuts(shortcuts: Shortcuts): void {
  addEventListener("keydown", (event) => {
    // There is nothing to write into on this page: no key is anybody else's, unless the stage has taken it.
    if (event.defaultPrevented) return;
    const action = actionFor(event, shortcuts);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function actionFor(event: KeyboardEvent, shortcuts: Shortcuts): (() => void) | null {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") return () => (event.shiftKey ? shortcuts.redo() : shortcuts.undo());
    return key === "y" ? () => shortcuts.redo() : null;
  }
  if (event.altKey) return null;
  if (key === "escape") return () => shortcuts.escape();
  return key === "1" || key === "2" || key === "3" ? () => shortcuts.choose(Number(key) - 1) : null;
}
