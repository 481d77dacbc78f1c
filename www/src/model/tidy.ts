/** The model's masks as people would draw them: without pinholes, and without specks somewhere else. */
import { area, boundingBox, removeSmallRegions, type BinaryMask } from "burn-sam";
import type { Shape } from "../state/objects.ts";

/** Regions with less of the mask's pixels than this. */
const least = 0.01;

export function tidyMask(mask: BinaryMask, pixels = area(mask)): BinaryMask {
  return removeSmallRegions(mask, Math.round(least * pixels));
}

/** Each in a task of its own: one takes some milliseconds, the first of all some more. */
export async function tidyShapes(shapes: readonly Shape[]): Promise<Shape[]> {
  const tidied: Shape[] = [];
  for (const shape of shapes) {
    if (tidied.length > 0) await new Promise((resolve) => setTimeout(resolve));
    const mask = tidyMask(shape, shape.area);
    tidied.push({ ...shape, data: mask.data, area: area(mask), bbox: boundingBox(mask) });
  }
  return tidied;
}
