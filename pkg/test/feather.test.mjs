import assert from "node:assert/strict";
import { test } from "node:test";
import { reach, soften } from "../dist/mask/feather.js";
import { maskOf } from "./masks.mjs";

/** The opacity of every pixel of the mask. */
function opacities(mask, radiusX, radiusY) {
  const { part, data } = soften(mask, radiusX, radiusY);
  const [left, top, width, height] = part;
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : data[y * width + x]);
  return Array.from(mask.data, (_, i) => at((i % mask.width) - left, Math.floor(i / mask.width) - top));
}

test("without a radius pixels are transparent or opaque", () => {
  const mask = maskOf(9, 7, (x, y) => (x * 5 + y * 3) % 7 < 3);
  assert.deepEqual(
    opacities(mask, 0, 0),
    [...mask.data].map((value) => 255 * value),
  );
});

for (const [radiusX, radiusY] of [
  [1, 1],
  [2, 2],
  [3, 3],
  [4, 5],
  [7, 0],
  [0, 6],
  [10, 10],
]) {
  // prettier-ignore
  test(`the edge fades over ${radiusX} and ${radiusY} pixels on both sides`, () => {
    const mask = maskOf(64, 60, (x, y) => x >= 20 && x < 46 && y >= 18 && y < 42);
    const soft = opacities(mask, radiusX, radiusY);
    const row = soft.slice(30 * 64, 31 * 64);
    const column = Array.from({ length: 60 }, (_, y) => soft[y * 64 + 33]);
    for (const [line, from, to, radius] of [[row, 20, 46, radiusX], [column, 18, 42, radiusY]]) { // prettier-ignore
      line.forEach((value, i) => {
        // Pixels between this one and the edge; negative inside.
        const outside = Math.max(from - i, i - to + 1) - 1;
        const faded = outside >= 0 ? outside < radius : -outside - 1 < radius;
        if (faded) assert.ok(value > 0 && value < 255, `${value} at ${i}`);
        else assert.equal(value, outside >= 0 ? 0 : 255, `at ${i}`);
      });
      for (let i = 1; i < from + 10; i++) assert.ok(line[i] >= line[i - 1]);
      // The edge itself is half opaque.
      assert.ok(Math.abs(line[from] + line[from - 1] - 255) <= 3, `${line[from - 1]} and ${line[from]}`);
    }
  });
}

test("what goes on to the border of the image does not fade there", () => {
  const mask = maskOf(40, 40, (x, y) => x < 20 && y > 10);
  const soft = opacities(mask, 6, 6);
  assert.equal(soft[25 * 40], 255);
  assert.equal(soft[39 * 40 + 5], 255);
  assert.deepEqual(
    opacities(
      maskOf(8, 8, () => true),
      3,
      3,
    ),
    Array(64).fill(255),
  );
});

test("the rectangle has room for what fades, and ends with the image", () => {
  const mask = maskOf(30, 20, (x, y) => x >= 4 && x < 7 && y >= 9 && y < 15);
  assert.deepEqual(reach(mask, 0, 0), [4, 9, 3, 6]);
  assert.deepEqual(reach(mask, 2, 3), [2, 6, 7, 12]);
  assert.deepEqual(reach(mask, 10, 10), [0, 0, 17, 20]);
  assert.deepEqual(
    reach(
      maskOf(3, 3, () => false),
      5,
      5,
    ),
    [0, 0, 0, 0],
  );
});

test("a radius larger than the image is no more work, and an empty mask is nothing", () => {
  assert.deepEqual(
    opacities(
      maskOf(4, 4, () => true),
      1e9,
      1e9,
    ),
    Array(16).fill(255),
  );
  assert.equal(
    soften(
      maskOf(3, 3, () => false),
      2,
      2,
    ).data.length,
    0,
  );
});
