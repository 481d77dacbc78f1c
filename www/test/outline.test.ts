import assert from "node:assert/strict";
import { test } from "node:test";
import { traceContours, type Bitmap, type Contour } from "../src/stage/outline.ts";

/** `#` is in the mask. */
function bitmap(...rows: readonly string[]): Bitmap {
  const data = Uint8Array.from(rows.join(""), (mark) => (mark === "#" ? 1 : 0));
  return { data, width: rows[0]?.length ?? 0, height: rows.length };
}

/** Positive for outer borders, negative for holes. */
function signedArea(contour: Contour): number {
  let twice = 0;
  for (let i = 0; i < contour.length; i += 2) {
    const j = (i + 2) % contour.length;
    twice += (contour[i] ?? 0) * (contour[j + 1] ?? 0) - (contour[j] ?? 0) * (contour[i + 1] ?? 0);
  }
  return twice / 2;
}

test("an empty mask has no contour", () => {
  assert.deepEqual(traceContours(bitmap("...", "...")), []);
});

test("a full mask has one contour along the border", () => {
  const [contour, ...others] = traceContours({ data: new Uint8Array(2500).fill(1), width: 50, height: 50 });
  assert.ok(contour && others.length === 0);
  // Only the corners are rounded off.
  assert.ok(Math.abs(signedArea(contour) - 2500) < 4);
  assert.equal(Math.min(...contour), 0);
  assert.equal(Math.max(...contour), 50);
});

test("a hole is a contour of its own, the other way round", () => {
  const areas = traceContours(bitmap("#####", "#...#", "#...#", "#...#", "#####")).map(signedArea);
  assert.equal(areas.length, 2);
  assert.ok((areas[0] ?? 0) > 0 && (areas[1] ?? 0) < 0);
});

test("separate parts have separate contours, parts touching by a corner share one", () => {
  assert.equal(traceContours(bitmap("#..#", "#..#")).length, 2);
  assert.equal(traceContours(bitmap("#.", ".#")).length, 1);
});

test("a single pixel is a contour", () => {
  assert.equal(traceContours(bitmap("#")).length, 1);
});

test("noise ends, with every contour closed and finite", () => {
  const data = new Uint8Array(97 * 61);
  let seed = 7;
  for (let i = 0; i < data.length; i++) data[i] = (seed = (seed * 1103515245 + 12345) & 0x7fffffff) & 0x10000 ? 1 : 0;
  const contours = traceContours({ data, width: 97, height: 61 });
  assert.ok(contours.length > 10);
  assert.ok(contours.every((contour) => contour.length >= 8 && contour.every(Number.isFinite)));
});
