import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { forgetCheckpoint, readCheckpoint } from "../dist/host/download.js";
import { Sam } from "../dist/index.js";
import { FakeCaches, hashing, installBrowser, integrityOf } from "./fake-browser.mjs";

const url = "https://models.test/model.safetensors";
const integrity = integrityOf(new Uint8Array([1, 2, 3]));
const bytesOf = async ({ blob }) => new Uint8Array(await blob.arrayBuffer());

let storage;
let server;
let info;
beforeEach(() => {
  ({ storage, server } = installBrowser());
  info = mock.method(console, "info", () => undefined);
});

const start = (options = {}, { signal = new AbortController().signal, report = () => undefined, ...rest } = {}) =>
  readCheckpoint(
    { model: { kind: "url", url }, cache: true, ...options },
    { signal, report, hashing, until: AbortSignal.abort(), pauses: [0, 0, 0], ...rest },
  );
const read = async (...args) => bytesOf(await start(...args));
async function until(isReached) {
  while (!isReached()) await new Promise((resolve) => setTimeout(resolve, 1));
}
/** What was asked since the last time. */
const asked = () => server.requests.splice(0);

test("a download is reported, hashed, kept and not made twice", async () => {
  const progress = [];
  const { blob, hash } = await start({}, { report: (p) => progress.push(p) });
  assert.deepEqual(await bytesOf({ blob }), server.bytes);
  assert.equal(hash, "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81");
  assert.deepEqual(progress.at(-1), { stage: "download", loaded: 3, total: 3 });
  assert.deepEqual(asked(), ["GET"]);
  progress.length = 0;
  const again = await start({}, { report: (p) => progress.push(p) });
  assert.equal(again.hash, hash);
  assert.deepEqual(progress, [{ stage: "download", loaded: 3, total: 3 }]);
  assert.deepEqual(asked(), ["HEAD"]);
});

test("a kept file that the server has replaced is downloaded again", async () => {
  const versions = [{ ETag: '"a"' }, { "Last-Modified": "Mon, 23 Nov 2026 00:00:00 GMT" }, {}];
  for (const headers of versions) {
    Object.assign(server, { headers, bytes: new Uint8Array([1, 2, 3]) });
    await read();
    server.bytes = new Uint8Array([9, 9]);
    server.headers = Object.fromEntries(Object.keys(headers).map((name) => [name, '"b"']));
    assert.deepEqual(await read(), server.bytes, JSON.stringify(headers));
    assert.equal((await Sam.cached()).length, 1);
    await Sam.forget();
  }
});

test("of a compressed file the length says nothing", async () => {
  server.headers = { "Content-Encoding": "gzip" };
  await read();
  server.headers["Content-Length"] = "2";
  server.sendsLength = false;
  asked();
  await read();
  assert.deepEqual(asked(), ["HEAD"]);
});

test("offline, a kept file is used; where the server does not answer too", async (t) => {
  await read();
  server.isDown = true;
  assert.deepEqual(await read(), server.bytes);
  server.isDown = false;
  server.errors = [{ status: 500 }];
  assert.deepEqual(await read(), server.bytes);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.fetch = (_, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      queueMicrotask(() => t.mock.timers.tick(10_000));
    });
  assert.deepEqual(await read(), server.bytes);
});

test("a forgotten file is downloaded again, and cache: false keeps and uses nothing", async () => {
  await read();
  await forgetCheckpoint({ model: { kind: "url", url }, cache: true });
  assert.deepEqual(storage.kept, []);
  await read({ cache: false });
  assert.deepEqual(storage.kept, []);
  assert.deepEqual(asked(), ["GET", "GET"]);
  await read();
  await read({ cache: false });
  assert.deepEqual(asked(), ["GET", "GET"]);
});

test("integrity is checked, and saves the question to the server", async () => {
  await read({ integrity });
  await read({ integrity });
  assert.deepEqual(asked(), ["GET"]);
  const other = integrityOf(new Uint8Array([4]));
  await assert.rejects(start({ integrity: other }), { code: "integrity", message: /A5BYxvLA/ });
  assert.deepEqual(
    (await Sam.cached()).map((kept) => kept.integrity),
    [integrity],
  );
});

