import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { planLoad } from "../dist/client/options.js";
import { toIntegrity } from "../dist/integrity.js";
import { Sam, presets } from "../dist/index.js";
import { installPage } from "./fakes.mjs";

beforeEach(() => void installPage());

/** Of the files that were published. */
const published = {
  "mobile-sam": [40_728_226, "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f"],
  "sam-vit-b": [375_042_383, "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"],
  "sam-vit-l": [1_249_524_607, "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"],
  "sam-vit-h": [2_564_550_879, "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"],
};

test("the presets are the published files", () => {
  assert.deepEqual(
    presets.map(({ name }) => name),
    ["slimsam-77", "mobile-sam", "sam-vit-b", "sam-vit-l", "sam-vit-h"],
  );
  for (const { name, url, title, licence, bytes, integrity } of presets) {
    assert.equal(new URL(url).protocol, "https:");
    assert.ok(title !== "" && licence === "Apache-2.0");
    const [size, hash] = published[name] ?? [bytes];
    assert.equal(bytes, size);
    assert.equal(integrity, hash === undefined ? undefined : toIntegrity(hash));
  }
});

test("a preset is loaded from its address, and checked where its hash is known", () => {
  for (const { name, url, integrity } of presets) {
    const { params } = planLoad({ model: name });
    assert.deepEqual(params.model, { kind: "url", url, preset: name });
    assert.equal(params.integrity, integrity);
  }
  const mine = `sha256-${"A".repeat(43)}=`;
  assert.equal(planLoad({ model: "sam-vit-b", integrity: mine }).params.integrity, mine);
});

test("at an address of the caller's own a preset is the caller's file", () => {
  const assets = { presets: { "sam-vit-b": "models/b.safetensors" } };
  const { params } = planLoad({ model: "sam-vit-b", assets });
  assert.deepEqual(params.model, { kind: "url", url: "https://page.test/models/b.safetensors", preset: "sam-vit-b" });
  assert.equal(params.integrity, undefined);
  assert.ok(planLoad({ model: "mobile-sam", assets }).params.integrity !== undefined);
});

test("an integrity that no file has is refused before anything is downloaded", async () => {
  for (const integrity of ["md5-1", "sha256-", "sha256-wrong", 7, `sha384-${"A".repeat(43)}=`]) {
    await assert.rejects(Sam.load({ integrity }), { code: "integrity", message: /integrity is .*base64/ });
  }
});
