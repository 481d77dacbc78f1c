import assert from "node:assert/strict";
import { test } from "node:test";
import { defaults, modelFrom, modelName, readSettings } from "../src/state/settings.ts";

test("what was never written, and what is not understood, is the default", () => {
  for (const written of [null, "", "no JSON", "[]", "null", '{"device":"tpu","feather":"x","model":{"kind":"url"}}']) {
    assert.deepEqual(readSettings(written), defaults, String(written));
  }
});

test("what was written comes back", () => {
  const settings = {
    language: "zh",
    model: { kind: "url", url: "https://example.org/sam.pth" },
    device: "cpu",
    precision: "f32",
    preview: false,
    tidy: false,
    keys: false,
    feather: 3,
  } as const;
  assert.deepEqual(readSettings(JSON.stringify(settings)), settings);
});

test("a model in the address is a preset where it is known, else a file's address", () => {
  assert.deepEqual(modelFrom("tiny", ["tiny"]), { kind: "preset", name: "tiny" });
  assert.deepEqual(modelFrom("missing.safetensors", ["tiny"]), { kind: "url", url: "missing.safetensors" });
});

test("a model at an address is called by its file", () => {
  assert.equal(modelName({ kind: "url", url: "https://example.org/a/sam.pth?download=1" }), "sam.pth");
  assert.equal(modelName({ kind: "file", name: "mobile_sam.pt" }), "mobile_sam.pt");
});
