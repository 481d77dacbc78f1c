import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../dist/client/client.js";
import { SamError } from "../dist/errors.js";
import { FakeBitmap } from "./fakes.mjs";

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

test("a loss rejects what is pending with its reason, later calls with device-lost, and ends the transport", async () => {
  const { client, transport, sent } = setup();
  const calls = [embedding(client), embedding(client)];
  const waiting = client.call("encode", new Promise(() => undefined));
  transport.onmessage({ kind: "lost", error: { code: "out-of-memory", message: "It is full." } });
  for (const call of [...calls, waiting]) await assert.rejects(call, { code: "out-of-memory" });
  await assert.rejects(embedding(client), ({ code, message, cause }) => {
    assert.equal(code, "device-lost");
    assert.match(message, /It is full/);
    return cause.code === "out-of-memory";
  });
  assert.equal((await client.lost).code, "out-of-memory");
  assert.equal(sent.at(-1), "terminate");
});

test("a loss says what to do once there is a model to bring back", async () => {
  const { client, transport } = setup();
  client.advice = "Call sam.restart().";
  const call = embedding(client);
  transport.onmessage({ kind: "lost", error: { code: "internal", message: "It stopped." } });
  for (const each of [call, embedding(client)])
    await assert.rejects(each, { message: /It stopped\. Call sam\.restart/ });
  assert.match((await client.lost).message, /Call sam\.restart/);
});

test("a transport that breaks is a loss", async () => {
  const { client, transport } = setup();
  const call = embedding(client);
  transport.onerror(new Error("boom"));
  await assert.rejects(call, { code: "device-lost", message: /boom/ });
  assert.equal((await client.lost).code, "device-lost");
});

test("closing rejects what is pending and is not a loss", async () => {
  const { client } = setup();
  const call = embedding(client);
  client.close(new SamError("disposed", "freed"));
  await assert.rejects(call, { code: "disposed" });
  assert.equal(await Promise.race([client.lost, "pending"]), "pending");
});

test("what a transport reports after the end is not a loss", async () => {
  const { client, transport } = setup();
  client.close(new SamError("disposed", "freed"));
  transport.onmessage({ kind: "lost", error: { code: "internal", message: "too late" } });
  transport.onerror(new Error("too late"));
  assert.equal(await Promise.race([client.lost, "pending"]), "pending");
  await assert.rejects(embedding(client), { code: "disposed" });
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

test("bitmaps of an answer that nobody waits for are closed", async () => {
  const { client, transport } = setup();
  const controller = new AbortController();
  const call = client.call("segment", { params: {} }, { signal: controller.signal });
  controller.abort();
  await assert.rejects(call, { name: "AbortError" });
  const bitmaps = [new FakeBitmap(2, 2), new FakeBitmap(2, 2)];
  transport.onmessage({ kind: "result", id: 1, value: [bitmaps.map((data) => ({ data }))], memory: 0 });
  assert.deepEqual(
    bitmaps.map(({ closed }) => closed),
    [true, true],
  );
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
