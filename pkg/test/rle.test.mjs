import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { toCocoRle, toRle } from "../dist/index.js";

// Written by pycocotools: mask.encode(np.asfortranarray(mask)).
const expected = JSON.parse(await readFile(new URL("rle.json", import.meta.url), "utf8"));

for (const { width, height, data, counts } of expected) {
  test(`COCO run lengths of a ${width} × ${height} mask are those of pycocotools`, () => {
    const mask = { width, height, data: Uint8Array.from(data, Number) };
    assert.deepEqual(toCocoRle(mask), { size: [height, width], counts });
  });
}

test("COCO run lengths of a large mask are those of pycocotools", () => {
  const [width, height] = [700, 600];
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inCircle = (x - 350) ** 2 + (y - 300) ** 2 < 62500;
      data[y * width + x] = inCircle && (x * 7919 + y * 104729) % 1013 < 500 ? 1 : 0;
    }
  }
  const { counts } = toCocoRle({ width, height, data });
  assert.equal(counts.length, 152259);
  const hash = createHash("sha256").update(counts).digest("hex");
  assert.equal(hash, "5d5483ee4ac05d8f3bd178e8687bf77dfddc2d835112d3f319fa0e7e9319cd13");
});

test("run lengths go down the columns and begin with the zeros", () => {
  assert.deepEqual(toRle({ width: 2, height: 2, data: Uint8Array.of(1, 0, 255, 0) }), {
    size: [2, 2],
    counts: [0, 2, 2],
  });
});
