/**
 * The demo page: connects what the visitor does to the state, the state to the model, and all of it to the screen.
 *
 * Query parameters: `?device=webgpu|cpu|auto`, `?model=<preset or URL>`.
 *
 * What tests and style sheets may read:
 * - `body[data-state]`: loading | ready | encoding | encoded | segmenting | error. It is set before an event handler
 *   returns: after a click it is `segmenting` until the answer is drawn. `error`: the model does not run, or the current
 *   image cannot be encoded; a refused file leaves the state alone and shows `#alert[data-code]`.
 * - `body[data-device]`, `body[data-model]`, `body[data-wasm-memory]` (bytes): what was loaded.
 * - `#stage[data-score]`, `[data-area]` (pixels of the image), `[data-token]`, `[data-candidates]`: the chosen mask.
 * - `#stage[data-points]` ("x,y,label x,y,label …"), `[data-box]` ("x0,y0,x1,y1"): the prompts in image pixels.
 * - `#stage[data-image]`: "width,height" of the image.
 * - `#stage[data-encode-ms]`, `[data-segment-ms]`: the latest timings.
 * - `#frame` lies exactly over the image: a fraction of its box is the same fraction of the image.
 */
import { cutout } from "burn-sam";
import { Candidates } from "./candidates.ts";
import { Controls, showImageSize, showTime } from "./controls.ts";
import { byId } from "./dom.ts";
import { download } from "./download.ts";
import { Engine, type Report } from "./engine.ts";
import { statusText } from "./format.ts";
import { connectIntake } from "./intake.ts";
import { codeOf, dismiss, PageError, showError, showNotice, type Offer } from "./messages.ts";
import { readPicture, type Picture } from "./picture.ts";
import { StagePointing } from "./pointing.ts";
import { connectShortcuts } from "./shortcuts.ts";
import { Stage } from "./stage.ts";
import { chosenMask, initialState, isEmpty, phase, reduce, type Action } from "./state.ts";

const query = new URLSearchParams(location.search);
const device = query.get("device");
const model = query.get("model");

/** Codes after which the model runs better, or at all, on the CPU. */
const cpuHelps: readonly string[] = ["no-webgpu", "device-lost", "out-of-memory", "internal"];

let state = initialState;
let picture: Picture | null = null;
let exporting = false;
/** Counts opened files: a slow one must not replace a later one. */
let opened = 0;

const engine = new Engine(
  { ...(device === "webgpu" || device === "cpu" ? { device } : {}), ...(model ? { model } : {}) },
  (report) => onReport(report),
);
const stage = new Stage();
const pointing = new StagePointing(stage, {
  tool: () => state.tool,
  onPoint: (point) => dispatch({ type: "point", point }),
  onBox: (box) => dispatch({ type: "box", box }),
});
const candidates = new Candidates((index) => dispatch({ type: "choose", index }));
const history = {
  undo: () => dispatch({ type: "undo" }),
  redo: () => dispatch({ type: "redo" }),
  clear: () => dispatch({ type: "clear" }),
};
const controls = new Controls({
  ...history,
  tool: (tool) => dispatch({ type: "tool", tool }),
  cutout: () => void save(),
});

connectShortcuts({
  ...history,
  escape: () => {
    if (!dismiss() && !pointing.cancel()) history.clear();
  },
  choose: (index) => dispatch({ type: "choose", index }),
});
connectIntake({ onImage: (blob, name, focus) => void open(blob, name, focus), onError: report });

function dispatch(action: Action): void {
  const before = state;
  state = reduce(state, action);
  if (state === before) return;
  render();
  const edited = state.history.present !== before.history.present;
  const encoded = state.image === "encoded" && before.image !== "encoded";
  if (!edited && !encoded) return;
  if (!isEmpty(state.history.present)) void engine.ask(state.history.present);
  else if (edited) engine.cancel();
}

