import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { forgetCheckpoint, readCheckpoint } from "../dist/host/download.js";

const url = "https://models.test/model.safetensors";
const bytes = new Uint8Array([1, 2, 3]);
const integrity = "sha256-A5BYxvLAy0ksUzsKTRTvd8wPeKvMztUofYShogEc+4E=";

let stored;
let server;
let requests;
beforeEach(() => {
  stored = new Map();
  requests = [];
  server = () => new Response(bytes, { headers: { "Content-Length": "3", ETag: "a" } });
  globalThis.fetch = async (address, { method = "GET" } = {}) => {
    requests.push(method);
    return server(address, method);
  };
  const cache = {
    match: async (key) => stored.get(key)?.clone(),
    put: async (key, response) => void stored.set(key, response),
    delete: async (key) => stored.delete(key),
  };
  globalThis.caches = { open: async () => cache };
});

const read = (options = {}, onProgress = () => undefined) =>
  readCheckpoint({ model: { kind: "url", url }, cache: true, ...options }, new AbortController().signal, onProgress);

test("a download is reported, kept and not made twice", async () => {
  const progress = [];
  assert.deepEqual(await read({}, (p) => progress.push(p)), bytes);
  assert.deepEqual(progress.at(-1), { stage: "download", loaded: 3, total: 3 });
  assert.deepEqual(await read(), bytes);
  assert.deepEqual(requests, ["GET", "HEAD"]);
});

test("a kept file that the server has replaced is downloaded again", async () => {
  await read();
  server = () => new Response(new Uint8Array([9]), { headers: { ETag: "b" } });
  assert.deepEqual(await read(), new Uint8Array([9]));
});

test("offline, a kept file is used", async () => {
  await read();
  server = () => {
    throw new TypeError("Failed to fetch");
  };
  assert.deepEqual(await read(), bytes);
});

test("a forgotten file is downloaded again, and cache: false keeps nothing", async () => {
  await read();
  await forgetCheckpoint({ model: { kind: "url", url } });
  await read({ cache: false });
  assert.equal(stored.size, 0);
  assert.deepEqual(requests, ["GET", "GET"]);
});

test("integrity is checked, and saves the question to the server", async () => {
  await read({ integrity });
  await read({ integrity });
  assert.deepEqual(requests, ["GET"]);
  await assert.rejects(read({ integrity: "sha256-wrong" }), { code: "integrity", message: /A5BYxvLA/ });
});

test("a full or broken store does not matter", async () => {
  globalThis.caches = {
    open: async () => ({
      match: async () => Promise.reject(new Error("broken")),
      put: async () => Promise.reject(new DOMException("full", "QuotaExceededError")),
    }),
  };
  assert.deepEqual(await read(), bytes);
  globalThis.caches = { open: async () => Promise.reject(new DOMException("private window", "SecurityError")) };
  assert.deepEqual(await read(), bytes);
  globalThis.caches = undefined;
  assert.deepEqual(await read(), bytes);
});

test("a file without a length, or longer than it said, is read whole", async () => {
  const long = new Uint8Array(3 * 2 ** 20).fill(7);
  server = () => new Response(long);
  assert.deepEqual(await read({ cache: false }), long);
  server = () => new Response(long, { headers: { "Content-Length": "10" } });
  const progress = [];
  assert.deepEqual(await read({ cache: false }, (p) => progress.push(p)), long);
  assert.equal(progress.at(-1).total, 0);
});

test("404 and a dead server are network errors that name the address", async () => {
  server = () => new Response("", { status: 404, statusText: "Not Found" });
  await assert.rejects(read(), { code: "network", message: /models\.test.*404 Not Found/ });
  server = () => {
    throw new TypeError("Failed to fetch");
  };
  await assert.rejects(read(), { code: "network", message: /models\.test.*Access-Control-Allow-Origin/ });
});
