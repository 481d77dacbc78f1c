import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../dist/client/client.js";
import { SamError } from "../dist/errors.js";
import { DirectTransport } from "../dist/host/direct.js";
import { Sam } from "../dist/index.js";
import { installBrowser } from "./fake-browser.mjs";
import { FakeBitmap, checkpoint, fakeModule, samError, throughWasm, until } from "./fakes.mjs";

const params = { model: { kind: "blob", blob: checkpoint }, device: "auto", cache: true, wasm: {} };
const source = { kind: "pixels", data: new Uint8ClampedArray(4), width: 1, height: 1 };
const segment = ({ threshold = 0, ...params } = {}) => ({
  params: { image: 1, prompts: [{}], batch: false, options: { multimask: true, threshold, output: "mask" }, ...params },
});

const { fetch } = globalThis;
let log;
let modules;
beforeEach(() => {
  log = [];
  globalThis.fetch = fetch;
  modules = { cpu: fakeModule(log), webgpu: fakeModule(log) };
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
});
const connect = () => new Client(new DirectTransport(modules));

function installGpu() {
  const gpu = { requestAdapter: async () => ({ info: { vendor: "acme" }, features: new Set() }) };
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
}

test("two sessions of one thread share the module; closing one frees what it held", async () => {
  const [a, b] = [connect(), connect()];
  await Promise.all([a.call("load", { params }), b.call("load", { params })]);
  await a.call("encode", { params: { image: 1, source } });
  await b.call("encode", { params: { image: 1, source } });
  a.close(new SamError("disposed", "freed"));
  await until(() => log.includes("free session"));
  assert.deepEqual(
    log.filter((line) => line.startsWith("free")),
    ["free embedding", "free session"],
  );
  assert.equal((await b.call("segment", segment())).length, 1);
});

test("after a trap the thread cannot load again, and says so", async () => {
  const client = connect();
  await client.call("load", { params });
  await client.call("encode", { params: { image: 1, source } });
  await assert.rejects(client.call("segment", segment({ threshold: 500 })), { code: "internal" });
  await assert.rejects(connect().call("load", { params }), { code: "internal", message: /end the thread/ });
});

test("with auto, a download that there is no room for is not made again for the CPU", async (t) => {
  const { server } = installBrowser();
  installGpu();
  const unreadable = new DOMException("could not be read", "NotReadableError");
  t.mock.method(Blob.prototype, "arrayBuffer", async () => Promise.reject(unreadable));
  const model = { kind: "url", url: "https://models.test/model.safetensors" };
  const loading = connect().call("load", { params: { ...params, model, cache: false } });
  await assert.rejects(loading, { code: "out-of-memory", message: /no room for a file/ });
  // One is for the module.
  assert.deepEqual(server.requests, ["GET", "GET"]);
});

test("an image that is opened while the session is closed leaves the thread usable", async () => {
  const client = connect();
  await client.call("load", { params });
  const opening = client.call("open", { params: { image: 1, file: new Blob([new Uint8Array([3, 4])]) } });
  client.close(new SamError("disposed", "freed"));
  await assert.rejects(opening, { code: "disposed" });
  await sleep(20);
  assert.ok(!log.includes("open after free"));
  const again = connect();
  await again.call("load", { params });
  assert.deepEqual(await again.call("open", { params: { image: 1, file: new Uint8Array([3, 4]) } }), {
    width: 3,
    height: 4,
  });
});

test("what the caller does to its pixels during an encode does not matter", async () => {
  const client = connect();
  await client.call("load", { params });
  const data = new Uint8ClampedArray(4 * 4 * 4);
  const encoding = client.call("encode", {
    params: { image: 1, source: { kind: "pixels", data, width: 4, height: 4 } },
  });
  structuredClone(data.buffer, { transfer: [data.buffer] });
  assert.deepEqual(await encoding, { width: 4, height: 4 });
  assert.equal((await client.call("segment", segment())).length, 1);
});

/** What the browser tells about errors that nobody catches. */
function uncaught(t) {
  const listeners = new Map();
  globalThis.addEventListener = (type, listener) => listeners.set(type, listener);
  globalThis.removeEventListener = (type) => listeners.delete(type);
  t.after(() => {
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
  });
  return (error) => listeners.get("error")?.(Object.assign(new Event("error"), { error }));
}

test("an exception thrown out of the module while it works ends the call, whatever its class", async (t) => {
  const tell = uncaught(t);
  const client = connect();
  await client.call("load", { params });
  await client.call("encode", { params: { image: 1, source } });
  // A future whose promise never settles, because an import of the module threw in the middle of it.
  const hanging = client.call("segment", segment({ threshold: 501 }));
  await until(() => log.includes("segment 1"));
  throughWasm(() => tell(new RangeError("Array buffer allocation failed")));
  await assert.rejects(hanging, { code: "out-of-memory" });
  assert.equal((await client.lost).code, "out-of-memory");
});

