import assert from "node:assert/strict";
import { test } from "node:test";
import { SamError, fromWire, isSamError, toSamError, toWire } from "../dist/errors.js";
import { samError } from "./fakes.mjs";

test("an error keeps class, code, message and cause across a structured clone", () => {
  const error = new SamError("internal", "it broke", new RangeError("too far"));
  const rebuilt = fromWire(structuredClone(toWire(error)));
  assert.ok(rebuilt instanceof SamError && rebuilt instanceof Error);
  assert.equal(rebuilt.name, "SamError");
  assert.equal(rebuilt.code, "internal");
  assert.equal(rebuilt.message, "it broke");
  assert.equal(rebuilt.cause.name, "RangeError");
  assert.equal(rebuilt.cause.message, "too far");
});

test("an error of the wasm module is recognised by its name and a known code", () => {
  assert.ok(isSamError(samError("bad-image", "x")));
  assert.ok(!isSamError(samError("no-such-code", "x")));
  assert.ok(!isSamError(new Error("x")));
  assert.equal(toSamError(samError("bad-image", "x"), "internal").code, "bad-image");
});

test("whatever else is thrown gets the given code", () => {
  assert.equal(toSamError("a string", "internal").message, "a string");
  assert.equal(toSamError(undefined, "network").code, "network");
});
