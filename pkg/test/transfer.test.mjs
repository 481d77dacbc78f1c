// Downloads that break off: what goes on, what begins anew, what gives up.
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { readCheckpoint } from "../dist/host/download.js";
import { hashing, installBrowser, integrityOf } from "./fake-browser.mjs";

const url = "https://models.test/model.safetensors";
const bytes = Uint8Array.from({ length: 10 }, (_, i) => i);
const integrity = integrityOf(bytes);
const date = { "Last-Modified": "Mon, 23 Nov 2026 00:00:00 GMT" };

let storage;
let server;
beforeEach(() => {
  ({ storage, server } = installBrowser());
  server.bytes = bytes;
  mock.method(console, "info", () => undefined);
});

const start = (options = {}, { signal = new AbortController().signal, report = () => undefined, ...rest } = {}) =>
  readCheckpoint(
    { model: { kind: "url", url }, cache: true, ...options },
    { signal, report, hashing, until: AbortSignal.abort(), pauses: [0, 0, 0], ...rest },
  );
/** The file is whole, and its hash the right one. */
const read = async (...args) => {
  const { blob, hash } = await start(...args);
  const given = new Uint8Array(await blob.arrayBuffer());
  assert.equal(`sha256-${Buffer.from(hash, "hex").toString("base64")}`, integrityOf(given), "the hash");
  return given;
};
const asked = () => server.requests.splice(0);

test("a download that breaks off goes on where it was", async () => {
  server.breaks = [5, 3];
  const progress = [];
  assert.deepEqual(await read({}, { report: (p) => progress.push(p) }), bytes);
  assert.deepEqual(asked(), ["GET", "GET 5-", "GET 8-"]);
  assert.deepEqual(progress.at(-1), { stage: "download", loaded: 10, total: 10 });
  assert.deepEqual(server.ifRange, [], "another origin would have to allow it");
});

test("the same without a storage, without a length, with a date only, and where the range is hidden", async () => {
  const cases = {
    "no storage": () => (globalThis.navigator.storage = undefined),
    "no length": () => (server.sendsLength = false),
    "a date": () => (server.headers = date),
    "hidden range": () => (server.hidesRange = true),
    pinned: () => (server.headers = {}),
  };
  for (const [what, change] of Object.entries(cases)) {
    ({ storage, server } = installBrowser());
    server.bytes = bytes;
    change();
    server.breaks = [5];
    assert.deepEqual(await read(what === "pinned" ? { integrity } : {}), bytes, what);
    assert.deepEqual(asked(), ["GET", "GET 5-"], what);
  }
});

test("on the page's own server the range depends on the version", async () => {
  globalThis.location = { origin: "https://models.test" };
  server.breaks = [5];
  await read();
  assert.deepEqual(server.ifRange, ['"a"']);
});

/** After `at` bytes of the first answer, the server has something else. */
function replaceAfter(at, change) {
  server.breaks = [at];
  let isDone = false;
  server.onPart = async (position) => {
    if (position < at || isDone) return;
    isDone = true;
    change();
  };
}

test("a file that was replaced meanwhile is downloaded from the start", async () => {
  const replaced = Uint8Array.from({ length: 10 }, () => 77);
  for (const sameOrigin of [false, true]) {
    for (const [before, after] of [
      [{ ETag: '"a"' }, { ETag: '"b"' }],
      [date, { "Last-Modified": "later" }],
    ]) {
      ({ storage, server } = installBrowser());
      if (sameOrigin) globalThis.location = { origin: "https://models.test" };
      Object.assign(server, { bytes, headers: before });
      replaceAfter(5, () => Object.assign(server, { bytes: replaced, headers: after }));
      assert.deepEqual(await read(), replaced);
    }
  }
  ({ storage, server } = installBrowser());
  Object.assign(server, { bytes, headers: date, hidesRange: true });
  replaceAfter(5, () => (server.bytes = replaced.subarray(0, 9)));
  assert.deepEqual(await read(), replaced.subarray(0, 9), "of another length");
});

