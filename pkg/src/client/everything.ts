// Parameters of everything mode as the caller wrote them → as the wasm module takes them. What they must be to each other
// and to the image is checked there; here, that they are numbers and lists at all.
import { bad, requireSide, show } from "../check.js";
import type { WireEverything } from "../host/wasm.js";
import type { EverythingOptions, OutputMode } from "../types.js";

export const everythingNames: Readonly<Record<keyof EverythingOptions, true>> = {
  pointsPerSide: true,
  pointsPerBatch: true,
  predIouThresh: true,
  stabilityScoreThresh: true,
  stabilityScoreOffset: true,
  boxNmsThresh: true,
  cropNLayers: true,
  cropNmsThresh: true,
  cropOverlapRatio: true,
  cropNPointsDownscaleFactor: true,
  pointGrids: true,
  minMaskRegionArea: true,
  outputMode: true,
  signal: true,
  onProgress: true,
};
const numbers = [
  "predIouThresh",
  "stabilityScoreThresh",
  "stabilityScoreOffset",
  "boxNmsThresh",
  "cropNmsThresh",
  "cropOverlapRatio",
] as const;
const counts = ["pointsPerSide", "pointsPerBatch", "cropNPointsDownscaleFactor"] as const;
const countsFromZero = ["cropNLayers", "minMaskRegionArea"] as const;
const modes: Record<OutputMode, true> = { binary_mask: true, uncompressed_rle: true, coco_rle: true };
/** What the module's integers hold. */
const MAX_COUNT = 2 ** 31 - 1;

/** `null` counts as absent: that is what a caller without types passes, and what the reference has for `points_per_side`. */
export function toWireEverything(options: EverythingOptions): WireEverything {
  const wire: WireEverything = {};
  for (const name of numbers) {
    const value = options[name] ?? undefined;
    if (value === undefined) continue;
    if (!Number.isFinite(value)) throw bad(`options.${name}`, `is ${show(value)}, not a finite number`);
    wire[name] = value;
  }
  for (const name of counts) {
    const value = options[name] ?? undefined;
    if (value === undefined) continue;
    requireSide(value, `options.${name}`, MAX_COUNT);
    wire[name] = value;
  }
  for (const name of countsFromZero) {
    const value = options[name] ?? undefined;
    if (value === undefined) continue;
    requireSide(value, `options.${name}`, MAX_COUNT, 0);
    wire[name] = value;
  }
  const { pointGrids, outputMode } = options;
  if (pointGrids !== undefined && pointGrids !== null) {
    if (wire.pointsPerSide !== undefined) {
      throw bad("options.pointGrids", "is given, and options.pointsPerSide too: give one of them");
    }
    wire.pointGrids = toWireGrids(pointGrids);
  }
  if (outputMode !== undefined && outputMode !== null) {
    if (typeof outputMode !== "string" || !Object.hasOwn(modes, outputMode)) {
      throw bad("options.outputMode", `is ${show(outputMode)}: pass "binary_mask", "uncompressed_rle" or "coco_rle"`);
    }
    wire.outputMode = outputMode;
  }
  return wire;
}

function toWireGrids(grids: NonNullable<EverythingOptions["pointGrids"]>): Float64Array[] {
  if (!Array.isArray(grids)) throw bad("options.pointGrids", `is ${show(grids)}, not an array of grids`);
  if (grids.length === 0) throw bad("options.pointGrids", "has no grids: the image needs one");
  return grids.map((grid: (typeof grids)[number], layer) => {
    const field = `options.pointGrids[${layer}]`;
    if (!Array.isArray(grid)) throw bad(field, `is ${show(grid)}, not an array of points`);
    const values = new Float64Array(2 * grid.length);
    grid.forEach((point: (typeof grid)[number], i) => {
      const [x, y] = isPair(point) ? point : [NaN, NaN];
      if (!Number.isFinite(x) || !Number.isFinite(y)) throw bad(`${field}[${i}]`, "is not [x, y], two finite numbers");
      if (Math.min(x, y) < 0 || Math.max(x, y) > 1) {
        throw bad(`${field}[${i}]`, `is [${x}, ${y}]: x and y are fractions of the image, from 0 to 1`);
      }
      values.set([x, y], 2 * i);
    });
    return values;
  });
}

function isPair(point: unknown): point is readonly [number, number] {
  return (Array.isArray(point) || ArrayBuffer.isView(point)) && "length" in point && point.length === 2;
}