test("a file that was kept without integrity is used where its hash is the right one", async () => {
  await read();
  asked();
  await read({ integrity });
  assert.deepEqual(asked(), []);
  server.bytes = new Uint8Array([4]);
  assert.deepEqual(await read({ integrity: integrityOf(server.bytes) }), server.bytes);
  assert.deepEqual(asked(), ["GET"]);
});

test("one that is pinned is used for the address alone, unless the server has another", async () => {
  await read({ integrity });
  asked();
  const { hash } = await start();
  assert.equal(hash, "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81");
  assert.deepEqual(asked(), ["HEAD"]);
  server.headers = { ETag: '"b"' };
  server.bytes = new Uint8Array([4]);
  assert.deepEqual(await read(), server.bytes);
  assert.deepEqual(asked(), ["HEAD", "GET"]);
});

test("a kept file stays, and is used, until there is something of the newer one", async () => {
  const old = server.bytes;
  await read();
  server.bytes = new Uint8Array([7, 8, 9, 10]);
  server.headers = { ETag: '"b"' };
  for (const fail of [() => (server.errors = [undefined, { status: 500 }]), () => (server.breaks = [0, 0, 0, 0])]) {
    fail();
    assert.deepEqual(await read(), old);
    assert.deepEqual(storage.onlyFile, old);
    assert.equal((await Sam.cached()).length, 1);
  }
  // Its room counts as free.
  storage.quota = storage.usage + 60;
  assert.deepEqual(await read(), server.bytes);
  assert.deepEqual(storage.onlyFile, server.bytes);
  const [{ hash }] = await Sam.cached();
  assert.equal(`sha256-${Buffer.from(hash, "hex").toString("base64")}`, integrityOf(server.bytes));
});

test("a newer file that breaks off leaves no note of the old one", async () => {
  await read();
  server.bytes = new Uint8Array([7, 8, 9, 10]);
  server.headers = { ETag: '"b"' };
  server.breaks = [2];
  server.errors = [undefined, undefined, { status: 404 }];
  await assert.rejects(start(), { code: "network" });
  assert.deepEqual(await Sam.cached(), []);
  asked();
  assert.deepEqual(await read(), server.bytes);
  assert.deepEqual(asked(), ["GET 2-"]);
});

test("a module that stops before the hash is there leaves no file open", async () => {
  const failing = async () => ({
    update: () => undefined,
    digest: () => {
      throw new Error("the module stopped");
    },
  });
  await assert.rejects(start({}, { hashing: failing }), { message: "the module stopped" });
  assert.ok([...storage.files.values()].every(({ isOpen }) => !isOpen));
  asked();
  assert.deepEqual(await read(), server.bytes);
  assert.deepEqual(asked(), []);
});

test("a kept file of another length, or with a note of another version, is not used", async () => {
  await read({ integrity });
  asked();
  for (const [name, file] of storage.files) if (name.endsWith(".bin")) file.bytes = new Uint8Array(2);
  assert.deepEqual(await read({ integrity }), server.bytes);
  for (const text of ["", "null", "[]", '{"url":7}', '{"url":"a","date":1,"hash":"ff"}']) {
    for (const [name, file] of storage.files) {
      if (name.endsWith(".json")) file.bytes = new TextEncoder().encode(text);
    }
    assert.deepEqual(await Sam.cached(), [], text);
    assert.deepEqual(await read({ integrity }), server.bytes);
  }
  assert.deepEqual(asked(), Array(6).fill("GET"));
});

test("a browser that keeps nothing downloads each time", async () => {
  for (const broken of [undefined, {}, { getDirectory: async () => Promise.reject(new DOMException("private")) }]) {
    globalThis.navigator.storage = broken;
    assert.deepEqual(await read(), server.bytes);
    assert.deepEqual(await read({ integrity }), server.bytes);
    assert.deepEqual(await Sam.cached(), []);
    await Sam.forget();
  }
  assert.deepEqual(asked(), Array(6).fill("GET"));
});

