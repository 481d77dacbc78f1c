import assert from "node:assert/strict";
import { test } from "node:test";
import { area, boundingBox, intersect, stability, subtract, union } from "../dist/index.js";
import { cases, randomMasks } from "./masks.mjs";

for (const { name, mask, expected } of cases) {
  test(`area and box are those of pycocotools: ${name}`, () => {
    assert.equal(area(mask), expected.area);
    assert.deepEqual(boundingBox(mask), expected.bbox);
  });
}

test("stability is what the reference's calculate_stability_score says", () => {
  const logits = (...values) => ({ data: Float32Array.from(values), width: values.length, height: 1 });
  assert.equal(stability(logits(-2, -1, -0.5, 0, 0.5, 1, 1.5, 2)), 2 / 6);
  assert.equal(stability(logits(0.5, 1.5, 2.5, 3.5), { threshold: 2 }), 1 / 3);
  assert.equal(stability(logits(-1, 0, 0.25, 3), { offset: 0.25 }), 1 / 3);
  assert.equal(stability(logits(5, -5), { offset: 0 }), 1);
  assert.equal(stability(logits(-5, NaN)), NaN);
  // 0.1 + 0.2 is compared as a 32-bit number, as there.
  assert.equal(stability(logits(Math.fround(0.3), 1), { threshold: 0.1, offset: 0.2 }), 1 / 2);
});

test("stability refuses what it cannot measure", () => {
  const refuse = (logits, options, message) =>
    assert.throws(() => stability(logits, options), { code: "bad-prompt", message });
  const logits = { data: new Float32Array(2), width: 2, height: 1 };
  refuse(null, {}, /^logits is null/);
  refuse({ ...logits, data: new Uint8Array(2) }, {}, /^logits\.data is not a Float32Array/);
  refuse({ ...logits, height: 2 }, {}, /^logits\.data has 2 values, not 2 × 2/);
  refuse(logits, { offset: NaN }, /^options\.offset is NaN/);
  refuse(logits, { threshold: "0" }, /^options\.threshold is "0"/);
});

test("masks are combined pixel by pixel", () => {
  const masks = [...randomMasks(400, 3)];
  for (const a of masks) {
    const data = Uint8ClampedArray.from(a.data, (value, i) => (i % 3 === 0 ? 7 : i % 3 === 1 ? 0 : value));
    const b = { ...a, data };
    const each = (rule) => Array.from(a.data, (value, i) => (rule(value !== 0, data[i] !== 0) ? 1 : 0));
    const copies = [[...a.data], [...data]];
    for (const [combine, rule] of [
      [union, (x, y) => x || y],
      [intersect, (x, y) => x && y],
      [subtract, (x, y) => x && !y],
    ]) {
      const { data: result, width, height } = combine(a, b);
      assert.ok(result instanceof Uint8Array);
      assert.deepEqual([[...result], width, height], [each(rule), a.width, a.height]);
    }
    assert.deepEqual([[...a.data], [...data]], copies, "the masks themselves stay");
  }
});

test("masks of different sizes are not combined", () => {
  const mask = (width, height) => ({ data: new Uint8Array(width * height), width, height });
  for (const combine of [union, intersect, subtract]) {
    const message = /^b is 2 × 3 pixels, a 3 × 2/;
    assert.throws(() => combine(mask(3, 2), mask(2, 3)), { name: "SamError", code: "bad-prompt", message });
    assert.throws(() => combine(mask(3, 2), null), { code: "bad-prompt", message: /^b is null/ });
    assert.throws(() => combine({ ...mask(3, 2), width: 4 }, mask(3, 2)), { message: /^a\.data has 6 values/ });
  }
});
