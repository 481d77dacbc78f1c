/** Brush strokes → a binary mask. Strokes are kept instead of pixels: they are small, and undo keeps many. */
import type { BinaryMask } from "burn-sam";

export interface Stroke {
  readonly erase: boolean;
  /** Image pixels. */
  readonly radius: number;
  /** x0, y0, x1, y1, … in image pixels; a single position is a dab. */
  readonly path: readonly number[];
}

/** A mask of any size, stretched over the image. */
interface Base {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

/** The same stroke on an image of another size; however thin, a row of pixels. */
export function scaled(stroke: Stroke, scale: number): Stroke {
  const { erase, path, radius } = stroke;
  return scale === 1 ? stroke : { erase, radius: Math.max(0.75, radius * scale), path: path.map((at) => at * scale) };
}

/** The strokes one after another, over `base` if there is one: 0 and 1 in pixels of `width` × `height`. */
export function rasterise(
  strokes: readonly Stroke[],
  width: number,
  height: number,
  base: Base | null = null,
): BinaryMask {
  const data = base ? stretch(base, width, height) : new Uint8Array(width * height);
  for (const { path, radius, erase } of strokes) {
    const value = erase ? 0 : 1;
    for (let i = 0; i + 1 < path.length; i += 2) {
      const [x, y] = [path[i] ?? 0, path[i + 1] ?? 0];
      const [fromX, fromY] = i >= 2 ? [path[i - 2] ?? 0, path[i - 1] ?? 0] : [x, y];
      fillCapsule(data, width, height, { fromX, fromY, toX: x, toY: y, radius }, value);
    }
  }
  return { data, width, height };
}

interface Capsule {
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
  readonly radius: number;
}

/** Every pixel whose centre is at most `radius` from the line: row by row, because each row of it is one run. */
function fillCapsule(data: Uint8Array, width: number, height: number, capsule: Capsule, value: number): void {
  const { fromY, toY, radius } = capsule;
  const top = Math.max(0, Math.ceil(Math.min(fromY, toY) - radius - 0.5));
  const bottom = Math.min(height - 1, Math.floor(Math.max(fromY, toY) + radius - 0.5));
  for (let row = top; row <= bottom; row++) {
    const [left, right] = runOf(capsule, row + 0.5);
    const start = Math.max(0, Math.ceil(left - 0.5));
    const end = Math.min(width, Math.floor(right - 0.5) + 1);
    if (end > start) data.fill(value, row * width + start, row * width + end);
  }
}

/** `[left, right]` of a capsule at the height y; empty where left > right. */
function runOf({ fromX, fromY, toX, toY, radius }: Capsule, y: number): [left: number, right: number] {
  let [left, right] = [Infinity, -Infinity];
  const take = (x: number): void => {
    left = Math.min(left, x);
    right = Math.max(right, x);
  };
  for (const [x, centre] of [
    [fromX, fromY],
    [toX, toY],
  ] as const) {
    const half = radius ** 2 - (y - centre) ** 2;
    if (half < 0) continue;
    take(x - Math.sqrt(half));
    take(x + Math.sqrt(half));
  }
  // The two straight sides, parallel to the line between the ends.
  const [dx, dy] = [toX - fromX, toY - fromY];
  const length = Math.hypot(dx, dy);
  if (dy !== 0) {
    for (const side of [radius, -radius]) {
      const [x0, y0] = [fromX - (dy / length) * side, fromY + (dx / length) * side];
      const along = (y - y0) / dy;
      if (along >= 0 && along <= 1) take(x0 + along * dx);
    }
  }
  return [left, right];
}

function stretch(base: Base, width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * base.height) / height) * base.width;
    for (let x = 0; x < width; x++, i++) {
      if (base.data[row + Math.floor(((x + 0.5) * base.width) / width)]) data[i] = 1;
    }
  }
  return data;
}
