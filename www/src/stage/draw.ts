/** What the overlay is made of. Everything is drawn in CSS pixels of the stage. */
import type { Box } from "burn-sam";
import { context2d } from "../page/dom.ts";
import type { Shape } from "../state/objects.ts";
import type { Stroke } from "../state/strokes.ts";
import { traceContours, type Bitmap } from "./outline.ts";
import { colourOf, marks } from "./palette.ts";
import { toStage, type Position, type Size, type View } from "./view.ts";

export type Context = CanvasRenderingContext2D;

/** Pixels on a side of what is drawn anew with every move of the pointer. */
const hoverLimit = 768;

const contourPaths = new WeakMap<Bitmap, Path2D>();

/** The outline in mask pixels, traced once for each mask. */
export function contoursOf(mask: Bitmap): Path2D {
  let path = contourPaths.get(mask);
  if (!path) {
    path = new Path2D();
    for (const contour of traceContours(mask)) {
      path.moveTo(contour[0] ?? 0, contour[1] ?? 0);
      for (let i = 2; i < contour.length; i += 2) path.lineTo(contour[i] ?? 0, contour[i + 1] ?? 0);
      path.closePath();
    }
    contourPaths.set(mask, path);
  }
  return path;
}

/** Runs `draw` in the pixels of something stretched over the image; it gets the length of a CSS pixel in these. */
export function stretched(context: Context, view: View, image: Size, own: Size, draw: (pixel: number) => void): void {
  context.save();
  context.translate(view.left, view.top);
  context.scale((view.scale * image.width) / own.width, (view.scale * image.height) / own.height);
  draw(own.width / (view.scale * image.width));
  context.restore();
}

let checks: CanvasPattern | null = null;

/** The squares that stand for nothing. */
export function drawChecks(context: Context, left: number, top: number, width: number, height: number): void {
  checks ??= checksFor(context);
  if (!checks) return;
  context.save();
  context.translate(left, top);
  context.fillStyle = checks;
  context.fillRect(0, 0, width, height);
  context.restore();
}

function checksFor(context: Context): CanvasPattern | null {
  const square = 8;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 2 * square;
  const own = context2d(tile);
  own.fillStyle = marks.check;
  own.fillRect(0, 0, tile.width, tile.height);
  own.fillStyle = marks.otherCheck;
  own.fillRect(0, 0, square, square);
  own.fillRect(square, square, square, square);
  return context.createPattern(tile, "repeat");
}

/** Darkens the image except where the shapes are. */
export function drawDim(context: Context, view: View, image: Size, shapes: readonly Shape[]): void {
  context.save();
  context.fillStyle = marks.dim;
  context.fillRect(view.left, view.top, image.width * view.scale, image.height * view.scale);
  context.globalCompositeOperation = "destination-out";
  context.fillStyle = "#000";
  for (const shape of shapes) {
    stretched(context, view, image, shape, () => context.fill(contoursOf(shape), "evenodd"));
  }
  context.restore();
}

/** `strong`: the object being worked on. */
export function drawShape(
  context: Context,
  view: View,
  image: Size,
  shape: Shape,
  colour: number,
  strong: boolean,
): void {
  const contours = contoursOf(shape);
  stretched(context, view, image, shape, (pixel) => {
    context.lineJoin = "round";
    context.fillStyle = colourOf(colour, strong ? 0.3 : 0.28);
    context.fill(contours, "evenodd");
    if (strong) return strokeTwice(context, contours, 2 * pixel, 1.5 * pixel);
    context.lineWidth = 1.75 * pixel;
    context.strokeStyle = colourOf(colour);
    context.stroke(contours);
  });
}

/**
 * A shape on a canvas of its own that lies over the image: the preview of a click, or what is under the pointer in
 * everything mode. Small, because it changes with every move: the screen enlarges it. `width`: of the image on the screen.
 */
