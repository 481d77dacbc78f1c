/**
 * What the page knows, and how it changes: a pure reducer, no DOM, no model. Undo and redo cover all objects with their
 * prompts; a new picture starts a new history.
 */
import type { Box, Point } from "burn-sam";
import { begin, edit, redo, replace, undo, type History } from "./history.ts";
import {
  activeItem,
  add,
  adopt,
  adoptAll,
  change,
  clear,
  isEmpty,
  noObjects,
  noPrompts,
  prompt,
  remove,
  type Item,
  type Objects,
  type Prompts,
  type Shape,
} from "./objects.ts";
import type { Stroke } from "./strokes.ts";

export type Tool = "add" | "remove" | "box" | "brush" | "erase";

/** The candidates for some prompts, best score first. */
export interface Answer {
  readonly prompts: Prompts;
  readonly masks: readonly Shape[];
}

/** Everything mode: what is found so far, largest first. */
export interface Everything {
  readonly status: "off" | "running" | "done";
  readonly done: number;
  readonly total: number;
  readonly regions: readonly Shape[];
}

export interface State {
  readonly model: "loading" | "ready" | "failed";
  readonly image: "none" | "encoding" | "encoded" | "failed";
  /** A segmentation is under way. */
  readonly asking: boolean;
  readonly tool: Tool;
  readonly history: History<Objects>;
  /** The latest answer for each object, by id. They stay until the next answer, so nothing flickers. */
  readonly answers: Readonly<Record<number, Answer>>;
  readonly everything: Everything;
}

export type Action =
  | { readonly type: "model"; readonly status: State["model"] }
  | { readonly type: "image"; readonly status: State["image"] }
  /** `history`: the objects of an image that was left and is shown again. */
  | { readonly type: "open"; readonly history?: History<Objects> | undefined }
  | { readonly type: "close" }
  | { readonly type: "tool"; readonly tool: Tool }
  | { readonly type: "point"; readonly point: Required<Point> }
  /** Takes back a point of the active object. */
  | { readonly type: "unpoint"; readonly index: number }
  | { readonly type: "box"; readonly box: Box }
  | { readonly type: "stroke"; readonly stroke: Stroke }
  | { readonly type: "clear" | "undo" | "redo" | "new" }
  /** Another model: what the old one answered is shown until the new one has. */
  | { readonly type: "another-model" }
  | { readonly type: "select" | "delete" | "hide"; readonly id: number }
  | { readonly type: "rename"; readonly id: number; readonly name: string }
  | { readonly type: "asking"; readonly asking: boolean }
  | { readonly type: "answer"; readonly id: number; readonly prompts: Prompts; readonly masks: readonly Shape[] }
  | { readonly type: "choose"; readonly index: number }
  | { readonly type: "everything"; readonly everything: Partial<Everything> }
  | { readonly type: "adopt"; readonly region: Shape }
  | { readonly type: "adopt-all" };

export type Phase = "loading" | "ready" | "encoding" | "encoded" | "segmenting" | "error";

const nothingFound: Everything = { status: "off", done: 0, total: 0, regions: [] };
const noImage = {
  asking: false,
  history: begin(noObjects),
  answers: {},
  everything: nothingFound,
} satisfies Partial<State>;

export const initialState: State = { model: "loading", image: "none", tool: "add", ...noImage };