test("without a file system of its own, a browser keeps a file in a cache when it is complete", async () => {
  navigator.storage = undefined;
  globalThis.caches = new FakeCaches();
  server.breaks = [2];
  server.errors = [undefined, { status: 404 }];
  await assert.rejects(start(), { code: "network" });
  assert.equal(caches.files.size, 0);
  asked();
  const progress = [];
  assert.deepEqual(await read(), server.bytes);
  assert.deepEqual(await read({}, { report: (p) => progress.push(p) }), server.bytes);
  assert.deepEqual(progress, [{ stage: "download", loaded: 3, total: 3 }]);
  assert.deepEqual(await read({ integrity }), server.bytes);
  assert.deepEqual(asked(), ["GET", "HEAD"]);
  assert.deepEqual(
    (await Sam.cached()).map(({ url, bytes }) => [url, bytes]),
    [[url, 3]],
  );
  await Sam.forget("https://models.test/c");
  assert.equal(caches.files.size, 2);
  await Sam.forget(url);
  assert.equal(caches.files.size, 0);
  caches.isFull = true;
  assert.deepEqual(await read(), server.bytes);
  assert.deepEqual(await Sam.cached(), []);
  caches.open = async () => Promise.reject(new DOMException("private", "SecurityError"));
  assert.deepEqual(await read(), server.bytes);
  assert.deepEqual(await Sam.cached(), []);
});

test("without handles that write at once, a file is kept when it is complete", async () => {
  storage.withoutSync = true;
  await read({ integrity });
  assert.deepEqual(await read({ integrity }), server.bytes);
  assert.deepEqual(asked(), ["GET"]);
  storage.quota = 0;
  await Sam.forget();
  assert.deepEqual(await read({ integrity }), server.bytes);
  assert.deepEqual(await Sam.cached(), []);
});

test("no room: the load goes on, and nothing is left behind", async () => {
  // Too little from the start, for the file, and for its note only.
  for (const [quota, tellsFullByNumber] of [
    [2, true],
    [160, true],
    [160, false],
  ]) {
    Object.assign(storage, { quota, tellsFullByNumber });
    server.bytes = new Uint8Array(140).fill(5);
    server.chunk = 7;
    server.sendsLength = quota === 2;
    const blob = await read();
    assert.deepEqual(blob, server.bytes);
    assert.deepEqual(storage.kept, [], `quota ${quota}`);
  }
  assert.equal(info.mock.callCount(), 3);
  storage.quota = 500;
  storage.estimate = async () => ({});
  storage.folder.getFileHandle = (
    (original) =>
    (name, ...rest) =>
      name.endsWith(".json") && storage.onlyFile?.length === 140
        ? Promise.reject(new DOMException("full", "QuotaExceededError"))
        : original(name, ...rest)
  )(storage.folder.getFileHandle);
  assert.deepEqual(await read(), server.bytes);
  assert.deepEqual(await Sam.cached(), []);
});

test("a Blob that the browser has no room for is told as such", async (t) => {
  const unreadable = new DOMException("could not be read", "NotReadableError");
  t.mock.method(Blob.prototype, "arrayBuffer", async () => Promise.reject(unreadable));
  const error = { code: "out-of-memory", message: /no room for a file of 3 bytes/, cause: unreadable };
  await assert.rejects(start({ cache: false }), error);
});

test("a storage that is emptied meanwhile costs a new beginning", async () => {
  server.bytes = new Uint8Array(40).fill(5);
  const { getFileHandle } = storage.folder;
  storage.folder.getFileHandle = async (name, ...rest) => {
    const handle = await getFileHandle(name, ...rest);
    if (!name.endsWith(".bin")) return handle;
    let writes = 0;
    const createSyncAccessHandle = async () => {
      const sync = await handle.createSyncAccessHandle();
      const write = (...args) => {
        if (++writes === 3) throw new DOMException("gone", "InvalidStateError");
        return sync.write(...args);
      };
      return { ...sync, write };
    };
    const getFile = async () => Promise.reject(new DOMException("gone", "NotFoundError"));
    return { ...handle, createSyncAccessHandle, getFile };
  };
  const { blob, hash } = await start();
  assert.deepEqual(await bytesOf({ blob }), server.bytes);
  assert.equal(`sha256-${Buffer.from(hash, "hex").toString("base64")}`, integrityOf(server.bytes));
  assert.deepEqual(asked(), ["GET", "GET"]);
});

