import type { Outline } from "./trace.js";

/**
 * The outline with fewer corners (Ramer, Douglas and Peucker): each one left out is within `tolerance` pixels of the line
 * that replaces it. Of a hole nothing may be left; of an outer outline there always are three corners.
 */
export function simplify(outline: Outline, tolerance: number, isHole: boolean): Outline {
  const count = outline.length / 2;
  const kept: Outline = [];
  let from = 0;
  // The line from the first corner to the one farthest from it divides the outline.
  const [middle] = farthest(outline, 0, count);
  const ends = [count, middle];
  for (let to = ends.pop(); to !== undefined; to = ends.pop()) {
    const [corner, distance] = farthest(outline, from, to);
    const isSide = from === 0 ? to === middle : from === middle && to === count;
    if (distance > tolerance || (isSide && !isHole && distance > 0)) {
      ends.push(to, corner);
    } else {
      kept.push(outline[2 * from] ?? 0, outline[2 * from + 1] ?? 0);
      from = to;
    }
  }
  return kept.length < 6 ? [] : kept;
}

/** Between two corners, the one farthest from the line between them, and its distance. */
function farthest(outline: Outline, from: number, to: number): [corner: number, distance: number] {
  const end = 2 * to < outline.length ? 2 * to : 0;
  const [x, y] = [outline[2 * from] ?? 0, outline[2 * from + 1] ?? 0];
  const [dx, dy] = [(outline[end] ?? 0) - x, (outline[end + 1] ?? 0) - y];
  const length = dx * dx + dy * dy;
  let [corner, greatest] = [from, 0];
  for (let i = from + 1; i < to; i++) {
    const [px, py] = [(outline[2 * i] ?? 0) - x, (outline[2 * i + 1] ?? 0) - y];
    const along = length === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length));
    const distance = (px - along * dx) ** 2 + (py - along * dy) ** 2;
    if (distance > greatest) [corner, greatest] = [i, distance];
  }
  return [corner, Math.sqrt(greatest)];
}
