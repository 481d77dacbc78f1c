/**
 * The demo page: connects what the visitor does to the state, the state to the model, and all of it to the screen.
 *
 * Query parameters, before what the page remembers: `?device=webgpu|cpu|auto`, `?model=<preset or URL>`, `?lang=en|zh`.
 *
 * What tests and style sheets may read:
 * - `body[data-state]`: loading | ready | encoding | encoded | segmenting | error. It is set before an event handler
 *   returns: after a click it is `segmenting` until the answer is drawn. `error`: the model does not run, or the current
 *   image cannot be encoded; a refused file leaves the state alone and shows `#alert[data-code]`.
 * - `body[data-device]`, `body[data-model]`, `body[data-wasm-memory]` (bytes): what was loaded.
 * - `body[data-everything]`: running | done, in everything mode; `#stage[data-regions]`: how many are found.
 * - `#stage[data-score]`, `[data-area]` (pixels of the image), `[data-token]`, `[data-candidates]`: the chosen mask of the
 *   active object; `[data-objects]`: how many objects there are.
 * - `#stage[data-points]` ("x,y,label x,y,label …"), `[data-box]` ("x0,y0,x1,y1"), `[data-strokes]` (how many): its
 *   prompts in image pixels.
 * - `#stage[data-image]`: "width,height" of the image; `[data-zoom]`: CSS pixels per image pixel.
 * - `#stage[data-load-ms]`, `[data-first-ms]`, `[data-encode-ms]`, `[data-segment-ms]`: the latest timings.
 * - `#stage[data-preview]`: pixels of the hover preview.
 * - `#frame` lies exactly over the image: a fraction of its box is the same fraction of the image.
 */
import type { Box, Point } from "burn-sam";
import { openFiles } from "./io/files.ts";
import { connectExports } from "./io/exports.ts";
import { readPicture } from "./io/picture.ts";
import { Engine, type Report, type Timed } from "./model/engine.ts";
import { EverythingMode } from "./model/everything.ts";
import { Models } from "./model/models.ts";
import { dismiss, showNotice } from "./page/alert.ts";
import { brushRadius, scaleBrush, showBrush } from "./page/brush.ts";
import { Candidates } from "./page/candidates.ts";
import { Controls } from "./page/controls.ts";
import { byId, onClick, setData, setText } from "./page/dom.ts";
import { PageError } from "./page/errors.ts";
import { Failures } from "./page/failures.ts";
import { showFigures } from "./page/figures.ts";
import { connectKeys } from "./page/keys.ts";
import { askBeforeLeaving } from "./page/leaving.ts";
import { ObjectList } from "./page/objects.ts";
import { goOffline } from "./page/offline.ts";
import { connectPage } from "./page/page.ts";
import { Pictures } from "./page/pictures.ts";
import { Clicks } from "./stage/clicks.ts";
import { StageCrosshair } from "./stage/crosshair.ts";
import { markRadius } from "./stage/draw.ts";
import { StageGestures } from "./stage/gestures.ts";
import { StagePointing } from "./stage/pointing.ts";
import { RegionMap } from "./stage/regions.ts";
import { drawnShapes } from "./stage/shapes.ts";
import { Stage } from "./stage/stage.ts";
import { activeItem, neighbour, noPrompts, pointNear } from "./state/objects.ts";
import {
  chosenIndex,
  chosenShape,
  initialState,
  phase,
  reduce,
  shapesOf,
  unanswered,
  type Action,
  type Tool,
} from "./state/state.ts";
import { nameOf, statusText } from "./text/format.ts";
import { text } from "./text/texts.ts";

let state = initialState;
let exporting = false;
let timings: Partial<Record<Timed, number>> = {};
/** A short message in the place of the status line. */
let flashed = "";
let regions: RegionMap | null = null;

