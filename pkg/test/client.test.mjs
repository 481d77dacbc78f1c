import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../dist/client/client.js";
import { SamError } from "../dist/errors.js";

function setup() {
  const sent = [];
  const transport = { postMessage: (message) => sent.push(message), terminate: () => sent.push("terminate") };
  return { sent, transport, client: new Client(transport) };
}
const embedding = (client, options) => client.call("embedding", { params: { image: 1 } }, options);

test("answers reach their calls in any order, and carry the size of the memory", async () => {
  const { client, transport } = setup();
  const [first, second] = [embedding(client), embedding(client)];
  transport.onmessage({ kind: "result", id: 2, value: "two", memory: 20 });
  transport.onmessage({ kind: "error", id: 1, error: { code: "bad-prompt", message: "no" }, memory: 30 });
  assert.equal(await second, "two");
  await assert.rejects(first, { name: "SamError", code: "bad-prompt", message: "no" });
  assert.equal(client.memory, 30);
});

test("progress reaches its call only", () => {
  const { client, transport } = setup();
  const seen = [];
  embedding(client, { onProgress: (progress) => seen.push(progress) });
  embedding(client);
  transport.onmessage({ kind: "progress", id: 1, progress: "half" });
  transport.onmessage({ kind: "progress", id: 2, progress: "other" });
  assert.deepEqual(seen, ["half"]);
});

test("an abort rejects at once with the signal's reason and tells the other side", async () => {
  const { client, transport, sent } = setup();
  const controller = new AbortController();
  const call = embedding(client, { signal: controller.signal });
  controller.abort("changed my mind");
  await assert.rejects(call, (reason) => reason === "changed my mind");
  assert.deepEqual(sent.at(-1), { kind: "cancel", id: 1 });
  transport.onmessage({ kind: "result", id: 1, value: "late", memory: 1 });
});

test("a call with an aborted signal sends nothing", async () => {
  const { client, sent } = setup();
  await assert.rejects(embedding(client, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.deepEqual(sent, []);
});

test("a loss rejects every pending and every later call and ends the transport", async () => {
  const { client, transport, sent } = setup();
  const calls = [embedding(client), embedding(client)];
  const waiting = client.call("encode", new Promise(() => undefined));
  transport.onmessage({ kind: "lost", error: { code: "device-lost", message: "gone" } });
  for (const call of [...calls, waiting, embedding(client)]) await assert.rejects(call, { code: "device-lost" });
  assert.equal((await client.lost).code, "device-lost");
  assert.equal(sent.at(-1), "terminate");
});

test("a transport that breaks is a loss", async () => {
  const { client, transport } = setup();
  const call = embedding(client);
  transport.onerror(new Error("boom"));
  await assert.rejects(call, { code: "internal", message: /boom/ });
  assert.equal((await client.lost).code, "internal");
});

test("closing rejects what is pending and is not a loss", async () => {
  const { client } = setup();
  const call = embedding(client);
  client.close(new SamError("disposed", "freed"));
  await assert.rejects(call, { code: "disposed" });
  assert.equal(await Promise.race([client.lost, "pending"]), "pending");
});

test("rejectAll ends the calls of one owner", async () => {
  const { client, transport, sent } = setup();
  const [a, b] = [{}, {}];
  const mine = embedding(client, { owner: a });
  const other = embedding(client, { owner: b });
  client.rejectAll(a, new SamError("disposed", "freed"));
  await assert.rejects(mine, { code: "disposed" });
  assert.deepEqual(sent.at(-1), { kind: "cancel", id: 1 });
  transport.onmessage({ kind: "result", id: 2, value: "ok", memory: 0 });
  assert.equal(await other, "ok");
});

test("a message that cannot be sent rejects its call, and the next one works", async () => {
  const { client, transport } = setup();
  const { postMessage } = transport;
  transport.postMessage = () => {
    throw new DOMException("a function could not be cloned", "DataCloneError");
  };
  await assert.rejects(embedding(client), { code: "internal", message: /could not be cloned/ });
  transport.postMessage = postMessage;
  const call = embedding(client);
  transport.onmessage({ kind: "result", id: 2, value: "ok", memory: 0 });
  assert.equal(await call, "ok");
});

test("a message whose making fails rejects its call with that error", async () => {
  const { client, sent } = setup();
  const call = client.call("encode", Promise.reject(new SamError("bad-image", "broken")));
  await assert.rejects(call, { code: "bad-image" });
  assert.deepEqual(sent, []);
});

test("a bitmap made for a call that was given up meanwhile is closed", async () => {
  const { client, sent } = setup();
  const controller = new AbortController();
  let closed = false;
  const bitmap = { width: 1, close: () => (closed = true) };
  const message = Promise.resolve({ params: {}, transfer: [bitmap] });
  const call = client.call("encode", message, { signal: controller.signal });
  controller.abort();
  await assert.rejects(call, { name: "AbortError" });
  assert.ok(closed);
  assert.deepEqual(sent, []);
});
