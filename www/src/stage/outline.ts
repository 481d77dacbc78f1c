/**
 * Mask pixels → closed contours. Contours stay sharp at any zoom and pixel density, which a scaled bitmap does not.
 */

export interface Bitmap {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  /** `[x, y, width, height]` of what is not 0; without it, the whole is searched. */
  readonly bbox?: readonly [x: number, y: number, width: number, height: number];
}

/** A closed contour in mask pixels: x0, y0, x1, y1, … */
export type Contour = Float32Array;

// Directions along pixel borders: right, down, left, up. The mask is always on the right-hand side.
const stepX = [1, 0, -1, 0] as const;
const stepY = [0, 1, 0, -1] as const;

/** Every outer border and every border of a hole. Fill them with the even-odd rule. Pixels touching by a corner are joined. */
export function traceContours(mask: Bitmap): Contour[] {
  const { data, width, height } = mask;
  const [left, top, columns, rows] = mask.bbox ?? [0, 0, width, height];
  const inside = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] !== 0;
  // Each contour runs along at least one upper pixel border, from left to right: these borders find them all, once.
  const seen = new Uint8Array(columns * rows);
  const contours: Contour[] = [];
  for (let y = top; y < top + rows; y++) {
    for (let x = left, i = y * width + left; x < left + columns; x++, i++) {
      // Of a page's first masks most pixels are looked at before this loop is compiled: it calls nothing.
      if (data[i] === 0 || (y > 0 && data[i - width] !== 0) || seen[(y - top) * columns + x - left] !== 0) continue;
      contours.push(smooth(follow(x, y, inside, (px, py) => (seen[(py - top) * columns + px - left] = 1))));
    }
  }
  return contours;
}

/** Follows one border and returns the middle of each pixel border on the way. */
function follow(
  startX: number,
  startY: number,
  inside: (x: number, y: number) => boolean,
  mark: (x: number, y: number) => void,
): number[] {
  const middles: number[] = [];
  let x = startX;
  let y = startY;
  let direction = 0;
  do {
    const dx = stepX[direction] ?? 0;
    const dy = stepY[direction] ?? 0;
    if (direction === 0) mark(x, y);
    middles.push(x + dx / 2, y + dy / 2);
    x += dx;
    y += dy;
    // The two pixels ahead, left and right of the line of travel; (x, y) is a corner shared by four pixels.
    const leftX = x + Math.min(0, dx + dy);
    const leftY = y + Math.min(0, dy - dx);
    const rightX = x + Math.min(0, dx - dy);
    const rightY = y + Math.min(0, dx + dy);
    if (inside(leftX, leftY)) direction = (direction + 3) % 4;
    else if (!inside(rightX, rightY)) direction = (direction + 1) % 4;
  } while (x !== startX || y !== startY || direction !== 0);
  return middles;
}

/** Two passes of a 1-2-1 average take the stairs out without moving the border by half a pixel. */
function smooth(middles: number[]): Contour {
  let from = Float32Array.from(middles);
  for (let pass = 0; pass < 2; pass++) {
    const to = new Float32Array(from.length);
    for (let i = 0; i < from.length; i++) {
      const before = from[(i + from.length - 2) % from.length] ?? 0;
      const after = from[(i + 2) % from.length] ?? 0;
      to[i] = (before + 2 * (from[i] ?? 0) + after) / 4;
    }
    from = to;
  }
  return from;
}
