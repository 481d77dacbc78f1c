// Prompts and options as the caller wrote them → as the wasm module takes them. Checked here, so that a mistake is
// reported by the name the caller used, and before the Worker is asked.
import { bad, isArrayLike, isPixels, requireSide, requireSize, show } from "../check.js";
import { isFloats } from "../element.js";
import type { WirePrompt } from "../host/wasm.js";
import type { SegmentParams } from "../protocol.js";
import type { BinaryMask, Logits, Point, Prompt, SegmentOptions, Size } from "../types.js";
import { requireNames } from "./given.js";

/** An image has no longer sides: a browser's canvas ends there. The same as in the module. */
const MAX_SIDE = 32767;

/** Points of a prompt, with what counts as such. The same as in the module, which counts extra tokens as well. */
const MAX_TOKENS = 2048;

const promptNames: Readonly<Record<keyof Prompt, true>> = { points: true, box: true, mask: true, tokens: true };
export const segmentNames: Readonly<Record<keyof SegmentOptions, true>> = {
  multimask: true,
  size: true,
  output: true,
  threshold: true,
  signal: true,
  latest: true,
};

/** `prefix` goes before the names of the fields in errors: `prompts[2].`. */
export function toWirePrompt(prompt: Prompt, prefix: string): WirePrompt {
  if (typeof prompt !== "object" || prompt === null) {
    throw bad(
      prefix === "" ? "prompt" : prefix.slice(0, -1),
      `is ${show(prompt)}, not an object such as { points: [] }`,
    );
  }
  requireNames(prompt, promptNames, (name) => `${prefix}${name} is not a part of a prompt`, "bad-prompt");
  const { points, box, mask, tokens } = prompt;
  const wire: WirePrompt = {};
  if (isGiven(points)) {
    requireArray(points, `${prefix}points`);
    // A box is two, and where there is none the model adds one.
    const most = MAX_TOKENS - (isGiven(box) ? 2 : 1);
    if (points.length > most) throw bad(`${prefix}points`, `has ${points.length} points; ${most} are the most`);
    if (points.length > 0) wire.points = points.map((point, i) => toWirePoint(point, `${prefix}points[${i}]`));
  }
  if (isGiven(box)) wire.box = toWireBox(box, `${prefix}box`);
  if (isGiven(mask)) wire.mask = toWireMask(mask, `${prefix}mask`);
  if (isGiven(tokens)) {
    const wireTokens = toWireTokens(tokens, `${prefix}tokens`);
    if (wireTokens.data.length > 0) wire.tokens = wireTokens;
  }
  return wire;
}

export function toWireOptions(options: SegmentOptions): SegmentParams["options"] {
  const { size } = options;
  const multimask = options.multimask ?? true;
  const output = options.output ?? "mask";
  const threshold = options.threshold ?? 0;
  if (typeof multimask !== "boolean") throw bad("options.multimask", `is ${show(multimask)}, not true or false`);
  if (output !== "mask" && output !== "logits" && output !== "bitmap") {
    throw bad("options.output", `is ${show(output)}: pass "mask", "logits" or "bitmap"`);
  }
  requireFinite(threshold, "options.threshold");
  const wire = { multimask, output, threshold };
  return isGiven(size) ? { ...wire, size: toWireSize(size) } : wire;
}

function toWirePoint(point: Point, field: string): { x: number; y: number; label: number } {
  if (typeof point !== "object" || point === null) throw bad(field, `is ${show(point)}, not { x, y, label }`);
  const { x, y, label = 1 } = point;
  requireFinite(x, `${field}.x`);
  requireFinite(y, `${field}.y`);
  if (label !== 0 && label !== 1) throw bad(`${field}.label`, `is ${show(label)}: 1 is foreground, 0 background`);
  return { x, y, label };
}

function toWireBox(box: ArrayLike<number>, field: string): [number, number, number, number] {
  if (!isArrayLike(box)) throw bad(field, `is ${show(box)}, not [x0, y0, x1, y1]`);
  const [x0, y0, x1, y1, ...more] = Array.from(box);
  if (x0 === undefined || y0 === undefined || x1 === undefined || y1 === undefined || more.length > 0) {
    throw bad(field, `has ${box.length} numbers, not the four of [x0, y0, x1, y1]`);
  }
  [x0, y0, x1, y1].forEach((value, i) => requireFinite(value, `${field}[${i}]`));
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}

function toWireMask(mask: Logits | BinaryMask, field: string): NonNullable<WirePrompt["mask"]> {
  if (typeof mask !== "object") throw bad(field, `is ${show(mask)}, not { data, width, height }`);
  const { width, height, data } = mask;
  if (!(isFloats(data) || isPixels(data))) {
    throw bad(`${field}.data`, "is neither a Float32Array (an answer's logits) nor a Uint8Array (a binary mask)");
  }
  requireSize(mask, field);
  if (isFloats(data)) {
    requireAllFinite(data, `${field}.data`);
    return { data: compact(data), width, height };
  }
  return { data: compact(new Uint8Array(data.buffer, data.byteOffset, data.length)), width, height };
}

function toWireTokens(tokens: NonNullable<Prompt["tokens"]>, field: string): NonNullable<WirePrompt["tokens"]> {
  if (isFloats(tokens)) {
    requireAllFinite(tokens, field);
    // The page does not know the model's dimension; the module divides by it.
    return { data: compact(tokens), rows: 0 };
  }
  requireArray(tokens, field);
  const columns = tokens[0]?.length ?? 0;
  const data = new Float32Array(tokens.length * columns);
  tokens.forEach((row, i) => {
    if (!isArrayLike(row)) throw bad(`${field}[${i}]`, `is ${show(row)}, not an array of numbers`);
    if (row.length !== columns || columns === 0) {
      throw bad(`${field}[${i}]`, `has ${row.length} numbers${columns === 0 ? "" : `, the first row ${columns}`}`);
    }
    row.forEach((value, j) => requireFinite(value, `${field}[${i}][${j}]`));
    data.set(row, i * columns);
  });
  return { data, rows: tokens.length };
}

function toWireSize(size: Size): [number, number] {
  if (typeof size !== "object") throw bad("options.size", `is ${show(size)}, not [width, height]`);
  const isPair = Array.isArray(size) || !("width" in size);
  const [width, height] = isPair ? (size as readonly [number, number]) : [size.width, size.height];
  requireSide(width, isPair ? "options.size[0]" : "options.size.width", MAX_SIDE);
  requireSide(height, isPair ? "options.size[1]" : "options.size.height", MAX_SIDE);
  return [width, height];
}

function requireFinite(value: number, field: string): void {
  if (!Number.isFinite(value)) throw bad(field, `is ${show(value)}, not a finite number`);
}

function requireAllFinite(values: Float32Array, field: string): void {
  const i = values.findIndex((value) => !Number.isFinite(value));
  if (i >= 0) throw bad(`${field}[${i}]`, `is ${show(values[i])}, not a finite number`);
}

function requireArray(value: unknown, field: string): void {
  if (!Array.isArray(value)) throw bad(field, `is ${show(value)}, not an array`);
}

/** `null` counts as absent: that is what a caller without types passes. */
function isGiven<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

/** Structured clone copies the whole buffer under a view. */
function compact<T extends Float32Array | Uint8Array>(view: T): T {
  return view.byteLength === view.buffer.byteLength ? view : (view.slice() as T);
}
