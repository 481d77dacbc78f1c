import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { languages, preferred } from "../src/text/texts.ts";

const html = readFileSync("index.html", "utf8");

test("every text that index.html asks for is there, in every language", () => {
  const keys = [...html.matchAll(/data-t(?:-label|-title)?="([^"]*)"/g)].map(([, key]) => key ?? "");
  assert.ok(keys.length > 100);
  for (const [name, texts] of Object.entries(languages)) {
    const table: Readonly<Record<string, unknown>> = { ...texts };
    const missing = keys.filter((key) => typeof table[key] !== "string" || table[key] === "");
    assert.deepEqual(missing, [], name);
  }
});

test("no text of one language is left in the other", () => {
  const same = Object.entries(languages.en).filter(
    ([key, value]) => typeof value === "string" && languages.zh[key as keyof typeof languages.zh] === value,
  );
  // The names of keys are on the keys.
  assert.deepEqual(
    same.map(([key]) => key),
    ["keyDelete"],
  );
});

test("the first language that the visitor and the page share is taken", () => {
  assert.equal(preferred(["de", "zh-TW", "en"]), "zh");
  assert.equal(preferred(["en-GB", "zh"]), "en");
  assert.equal(preferred(["fr"]), "en");
  assert.equal(preferred([]), "en");
});
