import assert from "node:assert/strict";
import { test } from "node:test";
import { keepSettings, recallSettings } from "../src/io/store.ts";
import { defaults } from "../src/state/settings.ts";

/** Gives the page a storage, or none. */
function useStorage(written: Map<string, string> | null): void {
  const value = written && {
    getItem: (key: string) => written.get(key) ?? null,
    setItem: (key: string, words: string) => void written.set(key, words),
  };
  Object.defineProperty(globalThis, "localStorage", { value, configurable: true });
}

test("a checkpoint's name is remembered together with what tells its file from others", () => {
  useStorage(new Map());
  assert.deepEqual(recallSettings(), { ...defaults, file: null });
  const settings = { ...defaults, model: { kind: "file", name: "a.pth" }, file: "5-1-a.pth" } as const;
  keepSettings(settings);
  assert.deepEqual(recallSettings(), settings);
});

test("what is not understood, or without storage, is no file", () => {
  for (const written of ["no JSON", "null", "[]", "3", '{"file":7}', "{}"]) {
    useStorage(new Map([["burn-sam", written]]));
    assert.equal(recallSettings().file, null, written);
  }
  useStorage(null);
  assert.deepEqual(recallSettings(), { ...defaults, file: null });
  keepSettings({ ...defaults, file: null });
});
