// The CPU's module on several threads, as far as it can be seen without any.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { startWorker } from "../dist/client/transport.js";
import { SamError, toWire } from "../dist/errors.js";
import { Engine } from "../dist/host/engine.js";
import { Host } from "../dist/host/host.js";
import { becomeThread, startThreads } from "../dist/host/threads.js";
import { Sam } from "../dist/index.js";
import { checkpoint, fakeModule, installPage, until } from "./fakes.mjs";

/** A module with one export; without it, what stands in for a module that was not built. */
const wasm = (...section) => {
  const bytes = Buffer.from([0, 97, 115, 109, 1, 0, 0, 0, ...section]);
  return new URL(`data:application/wasm;base64,${bytes.toString("base64")}`);
};
const built = wasm(6, 6, 1, 127, 0, 65, 0, 11, 7, 5, 1, 1, 120, 3, 0);

let log;
let workers;
/** What a Worker does that is told to be a thread. */
let answer;
const warnings = [];
console.warn = (...words) => warnings.push(words.join(" "));

function threadsModule(url = built) {
  return { ...fakeModule(log), url, initSync() {}, threadRun() {}, useThreads: (count) => log.push(`use ${count}`) };
}

const start = (module, params = {}) =>
  startThreads(module, { wasm: {}, ...params }, "a channel", () => log.push("announced"));

beforeEach(() => {
  log = [];
  workers = [];
  warnings.length = 0;
  answer = (worker) => worker.onmessage({ data: "ready" });
  globalThis.crossOriginIsolated = true;
  globalThis.location = { href: "https://page.test/worker.js" };
  Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: 4 }, configurable: true });
  globalThis.Worker = class {
    constructor(url, options) {
      Object.assign(this, { url, options });
      workers.push(this);
    }
    postMessage(message) {
      this.told = message;
      setImmediate(() => answer(this));
    }
    terminate() {
      this.terminated = true;
    }
  };
});

test("one Worker less than threads, all with one memory, of the same script", async () => {
  const engine = await start(threadsModule());
  assert.equal(engine.threads, 4);
  assert.deepEqual(log, ["announced", "use 4"]);
  assert.deepEqual(
    workers.map(({ url, options }) => [url, options]),
    Array(3).fill(["https://page.test/worker.js", { type: "module", name: "burn-sam thread" }]),
  );
  const [memory, ...others] = new Set(workers.map(({ told }) => told.memory));
  assert.ok(memory.buffer instanceof SharedArrayBuffer && others.length === 0);
  assert.equal((await start(threadsModule(), { threads: 2 })).threads, 2);
  assert.deepEqual(warnings, []);
});

test("what is loaded says how many threads it runs on", async () => {
  const adapter = (threads) =>
    new Promise((resolve, reject) => {
      const memory = new WebAssembly.Memory({ initial: 1 });
      const withThreads = async () => threads && new Engine("cpu", fakeModule(log), memory, threads);
      const post = (message) => {
        if (message.kind === "error") reject(message.error);
        if (message.kind === "result") resolve(message.value.adapter);
      };
      const host = new Host({ cpu: fakeModule(log) }, post, undefined, withThreads);
      const model = { kind: "blob", blob: checkpoint };
      host.receive({
        kind: "load",
        id: 1,
        params: { model, device: "cpu", precision: "auto", cache: false, wasm: {} },
      });
    });
  assert.equal(await adapter(4), "WebAssembly SIMD, 4 threads");
  assert.equal(await adapter(undefined), "WebAssembly SIMD");
});

test("where there can be no threads, none is tried", async () => {
  const none = async (params) => assert.equal(await start(threadsModule(), params), undefined);
  await none({ threads: 1 });
  await none({ wasm: { cpu: "https://cdn.test/cpu.wasm" } });
  navigator.hardwareConcurrency = 1;
  await none();
  navigator.hardwareConcurrency = 4;
  globalThis.location.href = "blob:https://page.test/1";
  await none();
  globalThis.location.href = "https://page.test/worker.js";
  globalThis.crossOriginIsolated = false;
  await none();
  assert.deepEqual([workers.length, warnings], [0, []]);
});

test("a browser that hands no memory on to a Worker's Workers has one thread", async () => {
  Worker.prototype.postMessage = () => {
    throw new DOMException("The object can not be cloned.", "DataCloneError");
  };
  assert.equal(await start(threadsModule()), undefined);
  assert.deepEqual(
    workers.map(({ terminated }) => terminated),
    [true, true, true],
  );
  assert.match(warnings.join(), /one thread/);
});

test("a module that was not built is passed over in silence", async () => {
  assert.equal(await start(threadsModule(wasm())), undefined);
  assert.deepEqual([workers.map(({ terminated }) => terminated), warnings], [[true, true, true], []]);
});

test("a thread that does not start costs a warning and the others", async () => {
  answer = (worker) => worker.onerror({ message: "forbidden", preventDefault() {} });
  assert.equal(await start(threadsModule()), undefined);
  assert.deepEqual([workers.map(({ terminated }) => terminated), log], [[true, true, true], []]);
  assert.match(warnings[0], /one thread.*forbidden/);
});

test("a thread that fails tells the page, whose calls are rejected", async () => {
  globalThis.self = { postMessage: (message) => log.push(message) };
  const fail = () => {
    throw new WebAssembly.RuntimeError("unreachable");
  };
  becomeThread({ ...threadsModule(), threadRun: fail });
  const said = new Promise((resolve) => {
    const channel = new BroadcastChannel("a channel");
    channel.onmessage = ({ data }) => {
      channel.close();
      resolve(data);
    };
  });
  self.onmessage({ data: { module: {}, memory: new WebAssembly.Memory({ initial: 1 }), channel: "a channel" } });
  assert.deepEqual([log, (await said).code], [["ready"], "internal"]);
  delete globalThis.self;

  globalThis.origin = "https://page.test";
  const transport = startWorker("https://page.test/worker.js");
  let error;
  transport.onerror = (caught) => (error = caught);
  workers[0].onmessage({ data: { kind: "threads", channel: "a channel" } });
  const channel = new BroadcastChannel("a channel");
  channel.postMessage(toWire(new SamError("internal", "a thread stopped")));
  await until(() => error !== undefined);
  assert.match(error.message, /a thread stopped/);
  channel.close();
  transport.terminate();
});

test("the option is a number of threads", async () => {
  installPage({ log });
  for (const threads of [0, 1.5, "2", NaN]) {
    await assert.rejects(Sam.load({ model: checkpoint, threads }), { code: "unsupported", message: /^threads is / });
  }
});
