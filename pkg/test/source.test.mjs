// What the caller has, prepared to be sent: as it is when the call is made.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { runInNewContext } from "node:vm";
import { cutout } from "../dist/index.js";
import { toWireSource } from "../dist/source.js";
import { FakeBitmap, imageData, installPage } from "./fakes.mjs";

const mask = { data: new Uint8Array([1]), width: 1, height: 1 };

/** An <img> as far as this package looks at one; `decode` takes what the browser does. */
function fakeImage(properties) {
  const tag = { [Symbol.toStringTag]: "HTMLImageElement" };
  return { ...tag, src: "a.png", currentSrc: "", loading: "auto", complete: false, naturalWidth: 0, ...properties };
}

/** Canvases that read everything but what is from another origin. */
function canvas({ tainted = false } = {}) {
  return class {
    getContext = () => ({
      drawImage: () => undefined,
      getImageData: () => {
        if (tainted) throw new DOMException("tainted", "SecurityError");
      },
    });
  };
}

let taken;
beforeEach(() => {
  installPage();
  taken = [];
  globalThis.OffscreenCanvas = canvas();
  globalThis.createImageBitmap = async (source) => {
    taken.push(source.src ?? source);
    return new FakeBitmap(3, 2);
  };
});

test("the pixels of an <img> that is there are taken at once", async () => {
  const decode = () => Promise.reject(new DOMException("another src", "EncodingError"));
  const image = fakeImage({ complete: true, naturalWidth: 3, naturalHeight: 2, decode });
  const preparing = toWireSource(image);
  image.src = "b.png";
  assert.equal((await preparing).source.kind, "bitmap");
  assert.deepEqual(taken, ["a.png"]);
});

test("an <img> that would be loaded when it comes into view is loaded now", async () => {
  const image = fakeImage({
    loading: "lazy",
    // Else it hangs.
    decode: () => (image.loading === "eager" ? Object.assign(image, { naturalWidth: 3, naturalHeight: 2 }) : undefined),
  });
  assert.equal((await toWireSource(image)).source.kind, "bitmap");
  assert.equal(image.loading, "eager");
});

test("an <img> that is given another src while it is loaded is not called broken", async () => {
  const decode = () => Promise.reject(new DOMException("another src", "EncodingError"));
  const image = fakeImage({ decode });
  const preparing = toWireSource(image);
  image.src = "b.png";
  await assert.rejects(preparing, { code: "bad-image", message: /<img> b\.png was given another src/ });
  await assert.rejects(toWireSource(fakeImage({ decode })), { code: "bad-image", message: /a\.png is broken/ });
});

test("what cutout cannot read has the sentence that encode has", async () => {
  const blob = (type) => new Blob(["<svg/>"], { type });
  const frame = { displayWidth: 0, displayHeight: 0, [Symbol.toStringTag]: "VideoFrame" };
  const cases = [
    [undefined, /^Undefined is not an image/],
    [{ width: 0, height: 0, [Symbol.toStringTag]: "ImageBitmap" }, /^The ImageBitmap is closed/],
    [frame, /^The VideoFrame is closed/],
    [{ ...imageData(2, 2), data: new Uint8ClampedArray(0) }, /^The ImageData has 0 bytes/],
    [new Blob([]), /is empty/],
    [{ readyState: 0, [Symbol.toStringTag]: "HTMLVideoElement" }, /no frame yet/],
  ];
  for (const [image, message] of cases) {
    await assert.rejects(cutout(image, mask), { code: "bad-image", message });
    await assert.rejects(async () => toWireSource(image), { code: "bad-image" }, String(message));
  }
  globalThis.createImageBitmap = () => Promise.reject(new DOMException("no", "InvalidStateError"));
  await assert.rejects(cutout(blob("image/svg+xml"), mask), {
    code: "bad-image",
    message: /put the SVG into an <img>/,
  });

  const bitmap = new FakeBitmap(2, 2);
  globalThis.createImageBitmap = async () => bitmap;
  globalThis.OffscreenCanvas = canvas({ tainted: true });
  const image = fakeImage({ complete: true, naturalWidth: 3, naturalHeight: 2 });
  await assert.rejects(cutout(image, mask), { code: "bad-image", message: /comes from another origin/ });
  assert.ok(bitmap.closed);
});

test("a mask that is empty leaves nothing to crop to, which is the mask's fault", async () => {
  const empty = { data: new Uint8Array(1), width: 1, height: 1 };
  const canvas = { width: 1, height: 1, [Symbol.toStringTag]: "HTMLCanvasElement" };
  await assert.rejects(cutout(canvas, empty, { crop: true }), { code: "bad-prompt", message: /^mask is empty/ });
});

test("things of another frame are what they are here", async () => {
  const { bytes, floats, clamped } = runInNewContext(
    "({ bytes: new Uint8Array([1]), floats: new Float32Array([1]), clamped: new Uint8ClampedArray(4) })",
  );
  const { toWirePrompt } = await import("../dist/client/prompt.js");
  const { planLoad } = await import("../dist/client/options.js");
  const { area, stability } = await import("../dist/index.js");
  for (const data of [bytes, floats]) assert.equal(toWirePrompt({ mask: { ...mask, data } }, "").mask.data[0], 1);
  assert.deepEqual(toWirePrompt({ tokens: floats }, "").tokens, { data: floats, rows: 0 });
  assert.equal(area({ ...mask, data: bytes }), 1);
  assert.equal(stability({ ...mask, data: floats }), 0);
  assert.deepEqual(toWireSource({ ...imageData(1, 1), data: clamped }).source.kind, "pixels");
  const url = { href: "https://a.test/", toString: () => "https://a.test/", [Symbol.toStringTag]: "URL" };
  assert.deepEqual(toWireSource(url).source, { kind: "url", url: "https://a.test/" });
  assert.equal(planLoad({ model: url, assets: { wasm: url } }).params.wasm.cpu, "https://a.test/");
  const { kind, blob } = planLoad({ model: bytes }).params.model;
  assert.deepEqual([kind, blob.size], ["blob", 1]);
  assert.equal(planLoad({ model: runInNewContext("new ArrayBuffer(3)") }).params.model.blob.size, 3);
});
