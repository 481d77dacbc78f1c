// Who may change a kept file while somebody reads it.
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Client } from "../dist/client/client.js";
import { DirectTransport } from "../dist/host/direct.js";
import { forgetCheckpoint, readCheckpoint } from "../dist/host/download.js";
import { Sam } from "../dist/index.js";
import { hashing, installBrowser } from "./fake-browser.mjs";
import { fakeModule } from "./fakes.mjs";

const url = "https://models.test/model.safetensors";
const model = { kind: "url", url };

let storage;
let server;
beforeEach(() => {
  ({ storage, server } = installBrowser());
  mock.method(console, "info", () => undefined);
});

/** A load that has its checkpoint; it reads it until `done()`. */
async function load(options = {}) {
  const reading = new AbortController();
  const context = { signal: new AbortController().signal, report: () => undefined, hashing, pauses: [0] };
  const checkpoint = await readCheckpoint({ model, cache: true, ...options }, { ...context, until: reading.signal });
  return { ...checkpoint, done: () => reading.abort() };
}
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));
async function isPending(promise) {
  await pause();
  return (await Promise.race([promise.then(() => true), Promise.resolve(undefined)])) === undefined;
}

test("what is being read is forgotten when it has been read, be it downloaded or kept", async () => {
  for (const visit of ["first", "second"]) {
    const loading = await load();
    const forgetting = Sam.forget(url);
    assert.ok(await isPending(forgetting), visit);
    assert.deepEqual(storage.kept, [".bin", "json"]);
    assert.equal((await Sam.cached()).length, 1);
    loading.done();
    await forgetting;
    assert.deepEqual(storage.kept, []);
    if (visit === "first") (await load()).done();
  }
  assert.deepEqual(navigator.locks.held, []);
});

test("several may read a file at once, under any integrity", async () => {
  const first = await load();
  const integrity = `sha256-${Buffer.from(first.hash, "hex").toString("base64")}`;
  const second = await load({ integrity });
  const third = await load();
  assert.deepEqual(server.requests, ["GET", "HEAD"]);
  const forgetting = Sam.forget();
  for (const { done } of [first, second, third]) {
    assert.ok(await isPending(forgetting));
    done();
  }
  await forgetting;
  assert.deepEqual(storage.kept, []);
});

test("a load that comes after a forget which waits finds nothing", async () => {
  const first = await load();
  const forgetting = Sam.forget(url);
  const second = load();
  await pause();
  first.done();
  await forgetting;
  (await second).done();
  assert.deepEqual(server.requests, ["GET", "GET"]);
  assert.equal((await Sam.cached()).length, 1);
});

test("a newer version waits until the old one has been read", async () => {
  const first = await load();
  Object.assign(server, { headers: { ETag: '"b"' }, bytes: new Uint8Array([9, 9]) });
  const second = load();
  assert.ok(await isPending(second));
  assert.deepEqual(storage.onlyFile, new Uint8Array([1, 2, 3]));
  first.done();
  (await second).done();
  assert.deepEqual(storage.onlyFile, server.bytes);
});

test("a newer version that is empty waits, too", async () => {
  const first = await load();
  Object.assign(server, { headers: { ETag: '"b"' }, bytes: new Uint8Array(0) });
  const second = load();
  assert.ok(await isPending(second));
  assert.deepEqual(storage.onlyFile, new Uint8Array([1, 2, 3]));
  first.done();
  (await second).done();
  assert.deepEqual(storage.onlyFile, server.bytes);
});

test("a load that is aborted while it waits to write keeps what is kept, and says nothing of room", async () => {
  const info = mock.method(console, "info", () => undefined);
  const first = await load();
  Object.assign(server, { headers: { ETag: '"b"' }, bytes: new Uint8Array([9, 9]) });
  const controller = new AbortController();
  const context = { report: () => undefined, hashing, until: AbortSignal.abort(), signal: controller.signal };
  const second = readCheckpoint({ model, cache: true }, context);
  assert.ok(await isPending(second));
  controller.abort(new Error("another page"));
  await assert.rejects(second, { message: "another page" });
  assert.equal(info.mock.callCount(), 0);
  first.done();
  assert.deepEqual(storage.onlyFile, new Uint8Array([1, 2, 3]));
  assert.equal((await Sam.cached()).length, 1);
  assert.ok([...storage.files.values()].every(({ isOpen }) => !isOpen));
});

test("a load that waits for others to have read can be aborted", async () => {
  const first = await load();
  const forgetting = Sam.forget(url);
  await pause();
  const controller = new AbortController();
  const context = { report: () => undefined, hashing, until: AbortSignal.abort(), signal: controller.signal };
  const second = readCheckpoint({ model, cache: true }, context);
  await pause();
  controller.abort(new Error("another page"));
  await assert.rejects(second, { message: "another page" });
  first.done();
  await forgetting;
  assert.deepEqual(navigator.locks.held, []);
});

