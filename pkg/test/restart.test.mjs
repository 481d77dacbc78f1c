// What is lost, and what sam.restart() brings back.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Sam, SamError } from "../dist/index.js";
import { FakeBitmap, checkpoint, imageData, installPage, until } from "./fakes.mjs";

let log;
let workers;
beforeEach(() => {
  log = [];
  workers = installPage({ log });
});
const load = (options) => Sam.load({ model: checkpoint, device: "cpu", ...options });

test("a trap loses the session; restart loads the same model again", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  const trapped = image.segment({}, { threshold: 500 });
  const pending = sam.encode(imageData(4, 4));
  await assert.rejects(trapped, { code: "internal", message: /unreachable.*sam\.restart/ });
  await assert.rejects(pending, { code: "internal" });
  await assert.rejects(image.segment({}), { code: "device-lost", message: /unreachable.*sam\.restart/ });
  await assert.rejects(sam.encode(imageData(4, 4)), { code: "device-lost" });
  const old = sam.lost;
  assert.ok((await old) instanceof SamError);
  await Promise.all([sam.restart(), sam.restart()]);
  assert.equal(workers.length, 2);
  assert.equal((await sam.encode(imageData(4, 4))).width, 4);
  // To restart again would only lose the images that were encoded since.
  for (const call of [image.segment({}), image.save(), image.everything()]) {
    await assert.rejects(call, { code: "disposed", message: /^The session was ended by sam\.restart\(\): encode/ });
  }
  assert.equal((await old).code, "internal", "the loss that was");
  assert.equal((await load()).info.parameters, 7);
});

test("a restart that fails leaves the session lost, and another may work", async () => {
  const sam = await load();
  workers[0].onerror({ error: new Error("gone") });
  await sam.lost;
  installPage({ script: "forbidden" });
  await assert.rejects(sam.restart(), { code: "unsupported" });
  await assert.rejects(sam.encode(imageData(4, 4)), { code: "device-lost" });
  installPage({ log });
  await sam.restart();
  assert.equal((await sam.encode(imageData(4, 4))).width, 4);
});

test("a restart of a model that was well is a loss when it fails", async () => {
  const sam = await load();
  const { lost } = sam;
  const image = await sam.encode(imageData(4, 4));
  installPage({ script: "forbidden" });
  await assert.rejects(sam.restart(), { code: "unsupported" });
  assert.equal((await Promise.race([lost, sleep(50)]))?.code, "unsupported");
  for (const call of [image.segment({}), sam.encode(imageData(4, 4))]) {
    await assert.rejects(call, { code: "device-lost", message: /blocked by the policy.*sam\.restart/ });
  }
  installPage({ log });
  await sam.restart();
  assert.equal(await Promise.race([sam.lost, "pending"]), "pending");
  assert.equal((await sam.encode(imageData(4, 4))).width, 4);
});

test("a Sam that is freed while it restarts is not lost", async () => {
  const sam = await load();
  const { lost } = sam;
  const restarting = sam.restart();
  sam.free();
  await assert.rejects(restarting, { code: "disposed" });
  assert.equal(await Promise.race([lost, "pending"]), "pending");
});

test("a call during a restart waits for it, with the pixels there were", async () => {
  const sam = await load();
  const file = await (await sam.encode(imageData(2, 2))).save();
  log.length = 0;
  const pixels = imageData(4, 4);
  pixels.data.fill(7);
  const restarting = sam.restart();
  const calls = [sam.encode(pixels), sam.open(file), sam.saveModel()];
  pixels.data.fill(9);
  const controller = new AbortController();
  const aborted = sam.encode(imageData(4, 4), { signal: controller.signal });
  controller.abort("enough");
  await assert.rejects(aborted, (reason) => reason === "enough");
  assert.equal(workers.length, 2);
  assert.equal(await Promise.race([restarting, "pending"]), "pending");
  const [image, opened, saved] = await Promise.all(calls);
  assert.deepEqual([image.width, opened.width, saved.size], [4, 2, 10]);
  assert.ok(log.includes("pixels from 7 to 7"), log.join());
  await assert.rejects(sam.encode(42), { code: "bad-image" });
});

test("a call that waits for a restart ends with it, and leaves no bitmap", async () => {
  const sam = await load();
  const bitmaps = [];
  installPage({ script: "forbidden" });
  globalThis.createImageBitmap = async () => {
    bitmaps.push(new FakeBitmap(4, 4));
    return bitmaps.at(-1);
  };
  globalThis.OffscreenCanvas = class {
    getContext = () => null;
  };
  const canvas = { width: 4, height: 4, [Symbol.toStringTag]: "HTMLCanvasElement" };
  const restarting = sam.restart();
  const encoding = sam.encode(canvas);
  await assert.rejects(restarting, { code: "unsupported" });
  await assert.rejects(encoding, { code: "device-lost" });
  await until(() => bitmaps[0]?.closed);

  installPage({ log });
  const again = sam.restart();
  const waiting = sam.encode(imageData(4, 4));
  sam.free();
  await assert.rejects(waiting, { code: "disposed", message: /This Sam was freed/ });
  await assert.rejects(again, { code: "disposed" });
});
