import { bad, requireBinaryMask, show } from "../check.js";
import type { BinaryMask } from "../types.js";
import { simplify } from "./simplify.js";
import { trace, type Outline, type Region } from "./trace.js";

/** A closed ring of corners, the first not repeated at the end. */
export type Ring = readonly (readonly [x: number, y: number])[];

/** An outline, then the holes in it. */
export type Polygon = readonly [outer: Ring, ...holes: Ring[]];

export interface OutlineOptions {
  /**
   * How far a corner that is left out may be from the line that replaces it, in pixels of the mask. Holes thinner than
   * that vanish, and outlines may cross where they come closer. Default 0: exactly the borders of the pixels.
   */
  readonly tolerance?: number | undefined;
}

/**
 * The mask's outlines in pixels of the mask, whose corners are whole numbers: (0, 0) is the upper left corner of the top
 * left pixel, and (width, height) the lower right one of the last. Outer rings run clockwise on the screen, holes the
 * other way round. Pixels that touch by a corner only belong to two polygons.
 */
export function toPolygons(mask: BinaryMask, options?: OutlineOptions): Polygon[] {
  return toRegions(mask, options).map(({ outer, holes }) => [toRing(outer), ...holes.map(toRing)]);
}

/**
 * The mask's outlines as the `d` of one SVG `<path>`, in the frame of `toPolygons`: `viewBox="0 0 width height"`. Either
 * `fill-rule` will do.
 */
export function toSvgPath(mask: BinaryMask, options?: OutlineOptions): string {
  return toRegions(mask, options)
    .flatMap(({ outer, holes }) => [outer, ...holes])
    .map(toSubpath)
    .join("");
}

export function toRegions(mask: BinaryMask, options: OutlineOptions | undefined): Region[] {
  requireBinaryMask(mask);
  const tolerance = options?.tolerance ?? 0;
  if (!Number.isFinite(tolerance) || tolerance < 0) {
    throw bad("options.tolerance", `is ${show(tolerance)}, not a number of pixels`);
  }
  const regions = trace(mask);
  if (tolerance === 0) return regions;
  return regions.map(({ outer, holes }) => ({
    outer: simplify(outer, tolerance, false),
    holes: holes.map((hole) => simplify(hole, tolerance, true)).filter(({ length }) => length > 0),
  }));
}

function toRing(outline: Outline): Ring {
  const ring: [number, number][] = [];
  for (let i = 0; i < outline.length; i += 2) ring.push([outline[i] ?? 0, outline[i + 1] ?? 0]);
  return ring;
}

function toSubpath(outline: Outline): string {
  let [x, y] = [outline[0] ?? 0, outline[1] ?? 0];
  let path = `M${x} ${y}`;
  for (let i = 2; i < outline.length; i += 2) {
    const [toX, toY] = [outline[i] ?? 0, outline[i + 1] ?? 0];
    if (toY === y) path += `h${toX - x}`;
    else if (toX === x) path += `v${toY - y}`;
    else path += `l${toX - x} ${toY - y}`;
    [x, y] = [toX, toY];
  }
  return `${path}z`;
}
