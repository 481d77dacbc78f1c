/** The objects of one image: plain data and the edits on it, without history. */
import type { BinaryMask, Box, Mask, Point, Prompt, Rle } from "burn-sam";
import { within, type Size } from "../stage/view.ts";
import { rasterise, scaled, type Stroke } from "./strokes.ts";

/** The model reads a mask prompt with fewer pixels than this on a side: more would only be made, and sent, in vain. */
const promptLimit = 1024;

/** A mask to show, whether the model answered it or everything mode found it. */
export interface Shape extends Pick<Mask, "score" | "token" | "width" | "height" | "bbox" | "area"> {
  readonly data: BinaryMask["data"];
  /** With every pixel of the image, where the shape has fewer. */
  readonly runs?: Rle;
}

/** The prompts of one object, in image pixels. A change makes a new one: answers are matched by identity. */
export interface Prompts {
  readonly points: readonly Required<Point>[];
  readonly box: Box | null;
  /** The brush: paints and erases the mask prompt. */
  readonly strokes: readonly Stroke[];
}

export interface Item {
  readonly id: number;
  /** Empty: the page calls it by its number. */
  readonly name: string;
  /** Index into the palette. */
  readonly colour: number;
  readonly hidden: boolean;
  readonly prompts: Prompts;
  /** What everything mode found: shown until there are prompts, and refined by them. */
  readonly region: Shape | null;
  /** The chosen candidate's token; `null`: the best. */
  readonly token: number | null;
}

/** What undo and redo cover. There is always at least one item, and `active` is the id of one. */
export interface Objects {
  readonly items: readonly Item[];
  readonly active: number;
  readonly nextId: number;
}

export const paletteSize = 8;
export const noPrompts: Prompts = { points: [], box: null, strokes: [] };
export const noObjects: Objects = { items: [newItem(1)], active: 1, nextId: 2 };

function newItem(id: number, region: Shape | null = null): Item {
  return {
    id,
    name: "",
    colour: (id - 1) % paletteSize,
    hidden: false,
    prompts: noPrompts,
    region,
    token: null,
  };
}

export function isEmpty({ points, box, strokes }: Prompts): boolean {
  return points.length === 0 && box === null && strokes.length === 0;
}

/** Nothing asked and nothing found. */
export function isBlank(item: Item): boolean {
  return isEmpty(item.prompts) && item.region === null;
}

export function activeItem({ items, active }: Objects): Item {
  const item = items.find(({ id }) => id === active) ?? items[0];
  if (item) return item;
  throw new Error("There is always at least one object.");
}

/** The objects with one of them changed; the same objects when nothing is. */
export function change(objects: Objects, id: number, changes: Partial<Omit<Item, "id">>): Objects {
  const item = objects.items.find((each) => each.id === id);
  if (!item) return objects;
  const next = { ...item, ...changes };
  const same = (Object.keys(changes) as (keyof Item)[]).every((key) => next[key] === item[key]);
  return same ? objects : { ...objects, items: objects.items.map((each) => (each === item ? next : each)) };
}

/** The index of the point that is nearest to a position, and no further from it than `reach`; -1: none is. */
export function pointNear({ points }: Prompts, { x, y }: Pick<Point, "x" | "y">, reach: number): number {
  const distances = points.map((point) => Math.hypot(point.x - x, point.y - y));
  const least = Math.min(...distances);
  return least <= reach ? distances.indexOf(least) : -1;
}

/** New prompts for the active object; what was chosen among its old candidates no longer holds. */
export function prompt(objects: Objects, changes: Partial<Prompts>): Objects {
  const { id, prompts } = activeItem(objects);
  return change(objects, id, { prompts: { ...prompts, ...changes }, token: null, hidden: false });
}

export function clear(objects: Objects): Objects {
  const item = activeItem(objects);
  return isBlank(item) ? objects : change(objects, item.id, { prompts: noPrompts, region: null, token: null });
}

/** A blank object at the end; an active one that is blank already is as good. */
export function add(objects: Objects): Objects {
  return isBlank(activeItem(objects)) ? objects : append(objects, null);
}

/** A found region becomes the active object, in the place of one that is blank. */
export function adopt(objects: Objects, region: Shape): Objects {
  const item = activeItem(objects);
  return isBlank(item) ? change(objects, item.id, { region, hidden: false }) : append(objects, region);
}

/** Each found region that is no object yet becomes one; the first of them is the active one. */
export function adoptAll(objects: Objects, regions: readonly Shape[]): Objects {
  const kept = new Set(objects.items.map(({ region }) => region));
  const [first, ...rest] = regions.filter((region) => !kept.has(region));
  if (!first) return objects;
  const begun = adopt(objects, first);
  return { ...rest.reduce(adopt, begun), active: begun.active };
}

function append({ items, nextId }: Objects, region: Shape | null): Objects {
  return { items: [...items, newItem(nextId, region)], active: nextId, nextId: nextId + 1 };
}

/** Without it, and its neighbour active; a blank one takes the place of the last. */
export function remove(objects: Objects, id: number): Objects {
  const at = objects.items.findIndex((item) => item.id === id);
  if (at < 0) return objects;
  const items = objects.items.filter((item) => item.id !== id);
  if (items.length === 0) {
    const { nextId } = objects;
    return { items: [newItem(nextId)], active: nextId, nextId: nextId + 1 };
  }
  const neighbour = items[Math.min(at, items.length - 1)];
  return { ...objects, items, active: objects.active === id && neighbour ? neighbour.id : objects.active };
}

/** The id `steps` further down the list, around its ends. */
export function neighbour({ items, active }: Objects, steps: number): number {
  const at = items.findIndex(({ id }) => id === active);
  return items[(at + steps + items.length) % items.length]?.id ?? active;
}

const masks = new WeakMap<object, BinaryMask>();

/** The mask prompt: the found region and the strokes over it, in the image's proportions; made once for each. */
function maskOf({ prompts: { strokes }, region }: Pick<Item, "prompts" | "region">, image: Size): BinaryMask | null {
  const key = strokes.length > 0 ? strokes : region;
  if (!key) return null;
  const size = within(image, promptLimit);
  let mask = masks.get(key);
  if (mask?.width !== size.width || mask.height !== size.height) {
    const scale = Math.max(size.width, size.height) / Math.max(image.width, image.height);
    mask = rasterise(
      strokes.map((stroke) => scaled(stroke, scale)),
      size.width,
      size.height,
      region,
    );
    masks.set(key, mask);
  }
  return mask;
}

/** What the model is asked. `extra`: a point that is not set yet, for the preview of a click. */
export function toPrompt(item: Pick<Item, "prompts" | "region">, image: Size, extra?: Required<Point>): Prompt {
  const { points, box } = item.prompts;
  const mask = maskOf(item, image);
  return {
    points: extra ? [...points, extra] : points,
    ...(box ? { box } : {}),
    ...(mask ? { mask } : {}),
  };
}
