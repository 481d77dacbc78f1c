import assert from "node:assert/strict";
import { test } from "node:test";
import { Clicks } from "../src/stage/clicks.ts";

test("the second and third click of a series repeat the first, one later or elsewhere does not", () => {
  const clicks = new Clicks();
  const said = (
    [
      [100, 100, 1000],
      [101, 100, 1150],
      [100, 101, 1300],
      [100, 100, 2000],
      [150, 100, 2100],
      [151, 100, 2200],
    ] as const
  ).map(([x, y, now]) => clicks.repeats({ x, y }, 10, now));
  assert.deepEqual(said, [false, true, true, false, false, true]);
});

test("after something else, a click at the same place means something again", () => {
  const clicks = new Clicks();
  const place = { x: 100, y: 100 };
  assert.equal(clicks.repeats(place, 10, 1000), false);
  clicks.forget();
  assert.equal(clicks.repeats(place, 10, 1100), false);
  assert.equal(clicks.repeats(place, 10, 1200), true);
});
