import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Sam } from "../dist/index.js";
import { checkpoint, imageData, installPage, until } from "./fakes.mjs";

let log;
let workers;
beforeEach(() => {
  log = [];
  workers = installPage({ log });
});
const load = (options) => Sam.load({ model: checkpoint, device: "cpu", ...options });

test("load, encode, segment, save, open", async () => {
  const stages = [];
  const sam = await load({ onProgress: ({ stage }) => stages.push(stage) });
  assert.deepEqual([...new Set(stages)], ["download", "compile", "load"]);
  assert.equal(sam.info.device, "cpu");
  assert.equal(sam.info.adapter, "WebAssembly SIMD");
  assert.equal(sam.info.wasmMemory, 65536);

  const progress = [];
  const image = await sam.encode(imageData(30, 20), { onProgress: (p) => progress.push(p) });
  assert.deepEqual([image.width, image.height], [30, 20]);
  assert.deepEqual(progress.at(0), { stage: "read", loaded: 20, total: 20 });
  assert.deepEqual(progress.at(-1), { stage: "encode", loaded: 5, total: 5 });

  const [mask] = await image.segment({ points: [{ x: 1, y: 1 }] });
  assert.equal(mask.data.length, 600);
  const [logits] = await image.segment({}, { output: "logits", size: [5, 4] });
  assert.ok(logits.data instanceof Float32Array && logits.data.length === 20);
  assert.deepEqual(await image.segment([]), []);
  assert.deepEqual((await image.embedding()).shape, [1, 1, 2, 2]);

  const again = await sam.open(await image.save());
  assert.deepEqual([again.width, again.height], [30, 20]);
  await assert.rejects(sam.open(new ArrayBuffer(3)), { code: "bad-embedding" });
  await assert.rejects(sam.open("file"), { code: "bad-embedding" });
  sam.free();
  assert.ok(workers[0].terminated);
});

test("the caller's pixels, logits and checkpoint are not detached", async () => {
  const bytes = new Uint8Array(10).buffer;
  const sam = await load({ model: bytes });
  const source = imageData(4, 4);
  const image = await sam.encode(source);
  const [mask] = await image.segment({});
  await image.segment({ mask: mask.logits });
  assert.equal(bytes.byteLength, 10);
  assert.equal(source.data.length, 64);
  assert.equal(mask.logits.data.length, 16);
});

test("pixels may be changed or transferred as soon as encode was called", async () => {
  const sam = await load();
  const image = imageData(4, 4);
  const encoding = sam.encode(image);
  structuredClone(image.data.buffer, { transfer: [image.data.buffer] });
  assert.equal((await encoding).width, 4);
});

test("a wrong prompt or a wrong answer leaves the session usable", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  await assert.rejects(image.segment({ points: [{ x: NaN, y: 0 }] }), { code: "bad-prompt" });
  await assert.rejects(image.segment([{}, { box: [1] }]), { code: "bad-prompt", message: /^prompts\[1\]\.box/ });
  await assert.rejects(image.segment({}, { threshold: 502 }), { code: "bad-prompt", message: "the model says no" });
  await assert.rejects(sam.encode(42), { code: "bad-image", message: /Number is not an image/ });
  await assert.rejects(sam.encode(new Blob([])), { code: "bad-image", message: /empty/ });
  await assert.rejects(sam.encode(new Blob(["text"])), { code: "bad-image", message: /cannot decode/ });
  assert.equal((await image.segment({})).length, 1);
});

test("what the module has no memory for is refused, and the session goes on", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  const refused = { code: "out-of-memory", message: "ask for a smaller size" };
  await assert.rejects(image.segment({}, { threshold: 503 }), refused);
  assert.equal((await image.segment({})).length, 1);
});