test("concurrent loads share one download, and its progress", async () => {
  server.bytes = new Uint8Array(6).fill(3);
  const progress = [];
  // The first begins when the second waits, and goes on when the second has heard of it.
  server.onPart = async (at) => {
    await until(() => (at === 0 ? navigator.locks.waiting === 1 : progress.length > 0));
  };
  const first = start();
  const second = start({}, { report: (p) => progress.push(p) });
  const results = await Promise.all([first, second].map(async (result) => bytesOf(await result)));
  assert.deepEqual(results, [server.bytes, server.bytes]);
  assert.deepEqual(asked(), ["GET", "HEAD"]);
  assert.deepEqual(progress[0], { stage: "download", loaded: 2, total: 6 });
});

test("what one load gives up, another that waits for it goes on with", async () => {
  server.bytes = new Uint8Array(6).fill(3);
  const controller = new AbortController();
  const reason = new Error("another page");
  server.onPart = async (at) => {
    if (at === 4) controller.abort(reason);
  };
  const first = start({}, { signal: controller.signal });
  const second = start();
  await assert.rejects(first, reason);
  server.onPart = async () => undefined;
  assert.deepEqual(await bytesOf(await second), server.bytes);
  assert.deepEqual(asked(), ["GET", "GET 4-"]);
});

test("a load can be aborted while it waits for another", async () => {
  let goOn;
  server.onPart = () => new Promise((resolve) => (goOn = resolve));
  const first = start();
  const controller = new AbortController();
  const second = start({}, { signal: controller.signal });
  await until(() => navigator.locks.waiting === 1 && goOn !== undefined);
  controller.abort(new Error("another page"));
  await assert.rejects(second, { message: "another page" });
  server.onPart = async () => undefined;
  goOn();
  assert.deepEqual(await bytesOf(await first), server.bytes);
});

test("cached and forget", async () => {
  await read();
  const b = "https://models.test/b";
  await read({ model: { kind: "url", url: b }, integrity });
  const kept = await Sam.cached();
  assert.deepEqual(new Set(kept.map((each) => each.url)), new Set([url, b]));
  const [pinned] = kept.filter((each) => each.url === b);
  assert.deepEqual({ ...pinned, date: 0 }, { url: b, bytes: 3, integrity, hash: pinned.hash, date: 0 });
  assert.ok(pinned.date instanceof Date && Math.abs(pinned.date - Date.now()) < 60_000);
  await Sam.forget(url);
  assert.deepEqual(
    (await Sam.cached()).map((each) => each.url),
    [b],
  );
  await Sam.forget("https://models.test/c");
  for (const name of storage.files.keys()) if (name.endsWith(".json")) storage.files.delete(name);
  assert.deepEqual(storage.kept, [".bin"]);
  await Sam.forget();
  assert.deepEqual(storage.kept, []);
});

test("a download that is under way is neither listed nor forgotten", async () => {
  let goOn;
  server.onPart = () => new Promise((resolve) => (goOn = resolve));
  const loading = start();
  await until(() => goOn !== undefined);
  assert.deepEqual(await Sam.cached(), []);
  await Sam.forget();
  server.onPart = async () => undefined;
  goOn();
  await loading;
  assert.equal((await Sam.cached()).length, 1);
});

test("the caller's file is hashed with progress, and not kept", async () => {
  const blob = new Blob([new Uint8Array(5 * 2 ** 20)]);
  const progress = [];
  const given = await start({ model: { kind: "blob", blob } }, { report: (p) => progress.push(p) });
  assert.equal(given.blob, blob);
  assert.match(given.hash, /^[0-9a-f]{64}$/);
  assert.deepEqual(
    progress.map(({ loaded }) => loaded / 2 ** 20),
    [4, 5],
  );
  assert.deepEqual(storage.kept, []);
  await assert.rejects(start({ model: { kind: "blob", blob }, integrity }), {
    code: "integrity",
    message: /given file.*Pass the one/,
  });
  const controller = new AbortController();
  const aborted = start(
    { model: { kind: "blob", blob } },
    { signal: controller.signal, report: () => controller.abort() },
  );
  await assert.rejects(aborted, { name: "AbortError" });
});
