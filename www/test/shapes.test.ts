import assert from "node:assert/strict";
import { test } from "node:test";
import { drawnShapes } from "../src/stage/shapes.ts";
import type { Shape } from "../src/state/objects.ts";
import { initialState, reduce, type Action } from "../src/state/state.ts";

function region(area: number): Shape {
  return { score: 1, token: 0, width: 10, height: 10, data: new Uint8Array(100), bbox: [0, 0, 1, 1], area };
}

const [small, large, empty] = [region(5), region(50), region(0)];
const adopt = (shape: Shape): Action => ({ type: "adopt", region: shape });
const state = [adopt(small), adopt(large), adopt(empty)].reduce(reduce, initialState);

test("small shapes lie over large ones, and empty ones are not drawn", () => {
  assert.deepEqual(
    drawnShapes(state, []).map(({ shape }) => shape),
    [large, small],
  );
});

test("nothing is drawn anew while nothing changes", () => {
  const drawn = drawnShapes(state, []);
  assert.equal(drawnShapes(reduce(state, { type: "tool", tool: "box" }), drawn), drawn);
  const selected = drawnShapes(reduce(state, { type: "select", id: 1 }), drawn);
  assert.notEqual(selected, drawn);
  assert.deepEqual(
    selected.map(({ active }) => active),
    [false, true],
  );
});

test("hidden objects are not drawn", () => {
  const hidden = reduce(state, { type: "hide", id: 2 });
  assert.deepEqual(
    drawnShapes(hidden, []).map(({ shape }) => shape),
    [small],
  );
});
