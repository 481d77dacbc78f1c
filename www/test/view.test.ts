import assert from "node:assert/strict";
import { test } from "node:test";
import { clampToImage, fit, toImage, toStage, within } from "../src/view.ts";

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
