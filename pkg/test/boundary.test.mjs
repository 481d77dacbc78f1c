// The boundary of the wasm module for the CPU, which runs in Node as it does in a browser.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";

const folder = new URL("../dist/wasm/cpu/", import.meta.url);
const wasm = await import(new URL("burn_sam.js", folder));
await wasm.default({ module_or_path: readFileSync(new URL("burn_sam_bg.wasm", folder)) });

const tiny = readFileSync(new URL("../models/tiny.safetensors", import.meta.url));
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const sourceOf = (bytes) => ({ size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) });
const load = (source, onTensor) => wasm.Session.load(source, {}, onTensor);

test("a checkpoint is read piece by piece, and each tensor told", async () => {
  let longest = 0;
  const source = sourceOf(tiny);
  const read = (offset, length) => {
    longest = Math.max(longest, length);
    return source.read(offset, length);
  };
  const seen = [];
  const session = await load({ size: source.size, read }, (done, total) => void seen.push([done, total]));
  const { model, layout, parameters, hash } = session.info;
  assert.deepEqual({ model, layout, parameters }, { model: "tiny", layout: "burn-sam", parameters: 2851760 });
  assert.equal(hash, sha256(tiny));
  assert.ok(longest < tiny.length / 4, `${longest} of ${tiny.length} bytes at a time`);
  assert.deepEqual(
    seen,
    Array.from(seen, (_, i) => [i + 1, seen.length]),
  );
});

test("a source's own error reaches the caller; others say why the file could not be read", async () => {
  const failing = (error) => ({
    ...sourceOf(tiny),
    read(offset, length) {
      if (offset > 100_000) throw error;
      return tiny.subarray(offset, offset + length);
    },
  });
  const lost = Object.assign(new Error("the connection broke off"), { name: "SamError", code: "network" });
  await assert.rejects(load(failing(lost)), (error) => error === lost);
  for (const error of [new Error("the disk was ejected"), "the disk was ejected"]) {
    await assert.rejects(load(failing(error)), {
      code: "bad-checkpoint",
      message: /could not be read: the disk was ej/,
    });
  }
});

test("a source that is none is refused", async () => {
  const read = (offset, length) => new Uint8Array(length + 1);
  for (const source of [
    { size: NaN, read },
    { size: -1, read },
    { size: 9, read },
    { size: 9, read: () => "text" },
  ]) {
    await assert.rejects(load(source), { code: "bad-checkpoint" });
  }
  await assert.rejects(load({ size: 100, read: () => new Uint8Array(0) }), {
    code: "bad-checkpoint",
    message: /empty/,
  });
});

test("loading ends with what onTensor throws, and waits for its promise", async () => {
  const reason = new DOMException("stop", "AbortError");
  const source = sourceOf(tiny);
  const stop = (done) => {
    if (done === 3) throw reason;
  };
  await assert.rejects(load(source, stop), (error) => error === reason);
  await assert.rejects(
    load(source, async (done) => stop(done)),
    (error) => error === reason,
  );
  let turns = 0;
  await load(source, () => new Promise((resolve) => setTimeout(() => resolve(turns++), 0)));
  assert.ok(turns > 100);
});

test("a file is hashed in pieces", () => {
  const hasher = new wasm.Sha256();
  for (let start = 0; start < tiny.length; start += 100_003) hasher.update(tiny.subarray(start, start + 100_003));
  assert.equal(hasher.digest(), sha256(tiny));
  assert.equal(new wasm.Sha256().digest(), sha256(""));
});

test("a checkpoint is converted in pieces, and loads again", async () => {
  const sizes = [false, true].map((half) => {
    const chunks = [];
    const conversion = new wasm.Conversion(sourceOf(tiny), half, (chunk) => chunks.push(chunk));
    let before = conversion.written;
    for (let done = false; !done; before = conversion.written) {
      done = conversion.step();
      assert.ok(conversion.written > before);
    }
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    assert.deepEqual([conversion.written, conversion.total], [length, length]);
    conversion.free();
    return chunks;
  });
  const [full, half] = sizes.map((chunks) => Buffer.concat(chunks));
  assert.ok(half.length < 0.55 * full.length);
  for (const bytes of [full, half]) {
    const { model, layout, parameters } = (await load(sourceOf(bytes))).info;
    assert.deepEqual({ model, layout, parameters }, { model: "tiny", layout: "burn-sam", parameters: 2851760 });
  }
  const noRoom = new Error("the disk is full");
  const write = () => {
    throw noRoom;
  };
  assert.throws(
    () => new wasm.Conversion(sourceOf(tiny), true, write),
    (error) => error === noRoom,
  );
});