test("errors of the caller's own are none of ours", async (t) => {
  const tell = uncaught(t);
  const client = connect();
  await client.call("load", { params });
  await client.call("encode", { params: { image: 1, source } });
  throughWasm(() => tell(new RangeError("in the caller's own module, while ours rests")));
  tell(new WebAssembly.RuntimeError("unreachable, likewise"));
  const hanging = client.call("segment", segment({ threshold: 501 }));
  await until(() => log.includes("segment 1"));
  tell(new TypeError("in the caller's script"));
  await sleep(20);
  assert.equal(client.end, undefined);
  client.close(new SamError("disposed", "freed"));
  await assert.rejects(hanging, { code: "disposed" });
});

test("a bitmap that is made when nobody waits for it any more is closed", async (t) => {
  const bitmaps = installBitmaps(t);
  const client = connect();
  await client.call("load", { params });
  await client.call("encode", { params: { image: 1, source } });
  const controller = new AbortController();
  bitmaps.onMade = () => controller.abort();
  const options = { multimask: true, threshold: 0, output: "bitmap" };
  const given = client.call("segment", segment({ options }), { signal: controller.signal });
  await assert.rejects(given, { name: "AbortError" });
  await until(() => bitmaps.made.some(({ closed }) => closed));
  assert.equal(bitmaps.made.length, 1);
});

test("bitmaps that are made already are closed when one fails", async (t) => {
  const bitmaps = installBitmaps(t);
  const client = connect();
  await client.call("load", { params });
  await client.call("encode", { params: { image: 1, source } });
  bitmaps.onMade = () => {
    if (bitmaps.made.length === 3) throw new DOMException("no room", "InvalidStateError");
  };
  const options = { multimask: true, threshold: 0, output: "bitmap" };
  const prompts = [{}, {}, {}, {}];
  await assert.rejects(client.call("segment", segment({ prompts, batch: true, options })), { code: "out-of-memory" });
  assert.equal(bitmaps.made.filter(({ closed }) => !closed).length, 1, "only the one that failed was never given out");
  assert.equal((await client.call("segment", segment())).length, 1);
});

function installBitmaps(t) {
  const { ImageData, createImageBitmap } = globalThis;
  const bitmaps = { made: [], onMade: () => undefined };
  globalThis.ImageData = class {
    constructor(width, height) {
      Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
    }
  };
  globalThis.createImageBitmap = async ({ width, height }) => {
    const bitmap = new FakeBitmap(width, height);
    bitmaps.made.push(bitmap);
    bitmaps.onMade();
    return bitmap;
  };
  t.after(() => Object.assign(globalThis, { ImageData, createImageBitmap }));
  return bitmaps;
}

test("on the GPU, only the module's own device is watched", async () => {
  const { gpu, devices } = installGpuWithDevices();
  let own;
  modules.webgpu.Session.load = async () => {
    // The application asks for a device of its own meanwhile.
    const theirs = await (await gpu.requestAdapter()).requestDevice();
    let asked;
    throughWasm(() => (asked = gpu.requestAdapter()));
    own = await (await asked).requestDevice();
    assert.deepEqual(devices, [theirs, own]);
    return new modules.cpu.Session();
  };
  const client = connect();
  await client.call("load", { params: { ...params, device: "webgpu" } });
  const failure = () => Object.assign(new Event("uncapturederror"), { error: new Error("bad shader.") });
  devices[0].dispatchEvent(failure());
  await sleep(5);
  assert.equal(client.end, undefined);
  own.dispatchEvent(failure());
  assert.equal((await client.lost).code, "device-lost");
});

function installGpuWithDevices() {
  const devices = [];
  class Device extends EventTarget {
    features = new Set();
    lost = new Promise(() => undefined);
  }
  class Adapter {
    info = { vendor: "acme" };
    features = new Set();
    async requestDevice() {
      devices.push(new Device());
      return devices.at(-1);
    }
  }
  class Gpu {
    async requestAdapter() {
      return new Adapter();
    }
  }
  const gpu = new Gpu();
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
  return { gpu, devices };
}

test("a downloaded file that cannot be used is not kept", async () => {
  const { server } = installBrowser();
  const model = { kind: "url", url: "https://models.test/sam.pth" };
  const load = () => connect().call("load", { params: { ...params, model } });
  await load();
  assert.deepEqual(
    (await Sam.cached()).map(({ url }) => url),
    [model.url],
  );
  for (const code of ["bad-checkpoint", "not-implemented"]) {
    modules = { cpu: fakeModule(log), webgpu: fakeModule(log) };
    modules.cpu.Session.load = async () => {
      throw samError(code, "not this one");
    };
    await assert.rejects(load(), { code });
    assert.deepEqual(await Sam.cached(), [], code);
  }
  assert.ok(server.requests.includes("HEAD"));
});

