/** What can be taken away: cut-outs, masks, outlines, data sets, the encoded image. */
import { toCocoJson, toSvgPath, type BinaryMask } from "burn-sam";
import type { Engine } from "../model/engine.ts";
import { byId, onClick, setText } from "../page/dom.ts";
import { PageError } from "../page/errors.ts";
import { rgbOf } from "../stage/palette.ts";
import { activeItem, type Item, type Shape } from "../state/objects.ts";
import type { Settings } from "../state/settings.ts";
import { chosenShape, type State } from "../state/state.ts";
import { nameOf } from "../text/format.ts";
import { text } from "../text/texts.ts";
import { askWorker } from "./ask.ts";
import { download } from "./download.ts";
import { draw, type Drawing } from "./drawing.ts";
import type { Picture } from "./picture.ts";

export interface ExportContext {
  readonly engine: Engine;
  state(): State;
  picture(): Picture | null;
  settings(): Settings;
  change(changes: Partial<Settings>): void;
  busy(busy: boolean): void;
  say(words: string): void;
  /** There is nothing to export. */
  onNothing(words: string): void;
  fail(error: unknown): void;
}

export interface Exports {
  copy(): void;
  /** In the language of now. */
  showFeather(): void;
}

interface Named {
  readonly item: Item;
  readonly mask: BinaryMask;
}

export function connectExports(context: ExportContext): Exports {
  let busy = false;
  /** One at a time; what fails is reported. */
  const run = (work: (picture: Picture) => Promise<string>) => (): void => {
    const picture = context.picture();
    if (!picture || busy) return;
    busy = true;
    context.busy(true);
    work(picture)
      .then(context.say, context.fail)
      .finally(() => {
        busy = false;
        context.busy(false);
      });
  };
  const save = (blob: Blob, picture: Picture, ending: string): string => {
    const name = `${picture.name}${ending}`;
    download(blob, name);
    return text.saved(name);
  };
  const startCopy = run(async (picture) => {
    await copyImage(() => cutoutOf(context, picture));
    return text.copied;
  });
  // The key works where the button is out of reach.
  const copy = (): void => (canExport(context.state()).one ? startCopy() : context.onNothing(text.nothingToExport));
  onClick("copy", copy);
  onClick(
    "cutout",
    run(async (picture) => save(await cutoutOf(context, picture), picture, "-cutout.png")),
  );
  onClick(
    "save-mask",
    run(async (picture) => save(await maskOf(context), picture, "-mask.png")),
  );
  onClick(
    "save-svg",
    run(async (picture) => save(toSvg(picture, await allMasks(context)), picture, ".svg")),
  );
  onClick(
    "save-coco",
    run(async (picture) => save(toCoco(picture, await allMasks(context)), picture, "-coco.json")),
  );
  onClick(
    "save-embedding",
    run(async (picture) => {
      const file = await context.engine.save();
      if (!file) throw new PageError("disposed", text.statusEncoding);
      return save(new Blob([file]), picture, ".bsam");
    }),
  );
  return { copy, showFeather: connectFeather(context) };
}

/** Is there something to show of the active object, and of any that is not hidden? */
export function canExport(state: State): { readonly one: boolean; readonly all: boolean } {
  const { present } = state.history;
  const shows = (item: Item): boolean => (chosenShape(state, item)?.area ?? 0) > 0;
  return { one: shows(activeItem(present)), all: present.items.some((item) => !item.hidden && shows(item)) };
}

function connectFeather(context: ExportContext): () => void {
  const input = byId("feather", HTMLInputElement);
  const output = byId("feather-value", HTMLOutputElement);
  const beside = byId("cutout-feather", HTMLElement);
  const show = (): void => {
    setText(output, text.pixels(input.value));
    beside.hidden = input.valueAsNumber === 0;
    setText(beside, text.softEdge(input.value));
  };
  input.valueAsNumber = context.settings().feather;
  input.addEventListener("input", show);
  input.addEventListener("change", () => context.change({ feather: input.valueAsNumber }));
  return show;
}

/** What is copied and what is saved: all that the mask shows, without the empty canvas around it. */
async function cutoutOf(context: ExportContext, picture: Picture): Promise<Blob> {
  const { feather } = context.settings();
  const options = { crop: true, ...(feather > 0 ? { feather } : {}) };
  return drawAside({ mask: await activeMask(context), image: picture.blob, options });
}

async function maskOf(context: ExportContext): Promise<Blob> {
  return drawAside({ mask: await activeMask(context), image: null });
}

/** Where the Worker fails, the same is done here, and says what is wrong. */
async function drawAside(drawing: Drawing): Promise<Blob> {
  const start = (): Worker => new Worker(new URL("./drawing-worker.ts", import.meta.url), { type: "module" });
  const { data, width, height } = drawing.mask;
  const question: Drawing = { ...drawing, mask: { data, width, height } };
  return (await askWorker<Blob>(start, question)) ?? draw(drawing);
}

async function activeMask({ engine, state }: ExportContext): Promise<BinaryMask> {
  const item = activeItem(state().history.present);
  const shape = chosenShape(state(), item);
  if (!shape || shape.area === 0) throw new PageError("bad-prompt", text.nothingToExport);
  return engine.fullMask(item, shape);
}

/** Of every object that is not hidden and has something to show. */
async function allMasks({ engine, state }: ExportContext): Promise<Named[]> {
  const found: { readonly item: Item; readonly shape: Shape }[] = [];
  for (const item of state().history.present.items) {
    const shape = chosenShape(state(), item);
    if (shape && shape.area > 0 && !item.hidden) found.push({ item, shape });
  }
  if (found.length === 0) throw new PageError("bad-prompt", text.nothingToExport);
  const named: Named[] = [];
  for (const { item, shape } of found) named.push({ item, mask: await engine.fullMask(item, shape) });
  return named;
}

function toSvg({ width, height }: Picture, named: readonly Named[]): Blob {
  const paths = named.map(({ item, mask }) => {
    const fit =
      mask.width === width && mask.height === height
        ? ""
        : ` transform="scale(${width / mask.width} ${height / mask.height})"`;
    const colour = `rgb(${rgbOf(item.colour).join(" ")})`;
    const attributes = `fill="${colour}" fill-opacity="0.5" fill-rule="evenodd"${fit}`;
    return `  <path ${attributes} d="${toSvgPath(mask)}"><title>${escape(nameOf(item))}</title></path>`;
  });
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    ...paths,
    "</svg>",
    "",
  ];
  return new Blob([svg.join("\n")], { type: "image/svg+xml" });
}

/** Names come from the visitor. */
function escape(name: string): string {
  return name.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function toCoco(picture: Picture, named: readonly Named[]): Blob {
  const masks = named.map(({ item, mask }) => ({ mask, category: nameOf(item) }));
  // Run lengths would mark each as a crowd, which trainers leave out.
  const data = toCocoJson(picture, masks, { fileName: picture.file, segmentation: "polygons" });
  return new Blob([JSON.stringify(data, null, 1)], { type: "application/json" });
}

/** The clipboard is asked for at once: browsers allow it only right after a click. */
async function copyImage(make: () => Promise<Blob>): Promise<void> {
  const blob = make();
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
  } catch {
    // A mask that failed says why itself.
    await blob;
    throw new PageError("unsupported", text.copyRefused);
  }
}
