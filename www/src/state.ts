/**
 * What the page knows, and how it changes: a pure reducer, no DOM, no model. Undo and redo cover the prompts; a new
 * picture starts a new history.
 */
import type { Box, Mask, Point, Prompt } from "burn-sam";

export type Tool = "add" | "remove" | "box";

/** The prompts of one object, in image pixels. */
export interface Prompts {
  readonly points: readonly Required<Point>[];
  readonly box: Box | null;
}

/** Undoable values: the present one, those before it (oldest first) and those undone (latest undone first). */
export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
}

export interface State {
  readonly model: "loading" | "ready" | "failed";
  readonly image: "none" | "encoding" | "encoded" | "failed";
  /** A segmentation is under way. */
  readonly asking: boolean;
  readonly tool: Tool;
  readonly history: History<Prompts>;
  /** The candidates of the latest answer, best score first. They stay until the next answer, so nothing flickers. */
  readonly masks: readonly Mask[];
  readonly chosen: number;
}

export type Action =
  | { readonly type: "model"; readonly status: State["model"] }
  | { readonly type: "image"; readonly status: State["image"] }
  | { readonly type: "open" }
  | { readonly type: "tool"; readonly tool: Tool }
  | { readonly type: "point"; readonly point: Required<Point> }
  | { readonly type: "box"; readonly box: Box }
  | { readonly type: "clear" | "undo" | "redo" }
  | { readonly type: "asking"; readonly asking: boolean }
  | { readonly type: "answer"; readonly masks: readonly Mask[] }
  | { readonly type: "choose"; readonly index: number };

export type Phase = "loading" | "ready" | "encoding" | "encoded" | "segmenting" | "error";

const noPrompts: Prompts = { points: [], box: null };
const newHistory: History<Prompts> = { past: [], present: noPrompts, future: [] };

export const initialState: State = {
  model: "loading",
  image: "none",
  asking: false,
  tool: "add",
  history: newHistory,
  masks: [],
  chosen: 0,
};

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "model":
      return { ...state, model: action.status };
    case "image":
      return { ...state, image: action.status };
    case "open":
      return { ...state, image: "encoding", asking: false, history: newHistory, masks: [], chosen: 0 };
    case "tool":
      return { ...state, tool: action.tool };
    case "point": {
      const { points, box } = state.history.present;
      return edit(state, { points: [...points, action.point], box });
    }
    case "box":
      return edit(state, { ...state.history.present, box: action.box });
    case "clear":
      return isEmpty(state.history.present) ? state : edit(state, noPrompts);
    case "undo":
      return travel(state, undo(state.history));
    case "redo":
      return travel(state, redo(state.history));
    case "asking":
      return { ...state, asking: action.asking };
    case "answer":
      return { ...state, masks: action.masks, chosen: 0 };
    case "choose":
      return action.index >= 0 && action.index < state.masks.length ? { ...state, chosen: action.index } : state;
  }
}

function edit(state: State, next: Prompts): State {
  const { past, present } = state.history;
  return travel(state, { past: [...past, present], present: next, future: [] });
}

function travel(state: State, history: History<Prompts>): State {
  if (history === state.history) return state;
  const cleared = isEmpty(history.present) ? { masks: [], chosen: 0 } : {};
  return { ...state, ...cleared, history };
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

export function isEmpty(prompts: Prompts): boolean {
  return prompts.points.length === 0 && prompts.box === null;
}

export function phase(state: State): Phase {
  if (state.model === "failed" || state.image === "failed") return "error";
  if (state.model === "loading") return "loading";
  if (state.image === "none") return "ready";
  if (state.image === "encoding") return "encoding";
  return state.asking ? "segmenting" : "encoded";
}

export function chosenMask(state: State): Mask | undefined {
  return state.masks[state.chosen];
}

/** The prompts as the package takes them. */
export function toPrompt({ points, box }: Prompts): Prompt {
  return box ? { points, box } : { points };
}
