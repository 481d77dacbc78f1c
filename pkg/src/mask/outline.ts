import { SamError } from "../errors.js";
import type { BinaryMask } from "../types.js";

/** A closed ring of corners in pixels of the mask. */
export type Polygon = readonly (readonly [x: number, y: number])[];

/** The mask's outlines. */
export function toPolygons(_mask: BinaryMask): Polygon[] {
  throw new SamError("not-implemented", "toPolygons() is not implemented yet: use toRle() or toImageData().");
}

/** The mask's outlines as the `d` of an SVG path. */
export function toSvgPath(_mask: BinaryMask): string {
  throw new SamError("not-implemented", "toSvgPath() is not implemented yet: use toImageData().");
}
