// Options that are none: a misspelt one would count as absent.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Sam, cutout, toBlob, toCocoJson, toImageData } from "../dist/index.js";
import { checkpoint, imageData, installPage } from "./fakes.mjs";

const mask = { data: new Uint8Array([1, 0]), width: 2, height: 1 };
const load = (options) => Sam.load({ model: checkpoint, device: "cpu", ...options });
let sam;
let image;
before(async () => {
  installPage({ log: [] });
  sam = await load();
  image = await sam.encode(imageData(4, 4));
});

test("an option that is not known is named, with the one that may be meant", async () => {
  const unsupported = (message) => ({ name: "SamError", code: "unsupported", message });
  const bad = (message) => ({ name: "SamError", code: "bad-prompt", message });
  await assert.rejects(load({ devices: "cpu" }), unsupported(/^options\.devices is not an option.*mean device\?/));
  await assert.rejects(load({ asset: {} }), unsupported(/mean assets\?/));
  await assert.rejects(
    load({ backend: "gpu" }),
    unsupported(/^options\.backend .*: there are model, device, .* and threads/),
  );
  await assert.rejects(load({ assets: { workers: "a" } }), unsupported(/^options\.assets\.workers .*mean worker\?/));
  await assert.rejects(
    load({ assets: { wasm: { gpu: "a" } } }),
    unsupported(/^options\.assets\.wasm\.gpu .*mean webgpu\?/),
  );
  const presets = { "sam-vit-base": "a" };
  await assert.rejects(
    load({ assets: { presets } }),
    unsupported(/^options\.assets\.presets\["sam-vit-base"\] .*mean sam-vit-b\?/),
  );
  await assert.rejects(sam.encode(imageData(4, 4), { onprogress: () => 0 }), unsupported(/mean onProgress\?/));
  await assert.rejects(sam.saveModel({ f16: true }), unsupported(/^options\.f16 .*there are half, /));
  await assert.rejects(
    image.segment({}, { multimask_output: true }),
    bad(/^options\.multimask_output .*mean multimask\?/),
  );
  await assert.rejects(
    image.everything({ points_per_side: 3 }),
    bad(/^options\.points_per_side .*mean pointsPerSide\?/),
  );
});

test("a part of a prompt that is not known is named", async () => {
  const cases = [
    [{ point: { x: 1, y: 1 } }, /^point is not a part of a prompt: did you mean points\?/],
    [{ boxes: [] }, /^boxes .*mean box\?/],
    [{ labels: [1] }, /^labels .*: there are points, box, mask and tokens\./],
    [[{}, { masks: 1 }], /^prompts\[1\]\.masks .*mean mask\?/],
  ];
  for (const [prompt, message] of cases) await assert.rejects(image.segment(prompt), { code: "bad-prompt", message });
  const absent = { points: undefined, box: null, point: undefined };
  assert.equal((await image.segment(absent, { size: undefined, sise: undefined })).length, 1);
  assert.equal((await image.segment({})).length, 1);
});

test("what is passed in the place of options is told how to write them", async () => {
  const refused = (message) => ({ code: "unsupported", message });
  await assert.rejects(Sam.load("mobile-sam"), refused(/write Sam\.load\(\{ model: "mobile-sam" \}\)/));
  for (const model of [checkpoint, new URL("https://a.test/b"), new ArrayBuffer(2), new Uint8Array(2)]) {
    await assert.rejects(Sam.load(model), refused(/write Sam\.load\(\{ model: … \}\)/));
  }
  await assert.rejects(Sam.load(5), refused(/^options is 5, not an object/));
  const { signal } = new AbortController();
  await assert.rejects(
    sam.encode(imageData(4, 4), signal),
    refused(/^options is \[object AbortSignal\].*\{ signal \}/),
  );
  const bad = (message) => ({ code: "bad-prompt", message });
  await assert.rejects(image.segment({}, 5), bad(/^options is 5, not an object such as \{ multimask: false \}/));
  await assert.rejects(image.segment({}, [1]), bad(/^options is \[object Array\]/));
  await assert.rejects(image.everything("all"), bad(/^options is "all"/));
});

test("a callback that is none is refused, as other options are", async () => {
  const onProgress = 3;
  const unsupported = { code: "unsupported", message: "options.onProgress is 3, not a function." };
  await assert.rejects(load({ onProgress }), unsupported);
  await assert.rejects(sam.encode(imageData(4, 4), { onProgress }), unsupported);
  await assert.rejects(sam.saveModel({ onProgress }), unsupported);
  await assert.rejects(image.everything({ onProgress }), { ...unsupported, code: "bad-prompt" });
});

test("as many threads as null are as many as there can be", async () => {
  assert.equal((await load({ threads: null })).info.device, "cpu");
});

test("a colour is three or four whole numbers to 255", async (t) => {
  globalThis.ImageData ??= class {
    constructor(width, height) {
      this.data = new Uint8ClampedArray(4 * width * height);
    }
  };
  t.after(() => delete globalThis.ImageData);
  for (const color of [
    "#f00",
    "red",
    3,
    [1, 2],
    [1, 2, 3, 4, 5],
    [0.5, 1, 2],
    [256, 0, 0],
    [-1, 0, 0],
    ["1", 2, 3],
    {},
  ]) {
    const refused = {
      code: "bad-prompt",
      message: /^options\.color is not \[red, green, blue\] or \[red, green, blue, alpha\]/,
    };
    assert.throws(() => toImageData(mask, { color }), refused, String(color));
    await assert.rejects(toBlob(mask, { color }), refused, String(color));
  }
  for (const color of [
    [1, 2, 3],
    [1, 2, 3, undefined],
  ]) {
    assert.deepEqual([...toImageData(mask, { color }).data], [1, 2, 3, 255, 0, 0, 0, 0]);
  }
  assert.deepEqual([...toImageData(mask, { color: Uint8Array.of(1, 2, 3, 4) }).data.slice(0, 4)], [1, 2, 3, 4]);
  assert.deepEqual([...toImageData(mask, { color: null }).data.slice(0, 4)], [255, 255, 255, 255]);
});

test("what draws says that it needs a browser", async () => {
  const [canvas, bitmaps] = [globalThis.OffscreenCanvas, globalThis.createImageBitmap];
  delete globalThis.OffscreenCanvas;
  delete globalThis.createImageBitmap;
  try {
    const unsupported = (missing) => ({
      code: "unsupported",
      message: new RegExp(`browser, and there is no ${missing}.* here`),
    });
    assert.throws(() => toImageData(mask), unsupported("ImageData"));
    await assert.rejects(toBlob(mask), unsupported("ImageData"));
    await assert.rejects(cutout(new Blob(["a"]), mask), unsupported("OffscreenCanvas"));
  } finally {
    Object.assign(globalThis, { OffscreenCanvas: canvas, createImageBitmap: bitmaps });
  }
});

test("a list of masks that is forgotten is asked for", () => {
  const refuse = (args, message) => assert.throws(() => toCocoJson(...args), { code: "bad-prompt", message });
  refuse([mask], /^masks is undefined, not an array of masks/);
  refuse([{ width: 2, height: 1 }, mask], /^masks is \[object Object\]|^masks is an object, not an array of masks/);
  refuse([undefined, [mask]], /^image is undefined, not \{ width, height \}/);
  refuse([[mask]], /^image\.width is undefined/);
});