test("a file that got shorter than what is there is downloaded from the start", async () => {
  replaceAfter(5, () => (server.bytes = bytes.subarray(0, 4)));
  assert.deepEqual(await read(), bytes.subarray(0, 4));
  assert.deepEqual(asked(), ["GET", "GET 5-", "GET"]);
});

test("a server without ranges begins again", async () => {
  server.ranges = "none";
  server.breaks = [5];
  assert.deepEqual(await read(), bytes);
  assert.deepEqual(asked(), ["GET", "GET 5-"]);
});

test("where nothing tells versions apart, it begins again", async () => {
  for (const headers of [{}, { ETag: 'W/"a"' }]) {
    server.headers = headers;
    server.breaks = [5];
    assert.deepEqual(await read({ cache: false }), bytes);
    assert.deepEqual(asked(), ["GET", "GET"]);
  }
});

test("a server that does not let pages ask for a part begins again, once that is clear", async () => {
  server.ranges = "forbidden";
  server.breaks = [5];
  assert.deepEqual(await read(), bytes);
  assert.deepEqual(asked(), ["GET", "GET 5-", "HEAD", "GET 5-", "HEAD", "GET"]);
});

test("a server that is busy is asked again; one that says no is not", async () => {
  server.breaks = [5];
  server.errors = [undefined, { status: 503 }, { status: 429 }];
  assert.deepEqual(await read(), bytes);
  assert.deepEqual(asked(), ["GET", "GET 5-", "GET 5-", "GET 5-"]);
  server.breaks = [5];
  server.errors = [undefined, { status: 403, statusText: "Forbidden" }];
  await assert.rejects(start({ cache: false }), { code: "network", message: /403 Forbidden/ });
});

test("a connection that is gone is tried a few times; the next visit goes on", async () => {
  server.breaks = [5];
  server.onPart = async (at) => {
    server.isDown = at >= 4;
  };
  await assert.rejects(start(), { code: "network", message: /broke off.*5 bytes are here/ });
  const attempts = asked().filter((request) => request !== "HEAD");
  assert.deepEqual(attempts, ["GET", "GET 5-", "GET 5-", "GET 5-"]);
  assert.deepEqual(storage.onlyFile, bytes.subarray(0, 5));
  server.isDown = false;
  server.onPart = async () => undefined;
  assert.deepEqual(await read(), bytes);
  assert.deepEqual(asked(), ["GET 5-"]);
  assert.deepEqual(await read({ integrity }), bytes);
  assert.deepEqual(asked(), []);
});

/** The first visit ends after five bytes. */
async function breakOff(options) {
  server.breaks = [5];
  server.errors = [undefined, { status: 404 }];
  await assert.rejects(start(options), { code: "network" });
  asked();
}

test("with a part from an earlier visit, a server that is gone or busy is told at once", async () => {
  await breakOff();
  server.isDown = true;
  await assert.rejects(start(), { code: "network", message: /could not be fetched/ });
  assert.deepEqual(asked(), ["GET 5-", "HEAD"]);
  server.isDown = false;
  server.errors = [{ status: 503 }];
  await assert.rejects(start(), { code: "network", message: /503/ });
  assert.deepEqual(storage.onlyFile, bytes.subarray(0, 5));
  server.ranges = "forbidden";
  assert.deepEqual(await read(), bytes, "but not for ever");
});

test("what an earlier visit has left of another version is not used", async () => {
  await breakOff();
  server.headers = { ETag: '"b"' };
  server.bytes = bytes.map((byte) => byte + 1);
  assert.deepEqual(await read(), server.bytes);
  assert.deepEqual(asked(), ["GET 5-", "GET"]);
});

test("what cannot be gone on with is not left", async () => {
  server.headers = {};
  await breakOff();
  assert.deepEqual(storage.kept, []);
  await breakOff({ integrity });
  assert.deepEqual(storage.onlyFile, bytes.subarray(0, 5));
  assert.deepEqual(await read({ integrity }), bytes);
  assert.deepEqual(asked(), ["GET 5-"]);
});

