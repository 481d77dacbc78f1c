import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { findAdapter, interceptDevice, watchDevice } from "../dist/host/gpu.js";

/** Every request is the module's. */
const ours = () => true;

let requested;
let gpu;
function fakeGpu({ features = [], info = { vendor: "acme", architecture: "rocket" } } = {}) {
  class Device extends EventTarget {
    features = new Set(requested.requiredFeatures);
    lost = new Promise((resolve) => (this.lose = resolve));
  }
  class Adapter {
    info = info;
    get features() {
      return new Set(features);
    }
    async requestDevice(descriptor) {
      requested = descriptor;
      return new Device();
    }
  }
  class Gpu {
    async requestAdapter(options) {
      requested = options;
      return new Adapter();
    }
  }
  gpu = new Gpu();
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
}
beforeEach(() => fakeGpu());

test("the adapter is described in words, a software one is told apart", async () => {
  assert.deepEqual(await findAdapter(), { adapter: "acme rocket", software: false });
  fakeGpu({ info: { vendor: "google", architecture: "swiftshader", isFallbackAdapter: true } });
  assert.deepEqual(await findAdapter(), { adapter: "google swiftshader (software)", software: true });
});

test("no adapter, no WebGPU and a failing request are no-webgpu", async () => {
  gpu.requestAdapter = async () => null;
  assert.equal((await findAdapter()).code, "no-webgpu");
  gpu.requestAdapter = () => Promise.reject(new Error("driver"));
  assert.equal((await findAdapter()).code, "no-webgpu");
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  assert.equal((await findAdapter()).code, "no-webgpu");
});

test("a missing timestamp-query is shown, but not requested", async () => {
  fakeGpu({ features: ["shader-f16"] });
  const devices = [];
  const restore = interceptDevice((device) => devices.push(device), ours);
  const adapter = await gpu.requestAdapter();
  assert.equal(requested.powerPreference, "high-performance");
  assert.ok(adapter.features.has("timestamp-query") && adapter.features.has("shader-f16"));
  const device = await adapter.requestDevice({
    label: "burn",
    requiredLimits: { maxBufferSize: 5 },
    requiredFeatures: [...adapter.features],
  });
  assert.deepEqual(requested, {
    label: "burn",
    requiredLimits: { maxBufferSize: 5 },
    requiredFeatures: ["shader-f16"],
  });
  assert.ok(device.features.has("timestamp-query"));
  assert.deepEqual(devices, [device]);
  restore();
  assert.ok(!Object.hasOwn(gpu, "requestAdapter"));
});

test("a request of somebody else's passes as it is", async () => {
  fakeGpu();
  const devices = [];
  const restore = interceptDevice(
    (device) => devices.push(device),
    () => false,
  );
  const adapter = await gpu.requestAdapter({ powerPreference: "low-power" });
  assert.deepEqual(requested, { powerPreference: "low-power" });
  assert.ok(!adapter.features.has("timestamp-query"));
  await adapter.requestDevice({ label: "theirs" });
  assert.deepEqual(requested, { label: "theirs" });
  assert.deepEqual(devices, []);
  restore();
});

test("a timestamp-query that is there is requested", async () => {
  fakeGpu({ features: ["timestamp-query"] });
  const restore = interceptDevice(() => undefined, ours);
  await (await gpu.requestAdapter()).requestDevice({ requiredFeatures: ["timestamp-query"] });
  assert.deepEqual(requested.requiredFeatures, ["timestamp-query"]);
  restore();
});

test("a loss and an uncaptured error are reported, a device destroyed on purpose is not", async () => {
  const watched = async () => {
    const restore = interceptDevice(() => undefined, ours);
    const device = await (await gpu.requestAdapter()).requestDevice();
    restore();
    const errors = [];
    watchDevice(device, (error) => errors.push(error));
    return { device, errors };
  };
  const lost = await watched();
  lost.device.lose({ reason: "unknown", message: "driver reset." });
  await lost.device.lost;
  assert.equal(lost.errors[0].code, "device-lost");
  const destroyed = await watched();
  destroyed.device.lose({ reason: "destroyed", message: "" });
  await destroyed.device.lost;
  assert.equal(destroyed.errors.length, 0);

  globalThis.GPUOutOfMemoryError = class extends Error {};
  const faulty = await watched();
  faulty.device.dispatchEvent(Object.assign(new Event("uncapturederror"), { error: new GPUOutOfMemoryError("full.") }));
  faulty.device.dispatchEvent(Object.assign(new Event("uncapturederror"), { error: new Error("bad shader.") }));
  assert.deepEqual(
    faulty.errors.map(({ code }) => code),
    ["out-of-memory", "device-lost"],
  );
});
