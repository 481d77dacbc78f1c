import assert from "node:assert/strict";
import { test } from "node:test";
import { activeItem, isEmpty, pointNear, toPrompt, type Item, type Shape } from "../src/state/objects.ts";
import {
  chosenShape,
  initialState,
  phase,
  reduce,
  shapesOf,
  unanswered,
  type Action,
  type State,
} from "../src/state/state.ts";

const image = { width: 4, height: 4 };
const first = { x: 1, y: 2, label: 1 } as const;
const second = { x: 3, y: 4, label: 0 } as const;
const addFirst: Action = { type: "point", point: first };
const addSecond: Action = { type: "point", point: second };

function mask(score: number, token: Shape["token"] = 1): Shape {
  return { score, token, width: 1, height: 1, data: Uint8Array.of(1), bbox: [0, 0, 1, 1], area: 1 };
}

function after(...actions: readonly Action[]): State {
  return actions.reduce(reduce, initialState);
}

function active(state: State): Item {
  return activeItem(state.history.present);
}

/** The state with the active object's prompts answered. */
function answered(state: State, ...masks: readonly Shape[]): State {
  const { id, prompts } = active(state);
  return reduce(state, { type: "answer", id, prompts, masks });
}

const names = (state: State): string[] => state.history.present.items.map(({ id, name }) => `${id}${name}`);

test("points and a box make one prompt", () => {
  const state = after(addFirst, { type: "box", box: [0, 0, 5, 5] }, addSecond);
  assert.deepEqual(toPrompt(active(state), image), { points: [first, second], box: [0, 0, 5, 5] });
});

test("without a box or strokes the prompt has none", () => {
  assert.deepEqual(toPrompt(active(after(addFirst)), image), { points: [first] });
});