test("a Worker that was ended leaves its file locked for a moment", async () => {
  await breakOff();
  const [file] = [...storage.files].filter(([name]) => name.endsWith(".bin")).map(([, file]) => file);
  file.isOpen = true;
  setTimeout(() => (file.isOpen = false), 5);
  assert.deepEqual(await read(), bytes);
  assert.deepEqual(asked(), ["GET 5-"]);
});

test("a file that stays in use is not needed", async () => {
  await breakOff();
  const [file] = [...storage.files].filter(([name]) => name.endsWith(".bin")).map(([, file]) => file);
  file.isOpen = true;
  assert.deepEqual(await read(), bytes);
  assert.deepEqual(asked(), ["GET"]);
});

test("a file that is there as a whole but was not finished is not asked for", async () => {
  await breakOff();
  for (const [name, file] of storage.files) if (name.endsWith(".bin")) file.bytes = bytes;
  assert.deepEqual(await read(), bytes);
  assert.deepEqual(asked(), []);
});

test("the same without a known length: the server says that nothing follows", async () => {
  server.sendsLength = false;
  // Where the page may not see of how many bytes, it may as well be a file that got shorter.
  for (const [hidesRange, requests] of [
    [false, ["GET 10-"]],
    [true, ["GET 10-", "GET"]],
  ]) {
    server.hidesRange = hidesRange;
    await breakOff();
    for (const [name, file] of storage.files) if (name.endsWith(".bin")) file.bytes = bytes;
    assert.deepEqual(await read(), bytes);
    assert.deepEqual(asked(), requests);
    storage.files.clear();
  }
});

test("a file that got as short as what is there, or shorter where the range is hidden, is not taken for whole", async () => {
  for (const [length, hidesRange] of [
    [5, false],
    [4, true],
  ]) {
    ({ storage, server } = installBrowser());
    Object.assign(server, { bytes, hidesRange });
    const shorter = bytes.map((byte) => byte + 1).subarray(0, length);
    replaceAfter(5, () => (server.bytes = shorter));
    assert.deepEqual(await read(), shorter);
    assert.deepEqual(asked(), ["GET", "GET 5-", "GET"]);
  }
});

test("attempts that begin anew and get no further come to an end", async () => {
  server.ranges = "none";
  server.breaks = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 5 : 3));
  await assert.rejects(start(), { code: "network", message: /broke off/ });
  assert.deepEqual(asked(), ["GET", "GET 5-", "GET 3-", "GET 5-"]);
});

test("a connection that brings nothing for a minute has broken off", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let hangs = false;
  server.onPart = async (at) => {
    if (at !== 4 || hangs) return;
    hangs = true;
    await new Promise(() => undefined);
  };
  const reading = read();
  while (!hangs) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(59_999);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(asked(), ["GET"]);
  t.mock.timers.tick(1);
  // The pause before the next attempt is a real one.
  t.mock.timers.reset();
  assert.deepEqual(await reading, bytes);
  assert.deepEqual(asked(), ["GET 4-"]);
});

test("a server that accepts a connection and never answers is asked again, and given up", async () => {
  const stall = { stallMs: 5 };
  server.silences = [true, false, true, false];
  server.breaks = [5];
  assert.deepEqual(await read({}, stall), bytes);
  assert.deepEqual(asked(), ["GET", "GET", "GET 5-", "GET 5-"]);
  // The question whether it is there at all ends, too.
  ({ storage, server } = installBrowser());
  Object.assign(server, { bytes, breaks: [5], ranges: "forbidden", silences: [false, false, true] });
  assert.deepEqual(await read({}, stall), bytes);
  assert.deepEqual(asked(), ["GET", "GET 5-", "HEAD", "GET 5-", "HEAD", "GET 5-", "HEAD", "GET"]);
  server.silences = Array(9).fill(true);
  const error = { code: "network", message: /models\.test.*broke off: nothing came for 0.005 seconds/ };
  await assert.rejects(start({ cache: false }, stall), error);
  assert.deepEqual(asked(), ["GET", "GET", "GET", "GET"]);
});

