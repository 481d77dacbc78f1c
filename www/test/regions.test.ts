import assert from "node:assert/strict";
import { test } from "node:test";
import type { EverythingRecord } from "burn-sam";
import { labelsOf, shapeOf } from "../src/stage/regions.ts";

function record(segmentation: EverythingRecord["segmentation"]): EverythingRecord {
  return {
    segmentation,
    area: 0,
    bbox: [0, 0, 0, 0],
    predictedIou: 0.9,
    pointCoords: [],
    stabilityScore: 1,
    cropBox: [0, 0, 0, 0],
  };
}

test("runs go down the columns", () => {
  // 3 wide, 2 high: the middle column, and the lower right pixel.
  const shape = shapeOf(record({ size: [2, 3], counts: [2, 2, 1, 1] }));
  assert.deepEqual([...(shape?.data ?? [])], [0, 1, 0, 0, 1, 1]);
  assert.deepEqual([shape?.bbox, shape?.area, shape?.score], [[1, 0, 2, 2], 3, 0.9]);
});

test("a mask in pixels is read as one, a compressed one is not", () => {
  const data = Uint8Array.of(0, 1, 0, 0);
  assert.deepEqual(shapeOf(record({ data, width: 2, height: 2 }))?.bbox, [1, 0, 1, 1]);
  assert.equal(shapeOf(record({ size: [2, 2], counts: "04" })), null);
});

test("a large image is shown with fewer pixels, and keeps its runs", () => {
  const [width, height] = [4000, 3000];
  const runs = { size: [height, width], counts: [(width / 2) * height, (width / 2) * height] } as const;
  const shape = shapeOf(record(runs));
  assert.deepEqual([shape?.width, shape?.height, shape?.bbox], [1024, 768, [512, 0, 512, 768]]);
  assert.equal(shape?.runs, runs);
});

test("small regions lie over large ones", () => {
  const all = shapeOf(record({ data: Uint8Array.of(1, 1, 1, 1), width: 2, height: 2 }));
  const one = shapeOf(record({ data: Uint8Array.of(0, 0, 1, 0), width: 2, height: 2 }));
  assert.ok(all && one);
  assert.deepEqual([...labelsOf([one, all]).labels], [2, 2, 1, 2]);
});
