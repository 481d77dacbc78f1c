import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../dist/client/client.js";
import { SamError } from "../dist/errors.js";
import { DirectTransport } from "../dist/host/direct.js";
import { Head } from "../dist/host/head.js";
import { Sam } from "../dist/index.js";
import { installBrowser } from "./fake-browser.mjs";
import { fakeModule, imageData, installPage, samError } from "./fakes.mjs";

/** A safetensors file of one tensor. */
function safetensors(bytes = 40) {
  const header = new TextEncoder().encode(
    JSON.stringify({ __metadata__: { config: "{}" }, x: { dtype: "U8", shape: [bytes], data_offsets: [0, bytes] } }),
  );
  const file = new Uint8Array(8 + header.length + bytes);
  new DataView(file.buffer).setUint32(0, header.length, true);
  file.set(header, 8);
  return { file, start: 8 + header.length };
}

/** What a head that gets these pieces tells. */
function told(...pieces) {
  const described = [];
  const head = new Head((source) => described.push(source));
  for (const piece of pieces) head.push(piece);
  return described;
}

test("a header is told once, as soon as it is whole", () => {
  const { file, start } = safetensors();
  const bytewise = [...file.subarray(0, start)].map((byte) => Uint8Array.of(byte));
  assert.deepEqual(told(...bytewise.slice(0, -1)), []);
  for (const pieces of [bytewise, [file], [file.subarray(0, 3), file.subarray(3), file]]) {
    const [source, ...more] = told(...pieces);
    assert.equal(more.length, 0);
    assert.equal(source.size, file.length);
    assert.deepEqual(source.read(0, start), file.subarray(0, start));
    assert.equal(source.read(start - 2, 10).length, 2, "what is not here is not read");
  }
});

test("what does not begin with a header is told, too", () => {
  const { file } = safetensors();
  const broken = file.slice();
  broken[8] = 0;
  const long = file.slice();
  new DataView(long.buffer).setUint32(4, 1, true);
  const pickle = Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 8, 8, 0, 0);
  const offsets = new TextEncoder().encode('\0\0\0\0\0\0\0\0[null,{"data_offsets":7}]');
  new DataView(offsets.buffer).setUint32(0, offsets.length - 8, true);
  for (const bytes of [broken, long, pickle, offsets]) assert.deepEqual(told(bytes), [undefined]);
});

let log;
let modules;
let server;
let head;
beforeEach(() => {
  log = [];
  modules = { cpu: fakeModule(log), webgpu: fakeModule(log) };
  delete modules.cpu.Session.warmUpAhead;
  ({ server } = installBrowser());
  navigator.gpu = { requestAdapter: async () => ({ info: { vendor: "acme" }, features: new Set() }) };
  const { file, start } = safetensors();
  Object.assign(server, { bytes: file, chunk: start, headers: { ETag: '"a"' } });
  head = start;
});
/** Lets the server send the header, and nothing more until `go`. */
function hold() {
  let go;
  const rest = new Promise((resolve) => (go = resolve));
  server.onPart = async (at) => (at >= head ? rest : undefined);
  return go;
}
async function until(isReached) {
  while (!isReached()) await sleep(1);
}
const model = { kind: "url", url: "https://models.test/model.safetensors" };
const load = (params, options) =>
  new Client(new DirectTransport(modules)).call(
    "load",
    { params: { model, device: "webgpu", precision: "auto", cache: true, wasm: {}, ...params } },
    options,
  );

test("kernels are compiled while the weights are on their way", async () => {
  const go = hold();
  const loading = load();
  await until(() => log.includes("free kernels"));
  assert.deepEqual(log, [
    `ahead of ${server.bytes.length}`,
    ...[1, 2, 3, 4, 5].map((step) => `kernels ${step}`),
    "free kernels",
  ]);
  go();
  assert.equal((await loading).device, "webgpu");
  assert.ok(log.includes(`load ${server.bytes.length}`));
  assert.ok(!log.includes("warm-up"), "nothing is left to compile");
});

test("of a kept file they are compiled while its server is asked for a newer one", async (t) => {
  // In a Worker a file can be read at once.
  globalThis.FileReaderSync = class {
    readAsArrayBuffer = ({ size }) => new ArrayBuffer(size);
  };
  t.after(() => delete globalThis.FileReaderSync);
  await load();
  log.length = 0;
  server.bytes = safetensors(50).file;
  server.headers = { ETag: '"b"' };
  const go = hold();
  const loading = load();
  await until(() => log.includes("free kernels"));
  assert.equal(log[0], `ahead of ${safetensors().file.length}`);
  go();
  await loading;
  assert.ok(log.includes(`load ${server.bytes.length}`));
  assert.ok(log.includes("warm-up"), "the newer file may be another model");
});

test("a file that is replaced while it comes is compiled for at the end", async () => {
  server.onPart = async (at) => {
    if (at < head || server.headers.ETag === '"b"') return;
    await until(() => log.includes("free kernels"));
    server.bytes = safetensors(50).file;
    server.headers = { ETag: '"b"' };
    throw new TypeError("network error");
  };
  await load({ cache: false });
  assert.ok(log.includes(`load ${server.bytes.length}`));
  assert.ok(log.includes("warm-up"));
});