const engine = new Engine(
  (event) => onReport(event),
  () => models.settings().tidy,
);
const models = new Models(engine, {
  changed: () => render(),
  language: () => showAll(),
  closed: () => failures.remind(),
  failed: () => state.model === "failed",
  say: flash,
  fail: report,
});
const failures = new Failures({ engine, models, failed: () => state.model === "failed" });
const everything = new EverythingMode(engine, {
  show: (everything) => {
    dispatch({ type: "everything", everything });
    const { status, done, total } = state.everything;
    controls.showProgress(status === "running" ? { stage: "everything", loaded: done, total } : null);
  },
  fail: report,
});
const stage = new Stage();
const clicks = new Clicks();
const pictures = new Pictures(engine, {
  state: () => state,
  leave: () => {
    dismiss();
    pointing.cancel();
    if (state.everything.status !== "off") everything.leave();
  },
  show: (history) => {
    const { encode: _, segment: __, ...rest } = timings;
    timings = rest;
    flashed = "";
    dispatch({ type: "open", history });
    showInfo();
    failures.remind();
  },
  focus: () => stage.focus(),
  say: flash,
  fail: report,
});
const gestures = new StageGestures(stage);
const prompts = {
  tool,
  onPoint: (point: Required<Point>, at: number) => onPoint(point, at),
  onBox: (box: Box) => onPrompt({ type: "box", box }),
};
const pointing = new StagePointing(stage, {
  ...prompts,
  clicksOnly: () => state.everything.status !== "off",
  radius: () => brushRadius(pictures.current),
  taken: () => gestures.taken,
  onStroke: (stroke) => onPrompt({ type: "stroke", stroke }),
  onHover: (point) => onHover(point),
});
const crosshair = new StageCrosshair(stage, { ...prompts, onMove: (point) => onHover(point) });
const candidates = new Candidates((index) => dispatch({ type: "choose", index }));
const edits = {
  undo: () => (state.history.past.length > 0 ? dispatch({ type: "undo" }) : pictures.back()),
  redo: () => (state.history.future.length > 0 ? dispatch({ type: "redo" }) : pictures.forward()),
  clear: () => dispatch({ type: "clear" }),
  everything: () => toggleEverything(),
  keepAll: () => {
    dispatch({ type: "adopt-all" });
    everything.leave();
  },
};
const controls = new Controls({ ...edits, tool: (tool) => dispatch({ type: "tool", tool }) });
const list = new ObjectList({
  add: () => dispatch({ type: "new" }),
  select: (id) => select(id),
  rename: (id, name) => dispatch({ type: "rename", id, name }),
  hide: (id) => dispatch({ type: "hide", id }),
  delete: (id) => dispatch({ type: "delete", id }),
});
const onExported = askBeforeLeaving(() => [state.history.present, ...pictures.left]);
const exports = connectExports({
  engine,
  state: () => state,
  picture: () => pictures.current,
  settings: models.settings,
  change: (changes) => models.change(changes),
  busy: (busy) => {
    exporting = busy;
    render();
  },
  say: (words) => {
    onExported(state.history.present);
    flash(words);
  },
  onNothing: flash,
  fail: report,
});
connectKeys({
  ...edits,
  state: () => state,
  dispatch,
  select: (steps) => select(neighbour(state.history.present, steps)),
  rename: () => list.rename(state.history.present.active),
  keysOn: () => models.settings().keys,
  brush: scaleBrush,
  copy: exports.copy,
  gestures,
  stage,
  escape: () => {
    if (dismiss() || pointing.cancel() || crosshair.cancel()) return;
    if (state.everything.status !== "off") everything.leave();
    else edits.clear();
  },
});
openFiles({
  onImage: (blob, name, focus) => void pictures.open(() => readPicture(blob, name), focus),
  onModel: (file) => models.openFile(file),
  onSaved: (file) => void pictures.openSaved(file),
  onError: report,
  onNothing: flash,
});
stage.onView = () => {
  const { scale } = stage.view;
  setText(byId("zoom-level", HTMLElement), `${Math.round(scale * 100)} %`);
  setData(stage.element, {
    zoom: pictures.current ? scale.toFixed(4) : null,
    // One finger moves an enlarged image, unless it draws.
    drag: !stage.fitted && (tool() === "add" || tool() === "remove") ? "pan" : null,
  });
};

function dispatch(action: Action): void {
  const before = state;
  state = reduce(state, action);
  if (state === before) return;
  if (action.type === "undo" || action.type === "redo") clicks.forget();
  const past = state.everything.status !== before.everything.status;
  if (past || state.history.present !== before.history.present) flashed = "";
  if (state.everything.regions !== before.everything.regions) {
    const found = state.everything.regions;
    regions = found.length > 0 ? new RegionMap(found) : null;
  }
  render();
  ask();
}

/** Asks what has no answer yet, and forgets a question that is no longer of interest. */
function ask(): void {
  if (state.image !== "encoded") return;
  const item = unanswered(state);
  if (item) void engine.ask(item);
  else engine.cancel();
}

function render(): void {
  const { present, past, future } = state.history;
  const picture = pictures.current;
  const item = activeItem(present);
  const shape = chosenShape(state, item);
  const area =
    shape && picture ? Math.round((shape.area * picture.width * picture.height) / (shape.width * shape.height)) : 0;
  const finding = state.everything.status !== "off";
  setData(document.body, {
    state: phase(state),
    tool: tool(),
    everything: finding ? state.everything.status : null,
  });
  setData(stage.element, {
    score: shape && String(shape.score),
    token: shape && String(shape.token),
    area: shape && String(area),
    candidates: String(shapesOf(state, item).length),
    points: item.prompts.points.map(({ x, y, label }) => `${x.toFixed(2)},${y.toFixed(2)},${label}`).join(" "),
    box: item.prompts.box?.map((edge) => edge.toFixed(2)).join(","),
    strokes: String(item.prompts.strokes.length),
    objects: String(present.items.length),
    regions: finding ? String(state.everything.regions.length) : null,
    image: picture ? `${picture.width},${picture.height}` : null,
  });
  stage.show({
    picture,
    // They would only be in the way of what is found.
    prompts: finding ? noPrompts : item.prompts,
    colour: item.colour,
    regions,
    shapes: drawnShapes(state, stage.scene.shapes),
  });
  const brush = tool() === "brush" || tool() === "erase";
  showBrush(brush && picture !== null);
  byId("zoom", HTMLElement).hidden = !picture;
  if (!brush) stage.show({ brush: null });
  stage.onView();
  candidates.show(picture, shapesOf(state, item), chosenIndex(state, item));
  list.show(state);
  controls.show(state, {
    status: flashed || statusText(state, picture !== null, area, models.isBuiltIn),
    exporting,
    canUndo: past.length > 0 || pictures.canGoBack,
    canRedo: future.length > 0 || pictures.canGoForward,
  });
}

