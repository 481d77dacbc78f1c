import assert from "node:assert/strict";
import { test } from "node:test";
import { clampToImage, fit, pan, reveal, settle, toImage, toStage, within, zoom } from "../src/stage/view.ts";

test("a large image shrinks to the stage and lies in its middle", () => {
  const view = fit({ width: 4000, height: 2000 }, { width: 840, height: 640 }, 20);
  assert.deepEqual(view, { scale: 0.2, left: 20, top: 120 });
});

test("a small image grows, but only so far", () => {
  assert.equal(fit({ width: 10, height: 10 }, { width: 1000, height: 1000 }, 0).scale, 4);
});

test("a stage without size still gives a usable view", () => {
  assert.ok(fit({ width: 10, height: 10 }, { width: 0, height: 0 }, 24).scale > 0);
});

test("stage to image and back is the identity", () => {
  const view = { scale: 0.37, left: 12.5, top: -3 };
  const { x, y } = toImage(view, toStage(view, { x: 123, y: 45 }));
  assert.ok(Math.abs(x - 123) < 1e-9 && Math.abs(y - 45) < 1e-9);
});

test("positions outside are brought to the nearest border", () => {
  assert.deepEqual(clampToImage({ width: 10, height: 5 }, { x: -3, y: 9 }), { x: 0, y: 5 });
});

test("a limit keeps the proportions, never enlarges, and leaves at least one pixel", () => {
  assert.deepEqual(within({ width: 4000, height: 3000 }, 2000), { width: 2000, height: 1500 });
  assert.deepEqual(within({ width: 40, height: 30 }, 2000), { width: 40, height: 30 });
  assert.deepEqual(within({ width: 1, height: 30000 }, 2000), { width: 1, height: 2000 });
});

const square = { width: 100, height: 100 };

test("zooming keeps the position under the pointer where it is", () => {
  const view = { scale: 2, left: 10, top: -30 };
  const at = { x: 70, y: 40 };
  const closer = zoom(view, at, 1.5, 0.1, 40);
  assert.equal(closer.scale, 3);
  assert.deepEqual(toImage(closer, at), toImage(view, at));
});

test("zooming ends at the limits", () => {
  const view = { scale: 2, left: 0, top: 0 };
  assert.equal(zoom(view, { x: 0, y: 0 }, 100, 1, 40).scale, 40);
  assert.equal(zoom(view, { x: 0, y: 0 }, 0.001, 1, 40).scale, 1);
});

test("an enlarged image can be moved, but not out of sight", () => {
  const stage = { width: 200, height: 200 };
  const view = { scale: 4, left: -50, top: -50 };
  assert.deepEqual(settle(pan(view, 20, -10), square, stage, 10), { scale: 4, left: -30, top: -60 });
  assert.deepEqual(settle(pan(view, 1000, -1000), square, stage, 10), { scale: 4, left: 10, top: -210 });
});

test("a small image stays in the middle", () => {
  const view = { scale: 1, left: -500, top: 900 };
  assert.deepEqual(settle(view, square, { width: 300, height: 200 }, 10), { scale: 1, left: 100, top: 50 });
});

test("what lies outside the stage is brought in, by no more than needed", () => {
  const stage = { width: 200, height: 200 };
  const view = { scale: 4, left: 0, top: 0 };
  assert.deepEqual(reveal(view, { x: 90, y: 20 }, stage, 20), { scale: 4, left: -180, top: 0 });
  assert.equal(reveal(view, { x: 20, y: 20 }, stage, 20).left, 0);
});
