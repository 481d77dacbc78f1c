import assert from "node:assert/strict";
import { test } from "node:test";
import { Sam } from "../dist/index.js";
import { toWireEverything } from "../dist/client/everything.js";
import { checkpoint, imageData, installPage, until } from "./fakes.mjs";

async function encoded(log = [], width = 4, height = 6) {
  installPage({ log });
  const sam = await Sam.load({ model: checkpoint, device: "cpu" });
  const image = imageData(width, height);
  return { sam, image: await sam.encode(image) };
}

test("parameters go to the module as they are, what is absent stays absent", () => {
  assert.deepEqual(toWireEverything({}), {});
  const given = { pointsPerSide: 16, predIouThresh: 0, cropNLayers: 0, minMaskRegionArea: 50, outputMode: "coco_rle" };
  assert.deepEqual(
    toWireEverything({ ...given, signal: null, boxNmsThresh: null, onProgress: () => undefined }),
    given,
  );
  assert.deepEqual(toWireEverything({ pointGrids: [[[0.5, 0.25]], [[0, 1], Float32Array.of(0.5, 0.5)]] }), {
    pointGrids: [Float64Array.of(0.5, 0.25), Float64Array.of(0, 1, 0.5, 0.5)],
  });
});

test("a parameter that makes no sense is named", async (t) => {
  const cases = [
    [{ pointsPerSide: 0 }, /^options\.pointsPerSide is 0, not a whole number/],
    [{ pointsPerSide: 2.5 }, /^options\.pointsPerSide is 2\.5/],
    [{ pointsPerBatch: "8" }, /^options\.pointsPerBatch is "8"/],
    [{ cropNLayers: -1 }, /^options\.cropNLayers is -1, not a whole number from 0 to/],
    [{ minMaskRegionArea: 0.5 }, /^options\.minMaskRegionArea is 0\.5, not a whole number from 0 to/],
    [{ minMaskRegionArea: NaN }, /^options\.minMaskRegionArea is NaN/],
    [{ predIouThresh: NaN }, /^options\.predIouThresh is NaN, not a finite number/],
    [{ boxNmsThresh: Infinity }, /^options\.boxNmsThresh is Infinity/],
    [{ pointGrids: [], pointsPerSide: 32 }, /^options\.pointGrids is given, and options\.pointsPerSide too/],
    [{ pointGrids: 3 }, /^options\.pointGrids is 3/],
    [{ pointGrids: [] }, /^options\.pointGrids has no grids/],
    [{ pointGrids: [3] }, /^options\.pointGrids\[0\] is 3/],
    [{ pointGrids: [[[0, 0], [1]]] }, /^options\.pointGrids\[0\]\[1\] is not \[x, y\]/],
    [{ pointGrids: [[[0, NaN]]] }, /^options\.pointGrids\[0\]\[0\] is not \[x, y\]/],
    [{ pointGrids: [[[0, 1]], [[0, 1.5]]] }, /^options\.pointGrids\[1\]\[0\] is \[0, 1\.5\]: .* from 0 to 1/],
    [{ pointGrids: [[[-0.1, 0]]] }, /^options\.pointGrids\[0\]\[0\] is \[-0\.1, 0\]/],
    [{ outputMode: "png" }, /^options\.outputMode is "png"/],
    [3, /^options is 3/],
  ];
  const { image } = await encoded();
  for (const [options, message] of cases) {
    await t.test(JSON.stringify(options), async () => {
      await assert.rejects(image.everything(options), { name: "SamError", code: "bad-prompt", message });
    });
  }
  await assert.rejects(image.everything({ signal: 3 }), { code: "bad-prompt", message: /^options\.signal is 3/ });
  await assert.rejects(image.everything({ pointsPerSide: 13 }), { code: "bad-prompt", message: /is 13/ });
});

test("batch by batch, with progress and candidates", async () => {
  const log = [];
  const { image } = await encoded(log);
  const seen = [];
  const [record] = await image.everything({ onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(
    seen.map(({ done, total }) => [done, total]),
    [2, 4, 6, 8, 10].map((done) => [done, 10]),
  );
  assert.deepEqual(seen[0].candidates[0].point, [2, 0]);
  assert.deepEqual([record.segmentation.data.length, record.area], [24, 24]);
  log.length = 0;
  const [runs] = await image.everything({ outputMode: "uncompressed_rle" });
  assert.deepEqual(runs.segmentation, { size: [6, 4], counts: [0, 24] });
  assert.ok(!log.includes("candidates"), "nobody looks at them");
});

test("crops are read from the image again", async () => {
  const log = [];
  installPage({ log });
  const sam = await Sam.load({ model: checkpoint, device: "cpu" });
  const pixels = imageData(4, 6);
  pixels.data.forEach((_, i) => (pixels.data[i] = 100 + Math.floor(i / 4)));
  const image = await sam.encode(pixels);
  pixels.data.fill(0);
  log.length = 0;
  await image.everything({ cropNLayers: 1 });
  // Of 4 × 6 pixels the crop at (1, 2) of 3 × 4: from pixel 9 to pixel 23.
  assert.ok(log.includes("pixels from 109 to 123"), log.join(", "));
  assert.ok(log.indexOf("supply 3 × 4") > log.indexOf("batch at 8"));
  assert.ok(log.indexOf("supply 3 × 4") < log.indexOf("batch at 10"));
});

test("an image from a file has no pixels to crop", async () => {
  const { sam, image } = await encoded();
  const opened = await sam.open(await image.save());
  const refused = { code: "bad-prompt", message: /^options\.cropNLayers is 1, .*no pixels to crop/ };
  await assert.rejects(opened.everything({ cropNLayers: 1 }), refused);
  assert.equal((await opened.everything({ cropNLayers: 0 })).length, 1);
});

test("an abort stops after the batch it is at, and other calls get in between", async () => {
  const log = [];
  const { image } = await encoded(log);
  const controller = new AbortController();
  const onProgress = ({ done }) => done === 4 && controller.abort("enough");
  const asked = image.everything({ cropNLayers: 50, signal: controller.signal, onProgress });
  await image.segment({});
  await assert.rejects(asked, (reason) => reason === "enough");
  await until(() => log.includes("free generation"));
  const batches = log.filter((line) => line.startsWith("batch")).length;
  assert.ok(batches < 10, `${batches} batches`);
  assert.ok(log.indexOf("segment 1") < log.lastIndexOf("batch at 2"), log.join(", "));
});

test("freeing the image ends what is pending", async () => {
  const log = [];
  const { image } = await encoded(log);
  const asked = image.everything({ cropNLayers: 50 });
  await image.segment({});
  image.free();
  await assert.rejects(asked, { code: "disposed" });
  await until(() => log.includes("free generation") && log.includes("free embedding"));
  await assert.rejects(image.everything(), { code: "disposed" });
});