test("what turned out to be no checkpoint is not forgotten while another load reads it", async () => {
  const other = await load();
  await forgetCheckpoint({ model, cache: true });
  assert.equal((await Sam.cached()).length, 1);
  other.done();
  await pause();
  await forgetCheckpoint({ model, cache: true });
  assert.deepEqual(storage.kept, []);
});

test("an old version is forgotten although a newer one is on its way, and comes back in no way", async () => {
  for (const withoutSync of [false, true]) {
    storage.withoutSync = withoutSync;
    Object.assign(server, { headers: { ETag: '"a"' } });
    (await load()).done();
    server.headers = { ETag: '"b"' };
    let answer;
    server.onPart = () => new Promise((_, reject) => (answer = reject));
    const loading = load();
    while (answer === undefined) await pause();
    await Sam.forget(url);
    assert.deepEqual(await Sam.cached(), []);
    server.onPart = async () => Promise.reject(new TypeError("network error"));
    answer(new TypeError("network error"));
    await assert.rejects(loading, { code: "network" });
    assert.deepEqual(storage.kept, []);
    server.onPart = async () => undefined;
  }
});

test("the file of a Worker that was just ended is forgotten a moment later", async () => {
  (await load()).done();
  const file = storage.files.get([...storage.files.keys()].find((name) => name.endsWith(".bin")));
  file.isOpen = true;
  setTimeout(() => (file.isOpen = false), 5);
  await Sam.forget();
  assert.deepEqual(storage.kept, []);
});

test("where there are no locks, nobody waits for any", async () => {
  globalThis.navigator.locks = undefined;
  const loading = await load();
  await Sam.forget();
  assert.deepEqual(storage.kept, []);
  loading.done();
});

/** A session on this thread; what it answers to a load. */
function loadHere({ onTensor = () => undefined } = {}) {
  const client = new Client(new DirectTransport({ cpu: fakeModule() }));
  const params = { model, device: "cpu", precision: "auto", cache: true, wasm: {} };
  const onProgress = ({ stage, loaded }) => stage === "load" && loaded > 0 && onTensor(loaded);
  return { client, loading: client.call("load", { params }, { onProgress }) };
}

test("on one thread, with locks and without, a forget in the middle of a load neither breaks it nor waits for ever", async () => {
  for (const locks of [navigator.locks, undefined]) {
    globalThis.navigator.locks = locks;
    let forgetting;
    let isForgotten = false;
    const onTensor = () => (forgetting ??= Sam.forget().then(() => (isForgotten = true)));
    const { client, loading } = loadHere({ onTensor });
    await loading;
    assert.equal(isForgotten, locks === undefined);
    await forgetting;
    assert.deepEqual(storage.kept, []);
    client.close(new Error("freed"));
  }
});

test("a load that ends without a model, or early, lets go of the file", async () => {
  server.bytes = new Uint8Array(0);
  await assert.rejects(loadHere().loading, { code: "bad-checkpoint" });
  assert.deepEqual(storage.kept, []);
  server.bytes = new Uint8Array([1, 2, 3]);
  const { client, loading } = loadHere({ onTensor: () => client.close(new Error("freed")) });
  await assert.rejects(loading, { message: "freed" });
  await Sam.forget();
  assert.deepEqual(storage.kept, []);
  assert.deepEqual(navigator.locks.held, []);
});

test("a load for a GPU that is not there lets go of the kept file", async () => {
  (await load()).done();
  let answer;
  navigator.gpu = { requestAdapter: () => new Promise((resolve) => (answer = resolve)) };
  const client = new Client(new DirectTransport({ cpu: fakeModule(), webgpu: fakeModule() }));
  const params = { model, device: "webgpu", precision: "auto", cache: true, wasm: {} };
  const loading = client.call("load", { params });
  while (answer === undefined || navigator.locks.held.length === 0) await pause();
  answer(null);
  await assert.rejects(loading, { code: "no-webgpu" });
  while (navigator.locks.held.length > 0) await pause();
});

test("a save reads the file, too", async () => {
  const { client, loading } = loadHere();
  await loading;
  const saving = client.call("saveModel", { params: { half: false } });
  while (navigator.locks.held.length === 0) await new Promise(setImmediate);
  const forgetting = Sam.forget();
  assert.equal((await saving).size, 3);
  await forgetting;
  assert.deepEqual(storage.kept, []);
  assert.deepEqual(navigator.locks.held, []);
});