test("a server that does not answer is waited for as long as for the next byte, unless the load is aborted", async (t) => {
  server.silences = [true, true];
  const controller = new AbortController();
  const aborted = start({}, { signal: controller.signal });
  while (server.requests.length === 0) await new Promise(setImmediate);
  controller.abort(new Error("another page"));
  await assert.rejects(aborted, { message: "another page" });
  asked();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const reading = read();
  while (server.requests.length === 0) await new Promise(setImmediate);
  t.mock.timers.tick(59_999);
  await new Promise(setImmediate);
  assert.deepEqual(asked(), ["GET"]);
  t.mock.timers.tick(1);
  t.mock.timers.reset();
  assert.deepEqual(await reading, bytes);
  assert.deepEqual(asked(), ["GET"]);
});

test("pieces that do not fit together are downloaded once more, whole", async () => {
  await breakOff({ integrity });
  for (const [name, file] of storage.files) if (name.endsWith(".bin")) file.bytes = new Uint8Array(5).fill(99);
  assert.deepEqual(await read({ integrity }), bytes);
  assert.deepEqual(asked(), ["GET 5-", "GET"]);
  server.bytes = bytes.map((byte) => byte + 1);
  storage.files.clear();
  await assert.rejects(start({ integrity }), { code: "integrity" });
  assert.deepEqual(asked(), ["GET"]);
  assert.deepEqual(storage.kept, []);
});

test("the same for pieces of one visit: of two versions that nothing tells apart", async () => {
  server.headers = {};
  const replaced = bytes.map((byte) => byte + 1);
  replaceAfter(5, () => (server.bytes = replaced));
  assert.deepEqual(await read({ integrity: integrityOf(replaced) }), replaced);
  assert.deepEqual(asked(), ["GET", "GET 5-", "GET"]);
  // Once: a file that is another one is not downloaded again and again.
  server.breaks = [5, Infinity, 5, Infinity];
  await assert.rejects(start({ integrity, cache: false }), { code: "integrity" });
  assert.deepEqual(asked(), ["GET", "GET 5-", "GET", "GET 5-"]);
});

test("an abort ends a pause too, and keeps what is there", async () => {
  server.breaks = [5];
  const controller = new AbortController();
  const reason = new Error("another page");
  server.onPart = async (at) => {
    if (at >= 4) setTimeout(() => controller.abort(reason), 5);
  };
  await assert.rejects(start({}, { signal: controller.signal, pauses: [1e6] }), reason);
  assert.deepEqual(storage.onlyFile, bytes.subarray(0, 5));
  await assert.rejects(start({}, { signal: AbortSignal.abort(reason) }), reason);
});

test("a file without a length, or longer than it said, is read whole", async () => {
  server.sendsLength = false;
  server.bytes = new Uint8Array(3 * 2 ** 20).fill(7);
  server.chunk = 2 ** 16;
  assert.deepEqual(await read({ cache: false }), server.bytes);
  server.headers = { "Content-Length": "10" };
  const progress = [];
  assert.deepEqual(await read({ cache: false }, { report: (p) => progress.push(p) }), server.bytes);
  assert.equal(progress.at(-2).total, 0);
});

test("404 and a dead server are network errors that name the address", async () => {
  server.errors = [{ status: 404, statusText: "Not Found" }];
  await assert.rejects(start(), { code: "network", message: /models\.test.*404 Not Found/ });
  server.isDown = true;
  await assert.rejects(start(), { code: "network", message: /models\.test.*Access-Control-Allow-Origin/ });
  assert.deepEqual(storage.kept, []);
});

test("a module that cannot start ends the download", async () => {
  const failing = { hashing: async () => Promise.reject(new Error("no module")) };
  await assert.rejects(start({}, failing), { message: "no module" });
});
