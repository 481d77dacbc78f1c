import assert from "node:assert/strict";
import { test } from "node:test";
import { area, fromCocoRle, toCocoJson, toCocoRle, toRle } from "../dist/index.js";
import { bits, cases, maskOf, randomMasks, rasterise } from "./masks.mjs";

const image = { width: 9, height: 7 };
const left = maskOf(9, 7, (x) => x < 3);
const ring = maskOf(9, 7, (x, y) => x > 3 && y > 1 && !(x === 6 && y === 4));

/** COCO's polygons are lists of x, y, x, y, … */
function ringsOf(segmentation) {
  return segmentation.map((list) => Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i], list[2 * i + 1]]));
}

test("a data set of one image, in COCO's format", () => {
  const masks = [
    { ...left, score: 0.75, token: 1 },
    { mask: ring, category: "leaf" },
    { mask: { ...left, score: 0.5 } },
  ];
  const { info, licenses, images, annotations, categories } = JSON.parse(
    JSON.stringify(toCocoJson(image, masks, { fileName: "leaf.jpg", imageId: 7, firstId: 100 })),
  );
  assert.deepEqual([typeof info.description, licenses], ["string", []]);
  assert.deepEqual(images, [{ id: 7, width: 9, height: 7, file_name: "leaf.jpg" }]);
  assert.deepEqual(categories, [
    { id: 1, name: "object", supercategory: "" },
    { id: 2, name: "leaf", supercategory: "" },
  ]);
  const common = { image_id: 7, iscrowd: 1 };
  assert.deepEqual(annotations, [
    { ...common, id: 100, category_id: 1, segmentation: toCocoRle(left), area: 21, bbox: [0, 0, 3, 7], score: 0.75 },
    { ...common, id: 101, category_id: 2, segmentation: toCocoRle(ring), area: 24, bbox: [4, 2, 5, 5] },
    { ...common, id: 102, category_id: 1, segmentation: toCocoRle(left), area: 21, bbox: [0, 0, 3, 7], score: 0.5 },
  ]);
});

test("records of everything mode, in all three output modes", () => {
  const record = { area: 24, bbox: [4, 2, 4, 4], predictedIou: 0.9, pointCoords: [[5, 3]], stabilityScore: 0.97 };
  for (const segmentation of [ring, toRle(ring), toCocoRle(ring)]) {
    const records = [{ ...record, cropBox: [0, 0, 9, 7], segmentation }];
    const [annotation] = toCocoJson(image, records).annotations;
    // The box is that of COCO, which counts the pixels.
    const { bbox, area, score } = annotation;
    assert.deepEqual({ bbox, area, score }, { bbox: [4, 2, 5, 5], area: 24, score: 0.9 });
    assert.deepEqual(annotation.segmentation, toCocoRle(ring));
    const [{ segmentation: polygons }] = toCocoJson(image, records, { segmentation: "polygons" }).annotations;
    assert.deepEqual(bits(rasterise(ringsOf(polygons), 9, 7)), bits(ring));
  }
});

for (const { name, mask, expected } of cases) {
  test(`area and box of the run lengths are those of pycocotools: ${name}`, () => {
    const [{ area, bbox, segmentation }] = toCocoJson(mask, [mask]).annotations;
    assert.deepEqual({ area, bbox, counts: segmentation.counts }, {
      area: expected.area, bbox: expected.bbox, counts: expected.counts,
    }); // prettier-ignore
  });
}

test("run lengths and polygons are the masks", () => {
  for (const mask of randomMasks(500, 4)) {
    const { width, height } = mask;
    const [runs] = toCocoJson(mask, [mask]).annotations;
    assert.deepEqual(bits(fromCocoRle(runs.segmentation)), bits(mask));
    assert.equal(runs.area, area(mask));
    const [{ segmentation, iscrowd }] = toCocoJson(mask, [mask], { segmentation: "polygons" }).annotations;
    // pycocotools cannot read an annotation without polygons.
    assert.equal(iscrowd, area(mask) === 0 ? 1 : 0);
    if (iscrowd === 1) continue;
    assert.ok(segmentation.every((list) => list.length >= 6 && list.length % 2 === 0));
    // One list is one region: its holes are cut out by the even-odd rule within it.
    assert.deepEqual(bits(rasterise(ringsOf(segmentation), width, height)), bits(mask));
  }
});

test("a tolerance makes simpler polygons and leaves area and box", () => {
  const disc = maskOf(90, 90, (x, y) => (x - 45) ** 2 + (y - 45) ** 2 < 1600);
  const [exact] = toCocoJson(disc, [disc], { segmentation: "polygons" }).annotations;
  const [simple] = toCocoJson(disc, [disc], { segmentation: "polygons", tolerance: 1 }).annotations;
  assert.ok(simple.segmentation[0].length < exact.segmentation[0].length / 3);
  assert.deepEqual([simple.area, simple.bbox], [exact.area, exact.bbox]);
});

test("no masks make a data set without annotations", () => {
  const { annotations, categories } = toCocoJson(image, []);
  assert.deepEqual([annotations, categories], [[], []]);
});

test("what is no mask of the image is refused", () => {
  const refuse = (masks, message, options) =>
    assert.throws(() => toCocoJson(image, masks, options), { name: "SamError", code: "bad-prompt", message });
  refuse([left, null], /^masks\[1\] is null/);
  refuse([maskOf(9, 8, () => true)], /^masks\[0\] is 9 × 8 pixels, the image 9 × 7/);
  refuse([{ mask: null }], /^masks\[0\]\.mask is null/);
  refuse([{ ...left, data: new Float32Array(63) }], /^masks\[0\]\.data is not a Uint8Array/);
  refuse([{ mask: { size: [7, 9], counts: [1] } }], /^masks\[0\]\.counts are 1 pixels together/);
  refuse([{ mask: { size: [7, 9], counts: "~" } }], /^masks\[0\]\.counts is damaged/);
  refuse([left], /^options\.segmentation is "polygon"/, { segmentation: "polygon" });
  assert.throws(() => toCocoJson({ width: 0, height: 1 }, []), { code: "bad-prompt", message: /^image\.width is 0/ });
});
