import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { fromCocoRle, fromRle, toCocoRle, toRle } from "../dist/index.js";
import { bits, cases, maskOf, randomMasks } from "./masks.mjs";

for (const { name, mask, expected } of cases) {
  test(`COCO run lengths are those of pycocotools, both ways: ${name}`, () => {
    const rle = { size: [mask.height, mask.width], counts: expected.counts };
    assert.deepEqual(toCocoRle(mask), rle);
    assert.deepEqual(fromCocoRle(rle), mask);
  });
}

test("COCO run lengths of a large mask are those of pycocotools", () => {
  const mask = maskOf(700, 600, (x, y) => {
    const inCircle = (x - 350) ** 2 + (y - 300) ** 2 < 62500;
    return inCircle && (x * 7919 + y * 104729) % 1013 < 500;
  });
  const { size, counts } = toCocoRle(mask);
  assert.equal(counts.length, 152259);
  const hash = createHash("sha256").update(counts).digest("hex");
  assert.equal(hash, "5d5483ee4ac05d8f3bd178e8687bf77dfddc2d835112d3f319fa0e7e9319cd13");
  assert.deepEqual(fromCocoRle({ size, counts }), mask);
});

test("run lengths go down the columns and begin with the zeros", () => {
  const rle = { size: [2, 2], counts: [0, 2, 2] };
  assert.deepEqual(toRle({ width: 2, height: 2, data: Uint8Array.of(1, 0, 255, 0) }), rle);
  assert.deepEqual(fromRle(rle), { width: 2, height: 2, data: Uint8Array.of(1, 0, 1, 0) });
});

test("what is written is read again", () => {
  for (const mask of randomMasks(2000)) {
    assert.deepEqual(bits(fromRle(toRle(mask))), bits(mask));
    assert.deepEqual(bits(fromCocoRle(toCocoRle(mask))), bits(mask));
  }
});

test("runs of no pixels are read", () => {
  assert.deepEqual(fromRle({ size: [1, 3], counts: [1, 1, 0, 0, 0, 1] }).data, Uint8Array.of(0, 1, 1));
});

test("damaged run lengths are refused with a sentence", () => {
  const refuse = (read, rle, message) =>
    assert.throws(() => read(rle), { name: "SamError", code: "bad-prompt", message });
  const size = [2, 2];
  refuse(fromRle, undefined, /^rle is undefined/);
  refuse(fromRle, { counts: [4] }, /^rle\.size is undefined/);
  refuse(fromRle, { size: [2], counts: [4] }, /^rle\.size is an object, not \[height, width\]/);
  refuse(fromRle, { size: [0, 2], counts: [] }, /^rle\.size\[0\] is 0/);
  refuse(
    fromRle,
    { size: [2, 40000], counts: [80000] },
    /^rle\.size\[1\] is 40000, not a whole number from 1 to 32767/,
  );
  refuse(fromRle, { size, counts: [1, -1, 4] }, /^rle\.counts\[1\] is -1/);
  refuse(fromRle, { size, counts: [1.5, 2.5] }, /^rle\.counts\[0\] is 1\.5/);
  refuse(fromRle, { size, counts: [NaN] }, /^rle\.counts\[0\] is NaN/);
  refuse(fromRle, { size, counts: [1, 2] }, /^rle\.counts are 3 pixels together, not 2 × 2/);
  refuse(fromRle, { size, counts: [32767 ** 2] }, /^rle\.counts are 1073676289 pixels/);
  refuse(fromRle, { size, counts: "4" }, /fromCocoRle/);
  refuse(fromCocoRle, { size, counts: [4] }, /fromRle/);
  refuse(fromCocoRle, null, /^rle is null/);
  refuse(fromCocoRle, { size, counts: "" }, /^rle\.counts are 0 pixels/);
  refuse(fromCocoRle, { size, counts: "1 1" }, /^rle\.counts is damaged at character 1/);
  refuse(fromCocoRle, { size, counts: "1p" }, /^rle\.counts is damaged at character 1/);
  refuse(fromCocoRle, { size, counts: "1é" }, /^rle\.counts is damaged at character 1/);
  refuse(fromCocoRle, { size, counts: "11T" }, /^rle\.counts ends in the middle of a run/);
  refuse(fromCocoRle, { size, counts: "oooooooo0" }, /^rle\.counts is damaged at character 7/);
  refuse(fromCocoRle, { size, counts: "O5" }, /^rle\.counts\[0\] is -1/);
});

test("random text is refused or read, and nothing else happens", () => {
  let seed = 7;
  const next = () => (seed = (seed * 48271) % 0x7fffffff);
  for (let i = 0; i < 20000; i++) {
    const counts = Array.from({ length: next() % 9 }, () => String.fromCharCode(44 + (next() % 70))).join("");
    try {
      assert.equal(fromCocoRle({ size: [3, 4], counts }).data.length, 12);
    } catch (error) {
      assert.equal(error.code, "bad-prompt", `${JSON.stringify(counts)}: ${error.stack}`);
    }
  }
});
