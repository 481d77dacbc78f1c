/** The model's masks as people would draw them: without pinholes, and without specks somewhere else. */
import { area, boundingBox, removeSmallRegions, type BinaryMask } from "burn-sam";
import type { Shape } from "../state/objects.ts";

/** Regions with less of the mask's pixels than this. */
const least = 0.01;

export function tidyMask(mask: BinaryMask): BinaryMask {
  return removeSmallRegions(mask, Math.round(least * area(mask)));
}

export function tidyShape(shape: Shape): Shape {
  const mask = tidyMask(shape);
  return { ...shape, data: mask.data, area: area(mask), bbox: boundingBox(mask) };
}