test("the load does not wait for kernels that are not compiled yet", async () => {
  const go = hold();
  let compiled;
  const stuck = new Promise((resolve) => (compiled = resolve));
  let hasBegun = false;
  const begin = modules.webgpu.Session.warmUpAhead;
  modules.webgpu.Session.warmUpAhead = async (...args) => {
    const kernels = await begin(...args);
    const step = kernels.step.bind(kernels);
    kernels.step = () => {
      if (kernels.done !== 1) return step();
      hasBegun = true;
      return stuck.then(step);
    };
    return kernels;
  };
  const seen = [];
  const loading = load({}, { onProgress: (progress) => seen.push(progress) });
  await until(() => hasBegun);
  go();
  // The download ends meanwhile; the step that has begun is waited for, no other.
  await until(() => seen.at(-1)?.stage !== "download" && seen.length > 0);
  compiled();
  await loading;
  assert.deepEqual(
    log.filter((line) => line.startsWith("kernels")),
    ["kernels 1", "kernels 2"],
  );
  assert.ok(log.indexOf("kernels 2") < log.findIndex((line) => line.startsWith("load")));
  await until(() => log.includes("free kernels"));
  assert.ok(log.includes("warm-up"), "the load does what is left");
});

test("without a header the preset's name says what to compile", async () => {
  for (const preset of [undefined, "mobile-sam"]) {
    log.length = 0;
    server.bytes = new Uint8Array(20).fill(0x50);
    const go = hold();
    head = 10;
    server.chunk = 10;
    const loading = load({ cache: false, model: { ...model, ...(preset && { preset }) } });
    await until(() => log.includes("free kernels"));
    assert.equal(log[0], `ahead of ${preset ?? "?"}`);
    go();
    await loading;
    assert.ok(log.includes("warm-up"), "the file may be another one");
  }
});

test("the CPU has nothing to compile", async () => {
  modules.cpu.Session.warmUpAhead = () => assert.fail("there is no GPU");
  await load({ device: "cpu" });
  assert.equal(log[0], `load ${server.bytes.length}`);
});

test("an error while compiling ahead is left to the load", async () => {
  modules.webgpu.Session.warmUpAhead = async () => {
    log.push("refused");
    throw samError("bad-checkpoint", "a header of nothing");
  };
  const go = hold();
  const loading = load();
  await until(() => log.includes("refused"));
  go();
  assert.equal((await loading).device, "webgpu");
});

test("a GPU that fails meanwhile costs auto no byte of the download", async (t) => {
  t.mock.method(console, "warn", () => undefined);
  modules.webgpu.Session.warmUpAhead = async () => {
    log.push("lost");
    throw samError("device-lost", "a driver that crashes");
  };
  server.onPart = async (at) => {
    if (at < head) return;
    await until(() => log.includes("lost"));
    server.chunk = 10;
  };
  const loading = load({ device: "auto" });
  assert.equal((await loading).device, "cpu");
  // What came before the failure was seen is not asked for again.
  assert.equal(server.requests.at(-1), `GET ${head + 10}-`);
});

test("an abort ends it: no step begins any more, and nothing is left behind", async () => {
  const go = hold();
  const controller = new AbortController();
  const begin = modules.webgpu.Session.warmUpAhead;
  modules.webgpu.Session.warmUpAhead = async (...args) => {
    const kernels = await begin(...args);
    const step = kernels.step.bind(kernels);
    kernels.step = async () => {
      if (kernels.done === 2) controller.abort("enough");
      return step();
    };
    return kernels;
  };
  await assert.rejects(load({}, { signal: controller.signal }), (reason) => reason === "enough");
  await until(() => log.includes("free kernels"));
  await sleep(20);
  assert.deepEqual(
    log.filter((line) => line.startsWith("kernels")),
    ["kernels 1", "kernels 2", "kernels 3"],
  );
  assert.ok(!log.some((line) => line.startsWith("load")));
  // The thread is as good as new.
  go();
  server.onPart = async () => undefined;
  assert.equal((await load()).device, "webgpu");
});

test("a Sam that is freed while it restarts and compiles is freed, one that restarts twice is there", async () => {
  const workers = installPage({ log });
  const sam = await Sam.load({ model: model.url, device: "webgpu", cache: false });
  const goOn = hold();
  log.length = 0;
  const restarting = sam.restart();
  await until(() => log.includes("kernels 1"));
  sam.free();
  goOn();
  await assert.rejects(restarting, (error) => error instanceof SamError && error.code === "disposed");
  assert.ok(workers.at(-1).terminated);

  server.onPart = async () => undefined;
  const other = await Sam.load({ model: model.url, device: "webgpu", cache: false });
  const go = hold();
  log.length = 0;
  const first = other.restart();
  await until(() => log.includes("kernels 1"));
  const second = other.restart();
  go();
  await Promise.all([first, second]);
  assert.equal((await other.encode(imageData(4, 4))).width, 4);
  other.free();
});
