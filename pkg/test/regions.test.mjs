// removeSmallRegions against its plain definition.
import assert from "node:assert/strict";
import { test } from "node:test";
import { removeSmallRegions } from "../dist/index.js";
import { bits, maskOf, randomMasks } from "./masks.mjs";

/** The regions of pixels of one value that touch, at a corner too, as lists of their indices. */
function regionsOf({ data, width, height }, value) {
  const seen = new Set();
  const regions = [];
  for (let start = 0; start < data.length; start++) {
    if ((data[start] !== 0) !== value || seen.has(start)) continue;
    const region = [start];
    seen.add(start);
    for (const i of region) {
      for (const dy of [-1, 0, 1]) {
        for (const dx of [-1, 0, 1]) {
          const [x, y] = [(i % width) + dx, Math.floor(i / width) + dy];
          const other = y * width + x;
          const outside = x < 0 || x >= width || y < 0 || y >= height;
          if (outside || (data[other] !== 0) !== value || seen.has(other)) continue;
          seen.add(other);
          region.push(other);
        }
      }
    }
    regions.push(region);
  }
  return regions;
}

/** As in the reference, once for holes and once for islands. */
function define(mask, minArea) {
  const filled = { ...mask, data: Uint8Array.from(bits(mask)) };
  for (const hole of regionsOf(mask, false)) if (hole.length < minArea) for (const i of hole) filled.data[i] = 1;
  const islands = regionsOf(filled, true);
  const large = islands.filter((island) => island.length >= minArea);
  const largest = islands.reduce((most, island) => (island.length > most.length ? island : most), []);
  const data = new Uint8Array(mask.data.length);
  for (const island of large.length > 0 ? large : [largest]) for (const i of island) data[i] = 1;
  return { ...mask, data };
}

test("what is left is what the reference leaves", () => {
  for (const mask of randomMasks(600)) {
    for (const minArea of [0, 1, 2, 3, 5, 9, 20, 200]) {
      const before = [...mask.data];
      const found = removeSmallRegions(mask, minArea);
      assert.deepEqual(bits(found), bits(define(mask, minArea)));
      assert.deepEqual([found.width, found.height, [...mask.data]], [mask.width, mask.height, before]);
    }
  }
});

test("specks beside an object, and in it", () => {
  const inside = (x, y) => Math.hypot(x - 40, y - 40) < 30;
  const speck = (x, y) => (x === 3 && y < 4) || (x === 95 && y === 90);
  const hole = (x, y) => x > 38 && x < 42 && y === 40;
  const mask = maskOf(100, 100, (x, y) => speck(x, y) || (inside(x, y) && !hole(x, y)));
  assert.deepEqual(bits(removeSmallRegions(mask, 5)), bits(maskOf(100, 100, inside)));
  assert.deepEqual(
    bits(removeSmallRegions(mask, 4)),
    bits(maskOf(100, 100, (x, y) => inside(x, y) || (x === 3 && y < 4))),
  );
});

test("a large mask of noise, whose regions are joined late", () => {
  const noise = maskOf(512, 512, (x, y) => (x * 7919 + y * 104729 + x * y * 31) % 101 < 55);
  assert.deepEqual(bits(removeSmallRegions(noise, 50)), bits(define(noise, 50)));
});

test("what is no mask and no area", () => {
  for (const minArea of [-1, 1.5, NaN, "3", undefined]) {
    assert.throws(
      () =>
        removeSmallRegions(
          maskOf(2, 2, () => true),
          minArea,
        ),
      { code: "bad-prompt", message: /minArea/ },
    );
  }
  assert.throws(() => removeSmallRegions({}, 1), { code: "bad-prompt" });
});
