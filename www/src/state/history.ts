/** Undoable values: the present one, those before it (oldest first) and those undone (latest undone first). */
export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
}

/** More steps than anyone goes back. */
const depth = 500;

export function begin<T>(present: T): History<T> {
  return { past: [], present, future: [] };
}

/** The same history when nothing changes. */
export function edit<T>(history: History<T>, next: T): History<T> {
  const { past, present } = history;
  return next === present ? history : { past: [...past, present].slice(-depth), present: next, future: [] };
}

/** Changes what is not an edit: it is not undone by itself. */
export function replace<T>(history: History<T>, next: T): History<T> {
  return next === history.present ? history : { ...history, present: next };
}

export function undo<T>(history: History<T>): History<T> {
  const previous = history.past.at(-1);
  if (previous === undefined) return history;
  return { past: history.past.slice(0, -1), present: previous, future: [history.present, ...history.future] };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.present], present: next, future };
}