test("a batch is decoded in groups, and answered in its own order", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  log.length = 0;
  const answers = await image.segment([0, 1, 2, 3, 4].map((x) => ({ points: [{ x, y: 0 }] })));
  assert.deepEqual(
    answers.map(([mask]) => mask.area),
    [0, 1, 2, 3, 4],
  );
  assert.deepEqual(log, ["groups of 5", "segment 1", "segment 2", "segment 2"]);
  log.length = 0;
  await image.segment({});
  assert.deepEqual(log, ["segment 1"], "a single prompt needs no groups");
  const mask = { data: new Uint8Array(169), width: 13, height: 13 };
  await assert.rejects(image.segment([{}, { mask }]), { code: "bad-prompt", message: /prompts\[1\]\.mask/ });
});

test("a batch that is given up stops after the group it is at, and other calls get in between", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  const other = await sam.encode(imageData(5, 5));
  log.length = 0;
  const prompts = Array.from({ length: 500 }, () => ({}));
  const controller = new AbortController();
  const batch = image.segment(prompts, { signal: controller.signal });
  await other.segment({});
  const before = log.length;
  assert.ok(before < 20, `${before} calls before the other one had its turn`);
  controller.abort();
  await assert.rejects(batch, { name: "AbortError" });
  await sleep(50);
  assert.ok(log.length < before + 10, `${log.length - before} calls after the abort`);

  const [overtaken, newer] = await Promise.allSettled([
    image.segment(prompts, { latest: true }),
    image.segment({}, { latest: true }),
  ]);
  assert.deepEqual([overtaken.reason?.code, newer.status], ["superseded", "fulfilled"]);
});

test("what was transferred away is refused by its kind, and the next call works", async () => {
  const detach = (buffer) => structuredClone(buffer, { transfer: [buffer] });
  const sam = await load();
  const image = imageData(4, 4);
  detach(image.data.buffer);
  await assert.rejects(sam.encode(image), { code: "bad-image", message: /0 bytes, not 4 × 4 × 4/ });
  const file = await (await sam.encode(imageData(4, 4))).save();
  const view = new Uint8Array(file);
  detach(file);
  for (const gone of [file, view]) await assert.rejects(sam.open(gone), { code: "bad-embedding", message: /empty/ });
  const model = new ArrayBuffer(10);
  detach(model);
  await assert.rejects(load({ model }), { code: "bad-checkpoint" });
  assert.equal((await sam.encode(imageData(4, 4))).width, 4);
});

test("options that are null count as absent", async () => {
  const all = { device: null, precision: null, assets: null, integrity: null, cache: null, worker: null, signal: null };
  const sam = await load({ ...all, onProgress: null });
  const image = await sam.encode(imageData(4, 4), null);
  assert.equal((await image.segment({}, null)).length, 1);
  const options = { size: null, output: null, threshold: null, multimask: null, latest: null, signal: null };
  assert.equal((await image.segment({}, options)).length, 1);
  await sam.encode(imageData(4, 4), { signal: null, onProgress: null });
  await assert.rejects(Sam.load(null), { name: "SamError" });
});

test("a signal that is none is refused and leaves nothing pending", async () => {
  await assert.rejects(load({ signal: {} }), { code: "unsupported", message: /^options\.signal is an object/ });
  assert.equal(workers.length, 0);
  const sam = await load();
  await assert.rejects(sam.encode(imageData(4, 4), { signal: 3 }), { code: "unsupported", message: /signal is 3/ });
  const image = await sam.encode(imageData(4, 4));
  await assert.rejects(image.segment({}, { signal: {} }), { code: "bad-prompt", message: /^options\.signal/ });
  assert.equal((await image.segment({})).length, 1);
});

test("a checkpoint that is none rejects the load and ends the Worker", async () => {
  await assert.rejects(load({ model: new Blob([]) }), { code: "bad-checkpoint" });
  assert.ok(workers[0].terminated);
  assert.equal((await load()).info.parameters, 7);
});

test("two encodes advance in turn, and a segment of another image runs in between", async () => {
  const sam = await load();
  const other = await sam.encode(imageData(3, 3));
  log.length = 0;
  const first = sam.encode(imageData(1, 1));
  const second = sam.encode(imageData(2, 2));
  const third = other.segment({});
  await Promise.all([first, second, third]);
  const steps = log.filter((line) => line.startsWith("step"));
  assert.notEqual(steps.indexOf("step of 2"), 5, "the second waited for the first to end");
  assert.ok(log.indexOf("segment 1") < log.lastIndexOf("step of 1"));
});

