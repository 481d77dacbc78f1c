import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mask } from "burn-sam";
import { chosenMask, initialState, isEmpty, phase, reduce, toPrompt, type Action, type State } from "../src/state.ts";

const first = { x: 1, y: 2, label: 1 } as const;
const second = { x: 3, y: 4, label: 0 } as const;
const addFirst: Action = { type: "point", point: first };
const addSecond: Action = { type: "point", point: second };

function mask(score: number): Mask {
  const logits = { data: new Float32Array(0), width: 0, height: 0 };
  return { score, token: 1, width: 1, height: 1, data: Uint8Array.of(1), bbox: [0, 0, 1, 1], area: 1, logits };
}

function after(...actions: readonly Action[]): State {
  return actions.reduce(reduce, initialState);
}

test("points and a box make one prompt", () => {
  const state = after(addFirst, { type: "box", box: [0, 0, 5, 5] }, addSecond);
  assert.deepEqual(toPrompt(state.history.present), { points: [first, second], box: [0, 0, 5, 5] });
});

test("without a box the prompt has none", () => {
  assert.deepEqual(toPrompt(after(addFirst).history.present), { points: [first] });
});

test("undo and redo go one edit back and forth", () => {
  const undone = after(addFirst, addSecond, { type: "undo" });
  assert.deepEqual(undone.history.present.points, [first]);
  assert.deepEqual(reduce(undone, { type: "redo" }).history.present.points, [first, second]);
});

test("an edit after an undo drops what was undone", () => {
  const state = after(addFirst, { type: "undo" }, addSecond, { type: "redo" });
  assert.deepEqual(state.history.present.points, [second]);
});

test("clear can be undone", () => {
  const cleared = after(addFirst, { type: "clear" });
  assert.ok(isEmpty(cleared.history.present));
  assert.deepEqual(reduce(cleared, { type: "undo" }).history.present.points, [first]);
});

test("clear, undo and redo with nothing to do change nothing", () => {
  for (const type of ["clear", "undo", "redo"] as const) assert.equal(reduce(initialState, { type }), initialState);
});

test("a new image starts a new history and keeps the tool", () => {
  const state = after(
    { type: "tool", tool: "remove" },
    addFirst,
    { type: "answer", masks: [mask(1)] },
    { type: "open" },
  );
  assert.deepEqual(state, { ...initialState, tool: "remove", image: "encoding" });
});

test("candidates are chosen within the answer, and a new answer starts with the best", () => {
  const answered = after(addFirst, { type: "answer", masks: [mask(0.9), mask(0.5)] });
  assert.equal(chosenMask(answered)?.score, 0.9);
  const chosen = reduce(answered, { type: "choose", index: 1 });
  assert.equal(chosenMask(chosen)?.score, 0.5);
  assert.equal(reduce(chosen, { type: "choose", index: 2 }), chosen);
  assert.equal(reduce(chosen, { type: "answer", masks: [mask(0.7)] }).chosen, 0);
});

test("masks stay while the prompts change, and go with the last prompt", () => {
  const answered = after(addFirst, { type: "answer", masks: [mask(0.9)] });
  assert.equal(reduce(answered, addSecond).masks.length, 1);
  assert.equal(reduce(answered, { type: "undo" }).masks.length, 0);
});

test("the phase follows the model, the image and the question", () => {
  const phases: string[] = [];
  const actions: readonly Action[] = [
    { type: "model", status: "ready" },
    { type: "open" },
    { type: "image", status: "encoded" },
    { type: "asking", asking: true },
    { type: "asking", asking: false },
    { type: "image", status: "failed" },
  ];
  let state = initialState;
  for (const action of actions) phases.push(phase((state = reduce(state, action))));
  assert.deepEqual(phases, ["ready", "encoding", "encoded", "segmenting", "encoded", "error"]);
  assert.equal(phase(initialState), "loading");
  assert.equal(phase(after({ type: "model", status: "failed" })), "error");
});
