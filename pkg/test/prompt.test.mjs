import assert from "node:assert/strict";
import { test } from "node:test";
import { toWireOptions, toWirePrompt } from "../dist/client/prompt.js";

const rejects = (prompt, message, prefix = "") =>
  assert.throws(() => toWirePrompt(prompt, prefix), { name: "SamError", code: "bad-prompt", message });

test("a mistake is reported by the name the caller used", () => {
  rejects(
    {
      points: [
        { x: 1, y: 2 },
        { x: NaN, y: 2 },
      ],
    },
    /^points\[1\]\.x is NaN/,
  );
  rejects({ points: [{ x: 1, y: Infinity }] }, /^points\[0\]\.y is Infinity/);
  rejects({ points: [{ x: "1", y: 2 }] }, /^points\[0\]\.x is "1"/);
  rejects({ points: [{ x: 1, y: 2, label: 2 }] }, /^points\[0\]\.label is 2/);
  rejects({ points: [[1, 2]] }, /^points\[0\]\.x is undefined/);
  rejects({ points: 3 }, /^points is 3/);
  rejects({ points: [null] }, /^points\[0\] is null/);
  rejects({ box: [0, 0, 1] }, /^box has 3 numbers/);
  rejects({ box: [0, 0, 1, NaN] }, /^box\[3\] is NaN/);
  rejects({ box: { x: 1 } }, /^box is an object/);
  rejects({ mask: { data: new Float32Array(3), width: 2, height: 2 } }, /^mask\.data has 3 values, not 2 × 2/);
  rejects({ mask: { data: [0], width: 1, height: 1 } }, /^mask\.data is neither/);
  rejects({ mask: { data: new Float32Array([NaN]), width: 1, height: 1 } }, /^mask\.data\[0\] is NaN/);
  rejects({ mask: { data: new Uint8Array(1), width: 0.5, height: 2 } }, /^mask\.width is 0\.5/);
  rejects({ tokens: [[1, 2], [3]] }, /^tokens\[1\] has 1 numbers, the first row 2/);
  rejects({ tokens: [[1, NaN]] }, /^tokens\[0\]\[1\] is NaN/);
  const many = (length) => ({ points: Array.from({ length }, () => ({ x: 1, y: 1 })) });
  rejects(many(20000), /^points has 20000 points; 2047 are the most/);
  rejects(
    { ...many(2047), box: [0, 0, 1, 1] },
    /^prompts\[1\]\.points has 2047 points; 2046 are the most/,
    "prompts[1].",
  );
  assert.equal(toWirePrompt(many(2047), "").points.length, 2047);
  rejects(undefined, /^prompts\[2\] is undefined/, "prompts[2].");
  rejects({ box: [] }, /^prompts\[2\]\.box has 0 numbers/, "prompts[2].");
  rejects(null, /^prompt is null/);
});

test("what is empty or absent is left out, labels default to the foreground", () => {
  assert.deepEqual(toWirePrompt({ points: [], tokens: [] }, ""), {});
  assert.deepEqual(toWirePrompt({ points: undefined, box: null }, ""), {});
  assert.deepEqual(toWirePrompt({ points: [{ x: -5, y: 9999 }] }, ""), { points: [{ x: -5, y: 9999, label: 1 }] });
});

test("the corners of a box may come in any order", () => {
  assert.deepEqual(toWirePrompt({ box: [9, 2, 1, 8] }, "").box, [1, 2, 9, 8]);
  assert.deepEqual(toWirePrompt({ box: Float32Array.of(9, 8, 1, 2) }, "").box, [1, 2, 9, 8]);
});

test("tokens are rows, or their concatenation", () => {
  assert.deepEqual(
    toWirePrompt(
      {
        tokens: [
          [1, 2],
          [3, 4],
        ],
      },
      "",
    ).tokens,
    { data: Float32Array.of(1, 2, 3, 4), rows: 2 },
  );
  assert.deepEqual(toWirePrompt({ tokens: Float32Array.of(1, 2) }, "").tokens, {
    data: Float32Array.of(1, 2),
    rows: 0,
  });
});

test("a mask that is part of a larger buffer is sent alone, and the caller's stays intact", () => {
  const data = new Float32Array(100).subarray(4, 8);
  const wire = toWirePrompt({ mask: { data, width: 2, height: 2 } }, "").mask;
  assert.equal(wire.data.buffer.byteLength, 16);
  const clamped = toWirePrompt({ mask: { data: new Uint8ClampedArray([1]), width: 1, height: 1 } }, "").mask;
  assert.ok(clamped.data instanceof Uint8Array);
});

test("an answer of the largest image is a prompt, and its size one to ask for", () => {
  const mask = { data: new Uint8Array(32767), width: 32767, height: 1 };
  assert.equal(toWirePrompt({ mask }, "").mask.width, 32767);
  assert.equal(toWirePrompt({ mask: { ...mask, width: 1, height: 32767 } }, "").mask.height, 32767);
  assert.deepEqual(toWireOptions({ size: [32767, 20000] }).size, [32767, 20000]);
  // The length of the data is limit enough.
  assert.equal(toWirePrompt({ mask: { data: new Uint8Array(40000), width: 40000, height: 1 } }, "").mask.width, 40000);
});

test("options have the defaults of the API and are checked", () => {
  assert.deepEqual(toWireOptions({}), { multimask: true, output: "mask", threshold: 0 });
  assert.deepEqual(toWireOptions({ size: [3, 4] }).size, [3, 4]);
  assert.deepEqual(toWireOptions({ size: { width: 3, height: 4 } }).size, [3, 4]);
  const bad = (options, message) => assert.throws(() => toWireOptions(options), { code: "bad-prompt", message });
  bad({ size: [0, 4] }, /^options\.size\[0\] is 0/);
  bad({ size: { width: 3, height: 32768 } }, /^options\.size\.height is 32768, not a whole number from 1 to 32767/);
  bad({ size: 256 }, /^options\.size is 256/);
  bad({ threshold: NaN }, /^options\.threshold is NaN/);
  bad({ output: "png" }, /^options\.output is "png"/);
  bad({ multimask: 1 }, /^options\.multimask is 1/);
});
