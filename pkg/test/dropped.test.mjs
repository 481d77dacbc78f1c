import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Sam } from "../dist/index.js";
import { checkpoint, imageData, installPage } from "./fakes.mjs";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

let log;
let workers;
beforeEach(() => {
  log = [];
  workers = installPage({ log });
});

async function collected(condition) {
  for (let i = 0; i < 50 && !condition(); i++) {
    gc();
    await sleep(10);
  }
  return condition();
}

test("a dropped image is freed, a dropped Sam ends its Worker, in this order", async () => {
  let sam = await Sam.load({ model: checkpoint, device: "cpu" });
  let image = await sam.encode(imageData(4, 4));
  await image.segment({});
  sam = undefined;
  assert.ok(!(await collected(() => workers[0].terminated)), "an image keeps its Sam");
  assert.equal((await image.segment({})).length, 1);
  image = undefined;
  assert.ok(await collected(() => workers[0].terminated));
});

test("the answer to a call arrives although its handles were dropped", async () => {
  const calls = await (async () => {
    const sam = await Sam.load({ model: checkpoint, device: "cpu" });
    const image = await sam.encode(imageData(4, 4));
    return [image.segment({}), sam.encode(imageData(5, 5))];
  })();
  gc();
  const [masks, image] = await Promise.all(calls);
  assert.equal(masks.length, 1);
  assert.equal(image.width, 5);
});

test("the answer to the latest call is not kept", async () => {
  const sam = await Sam.load({ model: checkpoint, device: "cpu" });
  const image = await sam.encode(imageData(4, 4));
  let gone = false;
  const registry = new FinalizationRegistry(() => (gone = true));
  const ask = async () => registry.register(await image.segment({}, { latest: true }));
  await ask();
  assert.ok(await collected(() => gone));
  assert.equal(image.width, 4);
  sam.free();
});

test("a dropped image is freed while its Sam lives on", async () => {
  const sam = await Sam.load({ model: checkpoint, device: "cpu" });
  await sam.encode(imageData(4, 4));
  assert.ok(await collected(() => log.includes("free embedding")));
  assert.ok(!workers[0].terminated);
  sam.free();
});