test("an abort in the middle of an encode rejects with the reason and frees what was begun", async () => {
  const sam = await load();
  const controller = new AbortController();
  const encode = sam.encode(imageData(4, 4), {
    signal: controller.signal,
    onProgress: ({ stage }) => stage === "encode" && controller.abort("enough"),
  });
  await assert.rejects(encode, (reason) => reason === "enough");
  await until(() => log.includes("free encoding"));
  assert.equal((await sam.encode(imageData(4, 4))).width, 4);
});

test("freeing an image rejects its pending calls only", async () => {
  const sam = await load();
  const [image, other] = await Promise.all([sam.encode(imageData(4, 4)), sam.encode(imageData(5, 5))]);
  const pending = image.segment({});
  const unaffected = other.segment({});
  image.free();
  image.free();
  await assert.rejects(pending, { code: "disposed" });
  await assert.rejects(image.segment({}), { code: "disposed" });
  await assert.rejects(image.embedding(), { code: "disposed" });
  assert.equal((await unaffected).length, 1);
  await until(() => log.includes("free embedding"));
  // Whatever else was under way has had its turn.
  await other.segment({});
  assert.equal(log.filter((line) => line === "free embedding").length, 1);
});

test("freeing the Sam rejects everything, pending and later", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  const pending = [image.segment({}), sam.encode(imageData(4, 4)), image.save()];
  sam.free();
  for (const call of pending) await assert.rejects(call, { code: "disposed" });
  await assert.rejects(sam.encode(imageData(4, 4)), { code: "disposed" });
  await assert.rejects(image.segment({}), { code: "disposed" });
  await assert.rejects(sam.restart(), { code: "disposed" });
});

test("latest: a newer call on the same image supersedes, and a burst costs few decodes", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  log.length = 0;
  const burst = Array.from({ length: 10 }, () => image.segment({}, { latest: true }));
  const click = image.segment({});
  const results = await Promise.allSettled([...burst, click]);
  assert.deepEqual(
    results.map(({ status, reason }) => reason?.code ?? status),
    [...Array(10).fill("superseded"), "fulfilled"],
  );
  assert.ok(log.length < 5, `${log.length} decodes`);
});

test("a call without latest is not superseded", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  const calls = [image.segment({}), image.segment({}, { latest: true })];
  assert.equal((await Promise.all(calls)).length, 2);
});

test("a panic in the middle of a future, whose promise never settles, loses the session", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  const hanging = image.segment({}, { threshold: 501 });
  await until(() => log.includes("segment 1"));
  workers[0].host.fail(new WebAssembly.RuntimeError("unreachable"));
  await assert.rejects(hanging, { code: "internal" });
});

test("Vue leaves handles alone: behind its proxies private fields cannot be reached", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  // What Vue's `ref` and `reactive` make proxies of.
  const proxied = ["Object", "Array", "Map", "Set", "WeakMap", "WeakSet"];
  const tags = [sam, image].map((handle) => Object.prototype.toString.call(handle).slice(8, -1));
  assert.deepEqual(tags, ["Sam", "SamImage"]);
  assert.ok(!tags.some((tag) => proxied.includes(tag)));
});

test("aborting a load ends the Worker", async () => {
  const controller = new AbortController();
  const loading = load({ signal: controller.signal });
  controller.abort();
  await assert.rejects(loading, { name: "AbortError" });
  assert.ok(workers.every((worker) => worker.terminated));
  await assert.rejects(load({ signal: AbortSignal.abort("no") }), (reason) => reason === "no");
});

