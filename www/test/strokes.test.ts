import assert from "node:assert/strict";
import { test } from "node:test";
import { rasterise, type Stroke } from "../src/state/strokes.ts";

function rows(strokes: readonly Stroke[], width: number, height: number): string[] {
  const { data } = rasterise(strokes, width, height);
  return Array.from({ length: height }, (_, y) =>
    Array.from(data.subarray(y * width, (y + 1) * width), (value) => (value ? "#" : ".")).join(""),
  );
}

/** The plain definition: a pixel is painted when its centre is at most the radius away from the line. */
function slowly({ path, radius }: Stroke, width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height);
  for (let i = 0; i < data.length; i++) {
    const [px, py] = [(i % width) + 0.5, Math.floor(i / width) + 0.5];
    for (let k = 0; k + 1 < path.length; k += 2) {
      const [x1 = 0, y1 = 0] = [path[k], path[k + 1]];
      const [x0 = 0, y0 = 0] = k >= 2 ? [path[k - 2], path[k - 1]] : [x1, y1];
      const length = (x1 - x0) ** 2 + (y1 - y0) ** 2;
      const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((px - x0) * (x1 - x0) + (py - y0) * (y1 - y0)) / length));
      if (Math.hypot(px - x0 - t * (x1 - x0), py - y0 - t * (y1 - y0)) <= radius) data[i] = 1;
    }
  }
  return data;
}

test("a dab is a disc, and erasing takes a part of it away", () => {
  const dab: Stroke = { erase: false, radius: 1.6, path: [2.5, 2.5] };
  assert.deepEqual(rows([dab], 5, 5), [".....", ".###.", ".###.", ".###.", "....."]);
  const erase: Stroke = { erase: true, radius: 0.6, path: [2.5, 2.5] };
  assert.deepEqual(rows([dab, erase], 5, 5), [".....", ".###.", ".#.#.", ".###.", "....."]);
});

test("strokes are as their definition has them, whatever their direction, and end at the borders", () => {
  let seed = 11;
  const random = (): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  for (let round = 0; round < 40; round++) {
    const path = Array.from({ length: 2 * (1 + (round % 4)) }, () => random() * 60 - 10);
    const stroke = { erase: false, radius: 0.3 + random() * 9, path };
    assert.deepEqual(rasterise([stroke], 41, 37).data, slowly(stroke, 41, 37), JSON.stringify(stroke));
  }
});

test("a mask of another size is what strokes are painted over", () => {
  const base = { data: Uint8Array.of(1, 0), width: 2, height: 1 };
  assert.deepEqual([...rasterise([], 4, 2, base).data], [1, 1, 0, 0, 1, 1, 0, 0]);
});
