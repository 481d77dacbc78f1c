import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCount, formatScore } from "../src/text/format.ts";

test("counts are grouped, and millions are rounded", () => {
  const counts = [0, 999, 1000, 65_536, 123_456, 2_949_120, 93_735_472];
  assert.deepEqual(counts.map(formatCount), ["0", "999", "1,000", "65,536", "123,456", "2.95 M", "94 M"]);
});

test("a score is a share, whatever the model estimates", () => {
  assert.deepEqual([1.013, 0.987, 0.004, -0.02].map(formatScore), ["1.00", "0.99", "0.00", "0.00"]);
});