test("the hash of what was loaded is told to the module", async () => {
  const { hash } = await connect().call("load", { params });
  assert.equal(hash, "01d448afd928065458cf670b60f5a594d735af0172c8d67f22a81680132681ca");
});

test("a load that is aborted ends between two tensors, and the thread stays usable", async () => {
  const client = connect();
  const controller = new AbortController();
  const onProgress = ({ stage }) => {
    if (stage === "load" && log.includes("tensor 1")) controller.abort();
  };
  const loading = client.call("load", { params }, { signal: controller.signal, onProgress });
  await assert.rejects(loading, { name: "AbortError" });
  await sleep(20);
  assert.ok(!log.includes("tensor 3"), log.join());
  await connect().call("load", { params });
});

test("a module that fails while it hashes is lost", async () => {
  modules.cpu.Sha256 = class {
    update() {
      throw new WebAssembly.RuntimeError("unreachable");
    }
  };
  await assert.rejects(connect().call("load", { params }), { code: "internal" });
});

test("a GPU module that cannot start leaves the download to the CPU's", async (t) => {
  const { server } = installBrowser();
  installGpu();
  t.mock.method(console, "warn", () => undefined);
  modules.webgpu.init = async () => {
    throw new RangeError("no memory");
  };
  const model = { kind: "url", url: "https://models.test/sam.pth" };
  const { device } = await connect().call("load", { params: { ...params, cache: false, model } });
  assert.equal(device, "cpu");
  assert.equal(server.requests.at(-1), "GET");
});

test("auto uses the GPU, and the CPU when the GPU fails to load", async (t) => {
  installGpu();
  const onGpu = await connect().call("load", { params });
  assert.deepEqual([onGpu.device, onGpu.adapter], ["webgpu", "acme"]);

  const warn = t.mock.method(console, "warn", () => undefined);
  modules = { cpu: fakeModule(log), webgpu: fakeModule(log) };
  modules.webgpu.Session.load = async () => {
    throw samError("no-webgpu", "no device");
  };
  assert.equal((await connect().call("load", { params })).device, "cpu");
  modules.webgpu.Session.load = async () => {
    throw new WebAssembly.RuntimeError("unreachable");
  };
  const client = connect();
  assert.equal((await client.call("load", { params })).device, "cpu");
  assert.equal(client.end, undefined);
  assert.equal(warn.mock.callCount(), 2);
});

test("a GPU asked for that fails is an error, a bad checkpoint is one on either", async () => {
  installGpu();
  modules.webgpu.Session.load = async () => {
    throw samError("no-webgpu", "no device");
  };
  await assert.rejects(connect().call("load", { params: { ...params, device: "webgpu" } }), { code: "no-webgpu" });
  modules.webgpu.Session.load = async () => {
    throw samError("bad-checkpoint", "not a checkpoint");
  };
  await assert.rejects(connect().call("load", { params }), { code: "bad-checkpoint" });
});

test("what only the CPU finds to be no model is named as what it is", async (t) => {
  installGpu();
  t.mock.method(console, "warn", () => undefined);
  modules = { cpu: fakeModule(log), webgpu: fakeModule(log) };
  modules.webgpu.Session.load = async () => {
    throw new WebAssembly.RuntimeError("unreachable");
  };
  modules.cpu.Session.load = async () => {
    throw samError("bad-checkpoint", "not a checkpoint");
  };
  const model = { kind: "blob", blob: new Blob(["<html></html>"]) };
  await assert.rejects(connect().call("load", { params: { ...params, model } }), {
    code: "bad-checkpoint",
    message: /^not a checkpoint\. The file is a page/,
  });
});

test("a wasm file that is not there is a network error that names it", async () => {
  const wasm = { cpu: "http://127.0.0.1:9/moved.wasm" };
  await assert.rejects(connect().call("load", { params: { ...params, wasm } }), {
    code: "network",
    message: /127\.0\.0\.1:9\/moved\.wasm/,
  });
});

test("a server that never answers for the wasm file is given up, and asked again by the next load", async (t) => {
  const { server } = installBrowser();
  server.silences = [true];
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const loading = connect().call("load", { params });
  loading.catch(() => undefined);
  while (server.requests.length === 0) await new Promise(setImmediate);
  t.mock.timers.tick(59_999);
  await new Promise(setImmediate);
  t.mock.timers.tick(1);
  await assert.rejects(loading, { code: "network", message: /WebAssembly file .* nothing came for 60 seconds/ });
  t.mock.timers.reset();
  assert.equal((await connect().call("load", { params })).device, "cpu");
  assert.deepEqual(server.requests, ["GET", "GET"]);
});

test("memory that ran out is told from other traps", async () => {
  const client = connect();
  modules.cpu.Session.load = async () => {
    throw new RangeError("Array buffer allocation failed");
  };
  await assert.rejects(client.call("load", { params }), { code: "out-of-memory" });
});
