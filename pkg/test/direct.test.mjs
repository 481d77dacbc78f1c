import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../dist/client/client.js";
import { SamError } from "../dist/errors.js";
import { DirectTransport } from "../dist/host/direct.js";
import { checkpoint, fakeModule, samError } from "./fakes.mjs";

const params = { model: { kind: "blob", blob: checkpoint }, device: "auto", precision: "auto", cache: true, wasm: {} };
const source = { kind: "pixels", data: new Uint8ClampedArray(4), width: 1, height: 1 };

let log;
let modules;
beforeEach(() => {
  log = [];
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
  await sleep(20);
  assert.deepEqual(
    log.filter((line) => line.startsWith("free")),
    ["free embedding", "free session"],
  );
  const segment = { image: 1, prompts: [{}], options: { multimask: true, threshold: 0, output: "mask" } };
  assert.equal((await b.call("segment", { params: segment })).length, 1);
});

test("after a trap the thread cannot load again, and says so", async () => {
  const client = connect();
  await client.call("load", { params });
  await client.call("encode", { params: { image: 1, source } });
  const segment = { image: 1, prompts: [{}], options: { multimask: true, threshold: 500, output: "mask" } };
  await assert.rejects(client.call("segment", { params: segment }), { code: "internal" });
  await assert.rejects(connect().call("load", { params }), { code: "internal", message: /end the thread/ });
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

test("a wasm file that is not there is a network error that names it", async () => {
  const wasm = { cpu: "http://127.0.0.1:9/moved.wasm" };
  await assert.rejects(connect().call("load", { params: { ...params, wasm } }), {
    code: "network",
    message: /127\.0\.0\.1:9\/moved\.wasm/,
  });
});

test("memory that ran out is told from other traps", async () => {
  const client = connect();
  modules.cpu.Session.load = async () => {
    throw new RangeError("Array buffer allocation failed");
  };
  await assert.rejects(client.call("load", { params }), { code: "out-of-memory" });
});