function render(): void {
  const { present } = state.history;
  const mask = chosenMask(state);
  const area =
    mask && picture ? Math.round((mask.area * picture.width * picture.height) / (mask.width * mask.height)) : 0;
  document.body.dataset.state = phase(state);
  document.body.dataset.tool = state.tool;
  setData(stage.element, {
    score: mask && String(mask.score),
    token: mask && String(mask.token),
    area: mask && String(area),
    candidates: String(state.masks.length),
    points: present.points.map(({ x, y, label }) => `${x.toFixed(2)},${y.toFixed(2)},${label}`).join(" "),
    box: present.box?.map((edge) => edge.toFixed(2)).join(","),
    image: picture ? `${picture.width},${picture.height}` : undefined,
  });
  stage.show({ picture, mask, prompts: present });
  candidates.show(picture, state.masks, state.chosen);
  controls.show(state, statusText(state, picture !== null, area), exporting);
}

function onReport(event: Report): void {
  switch (event.type) {
    case "model":
    case "image":
    case "asking":
      dispatch(event);
      break;
    case "answer":
      setData(stage.element, { segmentMs: event.ms.toFixed(1) });
      showTime("segment", event.ms);
      dispatch(event);
      break;
    case "encoded":
      setData(stage.element, { encodeMs: event.ms.toFixed(1) });
      showTime("encode", event.ms);
      break;
    case "progress":
      controls.showProgress(event.progress);
      break;
    case "error":
      report(event.error);
      break;
    case "restarted":
      showNotice("Back again", "The model stopped and was restarted. Your image and points are still here.");
      break;
  }
  if (event.type === "model" || event.type === "encoded") showInfo();
}

function showInfo(): void {
  const { info } = engine;
  controls.showInfo(info, state.model === "failed");
  setData(document.body, { device: info?.device, model: info?.model, wasmMemory: info && String(info.wasmMemory) });
}

async function open(blob: Blob, name: string, focus: boolean): Promise<void> {
  const turn = ++opened;
  let next: Picture;
  try {
    next = await readPicture(blob, name);
  } catch (error) {
    if (turn === opened) report(error);
    return;
  }
  if (turn !== opened) return next.bitmap.close();
  dismiss();
  pointing.cancel();
  const previous = picture;
  picture = next;
  if (!previous) leaveWelcome();
  if (focus) stage.focus();
  showImageSize(next.width, next.height);
  showTime("encode", null);
  showTime("segment", null);
  dispatch({ type: "open" });
  previous?.bitmap.close();
  void engine.open(next);
}

async function save(): Promise<void> {
  const mask = chosenMask(state);
  if (!mask || !picture || exporting) return;
  exporting = true;
  render();
  try {
    const full = await engine.fullMask(state.history.present, mask);
    download(await cutout(picture.blob, full), `${picture.name}-cutout.png`);
  } catch (error) {
    report(error);
  } finally {
    exporting = false;
    render();
  }
}

/** The samples move from the middle of the empty stage into the panel. */
function leaveWelcome(): void {
  document.body.toggleAttribute("data-picture", true);
  const panel = byId("more-samples", HTMLElement);
  panel.append(byId("samples", HTMLElement));
  panel.hidden = false;
  stage.element.tabIndex = 0;
  // What had the focus may be gone; the image is what comes next.
  stage.element.focus({ preventScroll: true });
}

function report(error: unknown): void {
  const offers: Offer[] = [];
  const address = new URL(location.href);
  if (state.model === "failed") offers.push({ label: "Try again", href: address.href });
  if (device !== "cpu" && engine.info?.device !== "cpu" && cpuHelps.includes(codeOf(error))) {
    address.searchParams.set("device", "cpu");
    offers.push({ label: "Use the CPU instead", href: address.href });
  }
  showError(error, state.model !== "failed", offers);
}

/** `undefined` and `null` remove the attribute. */
function setData(element: HTMLElement, values: Readonly<Record<string, string | null | undefined>>): void {
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === null) delete element.dataset[key];
    else element.dataset[key] = value;
  }
}

if (__SOURCE_URL__) {
  const link = byId("source", HTMLAnchorElement);
  link.href = __SOURCE_URL__;
  link.hidden = false;
}
if (device && !["webgpu", "cpu", "auto"].includes(device)) {
  report(new PageError("unsupported", `There is no device "${device}". Use webgpu, cpu or auto.`));
}
// In a low window the card would be cut: it stays closed there. On a narrow page everything scrolls.
byId("details", HTMLDetailsElement).open = matchMedia("(min-height: 880px), (max-width: 860px)").matches;
render();
void engine.load();
