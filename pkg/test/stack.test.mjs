import assert from "node:assert/strict";
import { test } from "node:test";
import { passesThroughWasm } from "../dist/host/stack.js";
import { throughWasm } from "./fakes.mjs";

test("a stack tells whether wasm was on it", () => {
  let stack;
  throughWasm(() => (stack = new Error().stack));
  assert.ok(passesThroughWasm(stack));
  assert.ok(!passesThroughWasm(new Error().stack));
  assert.ok(!passesThroughWasm(undefined));
});

test("in the words of other browsers too", () => {
  // Firefox and Safari.
  assert.ok(
    passesThroughWasm("f@https://page.test/burn_sam.js:9:1\nrun@https://page.test/x.wasm:wasm-function[7]:0x2a"),
  );
  assert.ok(
    passesThroughWasm("f@https://page.test/burn_sam.js:9:1\nwasm-stub@[wasm code]\n<?>.wasm-function[7]@[wasm code]"),
  );
  assert.ok(!passesThroughWasm("f@https://page.test/dist/wasm/cpu/burn_sam.js:9:1"));
});
