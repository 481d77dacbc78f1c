// The CPU's module on several threads, as far as it can be seen without any.
import assert from "node:assert/strict";
import { resolveObjectURL } from "node:buffer";
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
/** What a Worker does that is told what a thread needs. */
let answer;
const warnings = [];
console.warn = (...words) => warnings.push(words.join(" "));

function threadsModule(url = built) {
  return { ...fakeModule(log), url, initSync() {}, threadRun() {}, useThreads: (count) => log.push(`use ${count}`) };
}

/** In the Worker. */
const startOthers = async (count, start) => void log.push(`start ${count}`, start);
const start = (module, params = {}, others = startOthers) => startThreads(module, { wasm: {}, ...params }, others);

/** What the Worker asks of the page. */
const wanted = { kind: "threads", count: 3, script: "https://page.test/worker.js?bundled", type: "classic", start: {} };

/** The page, of whose Worker threads are wanted; gives what it answers. */
async function ask({ address = "https://page.test/worker.js", onerror } = {}) {
  const transport = startWorker(address);
  transport.onerror = onerror;
  const [worker] = workers;
  worker.onmessage({ data: { kind: "ready" } });
  worker.onmessage({ data: wanted });
  await until(() => worker.told !== undefined);
  return { transport, told: worker.told, threads: workers.slice(1) };
}

beforeEach(() => {
  log = [];
  workers = [];
  warnings.length = 0;
  answer = (worker) => worker.onmessage({ data: { kind: "ready" } });
  globalThis.crossOriginIsolated = true;
  globalThis.origin = "https://page.test";
  Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: 4 }, configurable: true });
  globalThis.Worker = class {
    constructor(url, options) {
      Object.assign(this, { url: String(url), options });
      workers.push(this);
      if (options.name === "burn-sam thread") setImmediate(() => this.onmessage({ data: { kind: "listening" } }));
    }
    postMessage(message) {
      this.told = message;
      if (this.options.name === "burn-sam thread") setImmediate(() => answer(this));
    }
    terminate() {
      this.terminated = true;
    }
  };
});

test("an engine on all threads: the first is the Worker's, the page starts the others", async () => {
  const engine = await start(threadsModule());
  assert.equal(engine.threads, 4);
  const [others, { module, memory }, use] = log;
  assert.deepEqual([others, use], ["start 3", "use 4"]);
  assert.ok(module instanceof WebAssembly.Module && memory.buffer instanceof SharedArrayBuffer);
  assert.equal((await start(threadsModule(), { threads: 2 })).threads, 2);
  assert.deepEqual(warnings, []);
});

test("the page starts Workers of the Worker's script, and tells each what it needs", async () => {
  const { transport, told, threads } = await ask();
  assert.deepEqual(told, { kind: "threads" });
  assert.deepEqual(
    threads.map(({ url, options, told }) => [url, options, told]),
    Array(3).fill([wanted.script, { type: "classic", name: "burn-sam thread" }, wanted.start]),
  );
  transport.terminate();
  assert.ok(workers.every(({ terminated }) => terminated));
});

test("with the package on another origin, threads import the script as the Worker does", async () => {
  const { transport, told, threads } = await ask({ address: "https://cdn.test/worker.js" });
  assert.deepEqual([told, threads.length], [{ kind: "threads" }, 3]);
  for (const { url, options } of threads) assert.match(`${url} ${options.type}`, /^blob:.* classic$/);
  await until(() => resolveObjectURL(threads[0].url) === undefined);
  transport.terminate();
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
  const { structuredClone } = globalThis;
  globalThis.structuredClone = () => {
    throw new DOMException("The object can not be cloned.", "DataCloneError");
  };
  await none();
  globalThis.structuredClone = structuredClone;
  globalThis.crossOriginIsolated = false;
  await none();
  assert.deepEqual([log, warnings], [[], []]);
});

test("a module that was not built is passed over in silence", async () => {
  assert.equal(await start(threadsModule(wasm())), undefined);
  assert.deepEqual([log, warnings], [[], []]);
});

test("where the page cannot start them, a warning says so, and there is one thread", async () => {
  const refuse = () => Promise.reject(new Error("forbidden"));
  assert.equal(await start(threadsModule(), {}, refuse), undefined);
  assert.match(warnings[0], /one thread.*forbidden/);
  assert.deepEqual(log, []);
});

const refusals = {
  "whose script fails": (worker) => worker.onerror({ message: "forbidden", preventDefault() {} }),
  "that fails before the others are ready": (worker) => {
    worker.onmessage({ data: { kind: "ready" } });
    worker.onmessage({ data: { kind: "failed", error: toWire(new SamError("internal", "forbidden")) } });
  },
};
for (const [name, refuse] of Object.entries(refusals)) {
  test(`a thread ${name} costs the others, and the Worker is told why`, async () => {
    const normal = answer;
    answer = (worker) => (worker === workers[2] ? refuse(worker) : normal(worker));
    const { transport, told, threads } = await ask();
    assert.deepEqual(told, { kind: "threads", error: "forbidden" });
    assert.deepEqual(
      threads.map(({ terminated }) => terminated),
      [true, true, true],
    );
    assert.equal(workers[0].terminated, undefined);
    transport.terminate();
  });
}

test("what a Worker cannot be sent, or must not be made, costs the threads only", async () => {
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (message) {
    if (this.options.name === "burn-sam thread") throw new DOMException("It can not be cloned.", "DataCloneError");
    postMessage.call(this, message);
  };
  const cloned = await ask();
  assert.deepEqual(cloned.told, { kind: "threads", error: "It can not be cloned." });
  workers = [];
  globalThis.Worker = class extends Worker {
    constructor(url, options) {
      if (options.name === "burn-sam thread") throw new DOMException("the policy forbids it", "SecurityError");
      super(url, options);
    }
  };
  const made = await ask();
  assert.deepEqual(made.told, { kind: "threads", error: "the policy forbids it" });
  for (const { transport } of [cloned, made]) transport.terminate();
});

test("a thread that fails later ends the session: the Worker would wait for it", async () => {
  const errors = [];
  const { transport, threads } = await ask({ onerror: (error) => errors.push(error) });
  threads[1].onmessage({ data: { kind: "failed", error: toWire(new SamError("internal", "a thread stopped")) } });
  assert.deepEqual([errors[0].code, errors[0].message], ["internal", "a thread stopped"]);
  threads[0].onerror({ message: "it has no memory", preventDefault() {} });
  assert.match(errors[1].message, /it has no memory/);
  transport.terminate();
});

test("a thread says when it listens, when it is ready, and why it stops", async () => {
  globalThis.self = { postMessage: (message) => log.push(message) };
  const fail = () => {
    throw new WebAssembly.RuntimeError("unreachable");
  };
  becomeThread({ ...threadsModule(), threadRun: fail });
  self.onmessage({ data: { module: {}, memory: new WebAssembly.Memory({ initial: 1 }) } });
  const [listening, ready, failed] = log;
  assert.deepEqual([listening, ready], [{ kind: "listening" }, { kind: "ready" }]);
  assert.deepEqual([failed.kind, failed.error.code], ["failed", "internal"]);
  delete globalThis.self;
});

test("the option is a number of threads", async () => {
  installPage({ log });
  for (const threads of [0, 1.5, "2", NaN]) {
    await assert.rejects(Sam.load({ model: checkpoint, threads }), { code: "unsupported", message: /^threads is / });
  }
});