/** What a click does: in everything mode it keeps a region, whatever tool is chosen. */
function tool(): Tool {
  return state.everything.status === "off" ? state.tool : "add";
}

function onPoint(point: Required<Point>, at: number): void {
  if (state.everything.status === "off") return setPoint(point, at);
  // So far it is one of many candidates, coarse and perhaps dropped in the end.
  if (state.everything.status === "running") return flash(text.statusStillFinding);
  const region = regions?.shapes[regionAt(point)];
  if (!region) return flash(text.statusNoRegion(matchMedia("(pointer: coarse)").matches));
  const kept = state.history.present.items.find((item) => item.region === region);
  if (kept) select(kept.id);
  else dispatch({ type: "adopt", region });
}

/** A click on a point takes it back. */
function setPoint(point: Required<Point>, at: number): void {
  if (clicks.repeats(point, markRadius / stage.view.scale, at)) return;
  const index = markerAt(point);
  dispatch(index < 0 ? { type: "point", point } : { type: "unpoint", index });
}

/** The index of the point whose mark is there; -1: there is none. */
function markerAt(point: Required<Point>): number {
  return pointNear(activeItem(state.history.present).prompts, point, markRadius / stage.view.scale);
}

/** Only points keep regions: a box would lose what was found. */
function onPrompt(action: Action): void {
  if (state.everything.status === "off") dispatch(action);
  else flash(state.everything.status === "running" ? text.statusStillFinding : text.statusDone);
}

function onHover(point: Required<Point> | null): void {
  const finding = state.everything.status !== "off";
  stage.show({ highlight: finding && point ? regionAt(point) : -1 });
  const ready = !finding && models.settings().preview && state.image === "encoded";
  // A click on a point takes it back: what it would add is not to be shown.
  const wanted = point && ready && markerAt(point) < 0;
  engine.preview(activeItem(state.history.present), wanted ? point : null);
}

function regionAt({ x, y }: Required<Point>): number {
  const picture = pictures.current;
  return picture && regions ? regions.at(x / picture.width, y / picture.height) : -1;
}

function select(id: number): void {
  dispatch({ type: "select", id });
  controls.say(text.saidSelected(nameOf(activeItem(state.history.present))));
}

function toggleEverything(): void {
  if (state.everything.status !== "off") everything.leave();
  else if (state.image === "encoded") void everything.start();
}

function onReport(event: Report): void {
  switch (event.type) {
    case "model":
    case "image":
      // What was being found is lost with the model.
      if (event.status !== "encoded" && state.everything.status === "running") everything.leave();
      if (event.type === "model" && event.status !== "failed" && state.model === "failed") failures.forget();
      dispatch(event);
      break;
    case "another-model":
      // The model before is gone, and what it was looking for with it.
      if (state.everything.status !== "off") everything.leave();
      dispatch(event);
      break;
    case "asking":
    case "answer":
      dispatch(event);
      break;
    case "preview":
      setData(stage.element, { preview: event.shape && String(event.shape.area) });
      stage.show({ preview: event.shape });
      break;
    case "timing":
      timings = { ...timings, [event.what]: event.ms };
      setData(stage.element, { [`${event.what}Ms`]: event.ms.toFixed(1) });
      break;
    case "progress":
      controls.showProgress(event.progress);
      models.showProgress(event.progress);
      break;
    case "error":
      failures.report(event.error, state.model === "failed");
      break;
    case "restarted":
      showNotice(text.backAgain, text.backAgainText);
      break;
  }
  if (event.type === "model" || event.type === "timing") showInfo();
  if (event.type === "model" && event.status === "ready" && engine.info) void goOffline(engine.info.device);
}

function showAll(): void {
  render();
  exports.showFeather();
  showInfo();
}

function showInfo(): void {
  const { info } = engine;
  showFigures({ info, failed: state.model === "failed", image: pictures.current, timings });
  setData(document.body, { device: info?.device, model: info?.model, wasmMemory: info && String(info.wasmMemory) });
}

function report(error: unknown): void {
  failures.report(error);
}

/** A word in the status line, until something happens. */
function flash(words: string): void {
  flashed = words;
  render();
}

connectPage();
onClick("settings", () => models.showSettings());
showAll();
const asked = new URLSearchParams(location.search).get("device");
if (asked && !["webgpu", "cpu", "auto"].includes(asked)) {
  report(new PageError("unsupported", text.noDevice(asked)));
}
void models.load();
