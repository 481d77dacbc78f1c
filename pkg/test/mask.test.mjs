import assert from "node:assert/strict";
import { test } from "node:test";
import { cutout, toBlob, toCocoRle, toImageData, toRle } from "../dist/index.js";

const mask = { data: new Uint8Array(6), width: 3, height: 2 };

test("an image that cannot be fetched is a network error for cutout, as it is for encode", async (t) => {
  const fetch = t.mock.method(globalThis, "fetch", async () => {
    throw new TypeError("Failed to fetch");
  });
  await assert.rejects(cutout("https://dead.test/x.jpg", mask), { code: "network", message: /dead\.test/ });
  fetch.mock.mockImplementation(async () => new Response("", { status: 404 }));
  await assert.rejects(cutout(new URL("https://dead.test/x.jpg"), mask), { code: "network", message: /404/ });
  const broken = new Response(new ReadableStream({ start: (controller) => controller.error(new Error("reset")) }));
  fetch.mock.mockImplementation(async () => broken);
  await assert.rejects(cutout("https://dead.test/x.jpg", mask), { code: "network", message: /reset/ });
});

test("what is no mask is refused by all helpers alike", async () => {
  const wrong = {
    "mask is undefined": undefined,
    "mask.width is 0": { ...mask, width: 0 },
    "mask.height is 1.5": { ...mask, height: 1.5 },
    "mask.data has 6 values, not 3 × 3": { ...mask, height: 3 },
    "mask.data is not a Uint8Array": { ...mask, data: new Float32Array(6) },
  };
  for (const [message, value] of Object.entries(wrong)) {
    const refused = { name: "SamError", code: "bad-prompt", message: new RegExp(`^${message.replace(/\./g, "\\.")}`) };
    for (const helper of [toRle, toCocoRle, toImageData]) assert.throws(() => helper(value), refused);
    await assert.rejects(toBlob(value), refused);
    await assert.rejects(cutout("https://dead.test/x.jpg", value), refused);
  }
});