export function reduce(state: State, action: Action): State {
  const { present } = state.history;
  switch (action.type) {
    case "model":
      return { ...state, model: action.status };
    case "image":
      return { ...state, image: action.status };
    case "open":
      return { ...state, ...noImage, image: "encoding", history: action.history ?? noImage.history };
    case "close":
      return { ...state, ...noImage, image: "none" };
    case "tool":
      return { ...state, tool: action.tool };
    case "point":
      return editing(state, prompt(present, { points: [...activeItem(present).prompts.points, action.point] }));
    case "unpoint": {
      const points = activeItem(present).prompts.points.filter((_, index) => index !== action.index);
      return editing(state, prompt(present, { points }));
    }
    case "box":
      return editing(state, prompt(present, { box: action.box }));
    case "stroke":
      return editing(state, prompt(present, { strokes: [...activeItem(present).prompts.strokes, action.stroke] }));
    case "clear":
      return editing(state, clear(present));
    case "undo":
      return travel(state, undo(state.history));
    case "redo":
      return travel(state, redo(state.history));
    case "new":
      return editing(state, add(present));
    case "select": {
      const known = present.items.some(({ id }) => id === action.id);
      return known ? travel(state, replace(state.history, { ...present, active: action.id })) : state;
    }
    case "delete":
      return editing(state, remove(present, action.id));
    case "hide": {
      const item = present.items.find(({ id }) => id === action.id);
      return item ? editing(state, change(present, action.id, { hidden: !item.hidden })) : state;
    }
    case "rename":
      return editing(state, change(present, action.id, { name: action.name.trim().slice(0, 80) }));
    case "asking":
      return { ...state, asking: action.asking };
    case "answer": {
      const answer = { prompts: action.prompts, masks: action.masks };
      return { ...state, answers: { ...state.answers, [action.id]: answer } };
    }
    case "another-model":
      return { ...state, answers: outdated(state.answers), everything: nothingFound };
    case "choose": {
      const item = activeItem(present);
      const shape = shapesOf(state, item)[action.index];
      return shape ? travel(state, replace(state.history, change(present, item.id, { token: shape.token }))) : state;
    }
    case "everything":
      return { ...state, everything: { ...state.everything, ...action.everything } };
    case "adopt":
      return editing(state, adopt(present, action.region));
    case "adopt-all":
      return editing(state, adoptAll(present, state.everything.regions));
  }
}

function outdated(answers: State["answers"]): State["answers"] {
  return Object.fromEntries(Object.entries(answers).map(([id, answer]) => [id, { ...answer, prompts: noPrompts }]));
}

/** After an undo an id is given again: what was answered to the object that had it before is not for the new one. */
function editing(state: State, next: Objects): State {
  const history = edit(state.history, next);
  const { nextId } = state.history.present;
  if (next.nextId === nextId) return travel(state, history);
  const answers = Object.fromEntries(Object.entries(state.answers).filter(([id]) => Number(id) < nextId));
  return travel({ ...state, answers }, history);
}

function travel(state: State, history: History<Objects>): State {
  return history === state.history ? state : { ...state, history };
}

/** The candidates of an object: of its latest answer, or the one region it was made of. */
export function shapesOf({ answers }: Pick<State, "answers">, { id, prompts, region }: Item): readonly Shape[] {
  const found = region ? [region] : [];
  return isEmpty(prompts) ? found : (answers[id]?.masks ?? found);
}

export function chosenIndex(state: Pick<State, "answers">, item: Item): number {
  return Math.max(
    0,
    shapesOf(state, item).findIndex(({ token }) => token === item.token),
  );
}

export function chosenShape(state: Pick<State, "answers">, item: Item): Shape | undefined {
  return shapesOf(state, item)[chosenIndex(state, item)];
}

/** The next object whose prompts have no answer yet, the active one first. */
export function unanswered({ history, answers }: Pick<State, "history" | "answers">): Item | undefined {
  const { present } = history;
  const waits = ({ id, prompts }: Item): boolean => !isEmpty(prompts) && answers[id]?.prompts !== prompts;
  const active = activeItem(present);
  return waits(active) ? active : present.items.find(waits);
}

export function phase(state: State): Phase {
  if (state.model === "failed" || state.image === "failed") return "error";
  if (state.model === "loading") return "loading";
  if (state.image === "none") return "ready";
  if (state.image === "encoding") return "encoding";
  return state.asking ? "segmenting" : "encoded";
}