test("a Worker that does not start is an error with its address, not a wait", async (t) => {
  t.mock.method(globalThis, "fetch", async () => new Response("", { status: 404, statusText: "Not Found" }));
  installPage({ script: "missing" });
  const assets = { worker: "/moved/worker.js" };
  await assert.rejects(load({ assets }), { code: "network", message: /https:\/\/page\.test\/moved\/worker\.js \(404/ });
  installPage({ script: "forbidden" });
  await assert.rejects(load({ assets }), { code: "unsupported", message: /blocked by the policy/ });
});

test("an option of load that cannot be sent rejects the load", async () => {
  await assert.rejects(load({ cache: () => true }), { code: "internal", message: /cannot be sent/ });
  assert.equal(workers[0].terminated, true);
});

test("a Worker of another origin is started from a Blob that imports it", async () => {
  await load({ assets: { worker: "https://cdn.test/worker.js" } });
  assert.match(String(workers[0].url), /^blob:/);
  await load({ assets: { worker: "/worker.js" } });
  assert.equal(String(workers[1].url), "https://page.test/worker.js");
});

test("in a sandboxed frame, whose origin is not its address's, too", async () => {
  const { origin } = globalThis;
  globalThis.origin = "null";
  try {
    await load({ assets: { worker: "/worker.js" } });
  } finally {
    globalThis.origin = origin;
  }
  assert.match(String(workers[0].url), /^blob:/);
});

test("device webgpu without WebGPU is no-webgpu, auto takes the CPU", async () => {
  await assert.rejects(load({ device: "webgpu" }), { code: "no-webgpu" });
  assert.equal((await load({ device: "auto" })).info.device, "cpu");
});

test("an option that is none says so", async () => {
  await assert.rejects(load({ precision: "f8" }), { code: "unsupported" });
  await assert.rejects(load({ device: "gpu" }), { code: "unsupported" });
  await assert.rejects(load({ model: 3 }), { code: "bad-checkpoint" });
});

test("the checkpoint is saved as it was loaded, or with half the bytes", async () => {
  const bytes = Uint8Array.from({ length: 10 }, (_, i) => i);
  const sam = await load({ model: bytes });
  const saved = await sam.saveModel();
  assert.deepEqual(new Uint8Array(await saved.arrayBuffer()), bytes);
  assert.equal((await sam.saveModel({ half: true })).size, 5);
  const other = await load({ model: new Uint8Array(13) });
  await assert.rejects(other.saveModel(), { code: "bad-checkpoint" });
  assert.equal((await other.encode(imageData(4, 4))).width, 4);
  other.free();
  await assert.rejects(other.saveModel(), { code: "disposed" });
});

test("a save tells how far it is, lets others through, and can be aborted", async () => {
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  const progress = [];
  let segmenting;
  const onProgress = (p) => {
    progress.push(p);
    segmenting ??= image.segment({ points: [{ x: 1, y: 1 }] });
  };
  log.length = 0;
  await sam.saveModel({ onProgress });
  await segmenting;
  assert.deepEqual(
    progress,
    Array.from({ length: 10 }, (_, i) => ({ stage: "save", loaded: i + 1, total: 10 })),
  );
  const asked = log.indexOf("segment 1");
  assert.ok(asked > 0 && asked < log.lastIndexOf("conversion"), log.join());
  await sleep(20);
  assert.equal(log.filter((line) => line === "free conversion").length, 1);

  const controller = new AbortController();
  const reason = new Error("another model");
  log.length = 0;
  const saving = sam.saveModel({ signal: controller.signal, onProgress: () => controller.abort(reason) });
  await assert.rejects(saving, reason);
  await sleep(20);
  assert.ok(log.filter((line) => line === "conversion").length < 10);
  assert.equal(log.at(-1), "free conversion");
  await assert.rejects(sam.saveModel({ signal: 3 }), { code: "unsupported" });
});

test("handles can be disposed of with `using`", async () => {
  if (typeof Symbol.dispose !== "symbol") return;
  const sam = await load();
  const image = await sam.encode(imageData(4, 4));
  image[Symbol.dispose]();
  await assert.rejects(image.segment({}), { code: "disposed" });
  sam[Symbol.dispose]();
  assert.ok(workers[0].terminated);
});