test("strokes make a mask in pixels of the image, once for each edit", () => {
  const item = active(after({ type: "stroke", stroke: { erase: false, radius: 0.6, path: [1.5, 1.5] } }));
  const { mask } = toPrompt(item, image);
  assert.ok(mask && mask.data instanceof Uint8Array);
  assert.deepEqual([...mask.data], [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  assert.equal(toPrompt(item, image, first).mask, mask);
});

test("on a large image the mask has fewer pixels, in its proportions", () => {
  const large = { width: 4000, height: 3000 };
  const item = active(after({ type: "stroke", stroke: { erase: false, radius: 200, path: [1000, 1500, 3000, 1500] } }));
  const { mask } = toPrompt(item, large);
  assert.ok(mask && mask.data instanceof Uint8Array);
  assert.deepEqual([mask.width, mask.height, mask.data.length], [1024, 768, 1024 * 768]);
  // Each pixel stands for 15.26 of the image: the capsule has 2000 · 400 + π · 200².
  const area = mask.data.reduce((sum, value) => sum + value, 0) * (4000 / 1024) ** 2;
  assert.ok(Math.abs(area - (800_000 + Math.PI * 40_000)) < 5000, `${area}`);
  assert.equal(mask.data[384 * 1024 + 512], 1);
  assert.equal(toPrompt(item, large, first).mask, mask, "made once");
});

test("undo and redo go one edit back and forth", () => {
  const undone = after(addFirst, addSecond, { type: "undo" });
  assert.deepEqual(active(undone).prompts.points, [first]);
  assert.deepEqual(active(reduce(undone, { type: "redo" })).prompts.points, [first, second]);
});

test("the nearest point within reach can be taken back, and that undone", () => {
  const set = after(addFirst, addSecond);
  const { prompts } = active(set);
  assert.deepEqual(
    [first, { x: 2.4, y: 3.4 }, { x: 1, y: 3.5 }, { x: 0, y: 9 }].map((at) => pointNear(prompts, at, 1)),
    [0, 1, -1, -1],
  );
  assert.equal(pointNear(active(initialState).prompts, first, 1), -1);
  const taken = reduce(set, { type: "unpoint", index: 0 });
  assert.deepEqual(active(taken).prompts.points, [second]);
  assert.deepEqual(active(reduce(taken, { type: "undo" })).prompts.points, [first, second]);
});

test("an edit after an undo drops what was undone", () => {
  const state = after(addFirst, { type: "undo" }, addSecond, { type: "redo" });
  assert.deepEqual(active(state).prompts.points, [second]);
});

test("clear can be undone", () => {
  const cleared = after(addFirst, { type: "clear" });
  assert.ok(isEmpty(active(cleared).prompts));
  assert.deepEqual(active(reduce(cleared, { type: "undo" })).prompts.points, [first]);
});

test("clear, undo, redo and a new object beside a blank one change nothing", () => {
  for (const type of ["clear", "undo", "redo", "new"] as const) {
    assert.equal(reduce(initialState, { type }), initialState);
  }
});

test("a new image starts a new history and keeps the tool", () => {
  const state = after({ type: "tool", tool: "remove" }, addFirst, { type: "new" }, { type: "open" });
  assert.deepEqual(state, { ...initialState, tool: "remove", image: "encoding" });
});

test("each object has its own prompts, and one history covers them all", () => {
  const state = after(addFirst, { type: "new" }, addSecond);
  assert.deepEqual(
    state.history.present.items.map(({ prompts }) => prompts.points),
    [[first], [second]],
  );
  const undone = after(addFirst, { type: "new" }, addSecond, { type: "undo" }, { type: "undo" });
  assert.deepEqual(names(undone), ["1"]);
  assert.deepEqual(active(undone).prompts.points, [first]);
});

test("prompts go to the selected object, and selecting is no edit", () => {
  const state = after(addFirst, { type: "new" }, { type: "select", id: 1 }, addSecond);
  assert.deepEqual(active(state).prompts.points, [first, second]);
  const undone = reduce(state, { type: "undo" });
  assert.equal(undone.history.present.active, 1);
  assert.deepEqual(active(undone).prompts.points, [first]);
  assert.equal(reduce(state, { type: "select", id: 9 }), state);
});

test("names, hiding and deleting can be undone", () => {
  const state = after(
    addFirst,
    { type: "rename", id: 1, name: " ball " },
    { type: "hide", id: 1 },
    { type: "new" },
    addSecond,
    { type: "delete", id: 1 },
  );
  assert.deepEqual(names(state), ["2"]);
  const back = reduce(state, { type: "undo" });
  assert.deepEqual(names(back), ["1ball", "2"]);
  assert.ok(back.history.present.items[0]?.hidden);
});

test("a deleted object's neighbour is selected, and the last one leaves a blank one", () => {
  const two = after(addFirst, { type: "new" }, addSecond, { type: "select", id: 1 }, { type: "delete", id: 1 });
  assert.equal(two.history.present.active, 2);
  const none = reduce(two, { type: "delete", id: 2 });
  assert.deepEqual(names(none), ["3"]);
  assert.ok(isEmpty(active(none).prompts));
});

test("a found region fills a blank object, and else becomes another", () => {
  const [one, two] = [mask(0.9, 0), mask(0.8, 0)];
  const state = after({ type: "adopt", region: one }, { type: "adopt", region: two });
  assert.deepEqual(
    state.history.present.items.map((item) => chosenShape(state, item)),
    [one, two],
  );
  assert.equal(unanswered(state), undefined, "there is nothing to ask");
  const refined = reduce(state, addFirst);
  assert.equal(unanswered(refined)?.id, 2);
  assert.ok(toPrompt(active(refined), image).mask, "the region is refined");
});

test("candidates are chosen within the answer, and a new answer starts with the best", () => {
  const state = answered(after(addFirst), mask(0.9, 2), mask(0.5, 1));
  assert.equal(chosenShape(state, active(state))?.score, 0.9);
  const chosen = reduce(state, { type: "choose", index: 1 });
  assert.equal(chosenShape(chosen, active(chosen))?.score, 0.5);
  assert.equal(reduce(chosen, { type: "choose", index: 2 }), chosen);
  const next = answered(reduce(chosen, addSecond), mask(0.7, 1), mask(0.6, 2));
  assert.equal(chosenShape(next, active(next))?.score, 0.7);
});

test("a choice stays with its object", () => {
  const chosen = reduce(answered(after(addFirst), mask(0.9, 2), mask(0.5, 1)), { type: "choose", index: 1 });
  const other = answered(reduce(reduce(chosen, { type: "new" }), addSecond), mask(0.8, 3));
  const [item] = other.history.present.items;
  assert.equal(item && chosenShape(other, item)?.score, 0.5);
});

test("masks stay while the prompts change, and go with the last prompt", () => {
  const state = answered(after(addFirst), mask(0.9));
  const more = reduce(state, addSecond);
  assert.equal(shapesOf(more, active(more)).length, 1);
  const none = reduce(state, { type: "undo" });
  assert.equal(shapesOf(none, active(none)).length, 0);
});

test("what has no answer is asked, the active object first", () => {
  const state = after(addFirst, { type: "new" }, addSecond);
  assert.equal(unanswered(state)?.id, 2);
  const one = answered(state, mask(0.9));
  assert.equal(unanswered(one)?.id, 1);
  const { id, prompts } = unanswered(one) ?? active(one);
  assert.equal(unanswered(reduce(one, { type: "answer", id, prompts, masks: [] })), undefined);
});

test("a new object shows nothing of the one that had its number before an undo", () => {
  const two = answered(after(addFirst, { type: "new" }, addSecond), mask(0.9));
  const again: readonly Action[] = [{ type: "undo" }, { type: "undo" }, { type: "new" }, addSecond];
  const state = again.reduce(reduce, two);
  assert.deepEqual(names(state), ["1", "2"]);
  assert.equal(chosenShape(state, active(state)), undefined);
  const redone = [{ type: "undo" }, { type: "redo" }].reduce((state, action) => reduce(state, action as Action), two);
  assert.equal(chosenShape(redone, active(redone))?.score, 0.9, "what is redone still has its answer");
});

test("another model is asked again, and what the old one said is shown until then", () => {
  const state = reduce(answered(after(addFirst), mask(0.9)), { type: "another-model" });
  assert.equal(unanswered(state)?.id, 1);
  assert.equal(chosenShape(state, active(state))?.score, 0.9);
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

test("all regions are kept in one step, those that are kept already once", () => {
  const regions = [mask(0.9), mask(0.8), mask(0.7)];
  const [, second] = regions;
  let state = reduce(after(), { type: "everything", everything: { status: "done", regions } });
  state = reduce(state, { type: "adopt", region: second! });
  state = reduce(state, { type: "adopt-all" });
  assert.deepEqual(
    state.history.present.items.map(({ region }) => region),
    [second, regions[0], regions[2]],
  );
  assert.equal(active(state).region, regions[0]);
  assert.equal(reduce(state, { type: "adopt-all" }), state, "nothing is left to keep");
  assert.deepEqual(names(reduce(state, { type: "undo" })), ["1"]);
});

test("an image that is shown again has its objects, and their answers are asked anew", () => {
  const left = answered(after(addFirst), mask(0.9));
  const other = reduce(left, { type: "open" });
  assert.ok(isEmpty(active(other).prompts));
  const again = reduce(other, { type: "open", history: left.history });
  assert.equal(again.history, left.history);
  assert.equal(unanswered(again), active(left));
  assert.ok(isEmpty(active(reduce(again, { type: "undo" })).prompts));
});