export function drawHovered(canvas: HTMLCanvasElement, shape: Bitmap | null, fill: string, width: number): void {
  if (!shape) {
    if (canvas.width > 1) canvas.width = 1;
    return;
  }
  const enlarged = Math.max(1, hoverLimit / Math.max(shape.width, shape.height));
  const size = [Math.round(shape.width * enlarged), Math.round(shape.height * enlarged)] as const;
  const context = context2d(canvas);
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  else {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, ...size);
  }
  context.setTransform(size[0] / shape.width, 0, 0, size[1] / shape.height, 0, 0);
  const contours = contoursOf(shape);
  const pixel = shape.width / width;
  context.lineJoin = "round";
  context.fillStyle = fill;
  context.fill(contours, "evenodd");
  strokeTwice(context, contours, 1.5 * pixel, pixel);
}

/** A light line in a dark one can be seen on anything. */
function strokeTwice(context: Context, path: Path2D, width: number, halo: number): void {
  context.lineWidth = width + 2 * halo;
  context.strokeStyle = marks.halo;
  context.stroke(path);
  context.lineWidth = width;
  context.strokeStyle = marks.line;
  context.stroke(path);
}

export function drawBox(context: Context, view: View, [x0, y0, x1, y1]: Box): void {
  const from = toStage(view, { x: x0, y: y0 });
  const to = toStage(view, { x: x1, y: y1 });
  const path = new Path2D();
  path.rect(from.x, from.y, to.x - from.x, to.y - from.y);
  context.save();
  context.lineWidth = 3.5;
  context.strokeStyle = marks.halo;
  context.stroke(path);
  context.setLineDash([7, 5]);
  context.lineWidth = 2;
  context.strokeStyle = marks.line;
  context.stroke(path);
  context.restore();
}

/**
 * The strokes as they were painted, on a layer of their own: erasing takes away paint, not what is under it. `layer` has
 * the size of the context's canvas.
 */
export function drawStrokes(
  context: Context,
  layer: Context,
  view: View,
  strokes: readonly Stroke[],
  colour: number,
): void {
  layer.lineCap = "round";
  layer.lineJoin = "round";
  layer.strokeStyle = colourOf(colour);
  for (const { erase, radius, path } of strokes) {
    layer.globalCompositeOperation = erase ? "destination-out" : "source-over";
    layer.lineWidth = 2 * radius * view.scale;
    layer.beginPath();
    for (let i = 0; i + 1 < path.length; i += 2) {
      const at = toStage(view, { x: path[i] ?? 0, y: path[i + 1] ?? 0 });
      // A line to where it begins: a single position is a dab.
      if (i === 0) layer.moveTo(at.x, at.y);
      layer.lineTo(at.x, at.y);
    }
    layer.stroke();
  }
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 0.45;
  context.drawImage(layer.canvas, 0, 0);
  context.restore();
}

/** CSS pixels. */
export const markRadius = 10;

export function drawPoint(context: Context, { x, y }: Position, label: 0 | 1): void {
  context.save();
  context.translate(x, y);
  context.shadowColor = "rgb(0 0 0 / 55%)";
  context.shadowBlur = 6 * devicePixelRatio;
  context.fillStyle = marks.line;
  context.beginPath();
  context.arc(0, 0, markRadius, 0, 2 * Math.PI);
  context.fill();
  context.shadowColor = "transparent";
  context.fillStyle = label === 1 ? marks.add : marks.remove;
  context.beginPath();
  context.arc(0, 0, markRadius - 2, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = marks.line;
  context.fillRect(-4.5, -1, 9, 2);
  if (label === 1) context.fillRect(-1, -4.5, 2, 9);
  context.restore();
}

export function drawCrosshair(context: Context, { x, y }: Position): void {
  const path = new Path2D();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    path.moveTo(x + 5 * dx, y + 5 * dy);
    path.lineTo(x + 18 * dx, y + 18 * dy);
  }
  context.save();
  context.lineCap = "round";
  strokeTwice(context, path, 2, 1.5);
  context.restore();
}
