// A browser with Trusted Types. In a file of its own: a policy is made once for all that the script does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Sam } from "../dist/index.js";
import { checkpoint, installPage } from "./fakes.mjs";

test("every Worker's address is vouched for by one policy, and the page's constructor stays as it was", async () => {
  class TrustedScriptURL extends URL {}
  const made = [];
  globalThis.trustedTypes = {
    createPolicy(name, { createScriptURL }) {
      made.push(name);
      return { createScriptURL: (url) => new TrustedScriptURL(createScriptURL(url)) };
    },
  };
  const workers = installPage();
  const { Worker } = globalThis;
  const load = async (assets) => (await Sam.load({ model: checkpoint, device: "cpu", assets })).free();
  assert.deepEqual(made, [], "nothing before it is needed");
  await load({});
  await load({ worker: "/worker.js" });
  await load({ worker: "https://cdn.test/worker.js" });
  assert.deepEqual(
    workers.map(({ url }) => [url instanceof TrustedScriptURL, url.protocol]),
    [
      [true, "file:"],
      [true, "https:"],
      [true, "blob:"],
    ],
  );
  assert.deepEqual(made, ["burn-sam"]);
  assert.equal(globalThis.Worker, Worker);
  assert.ok(workers.every((worker) => worker instanceof Worker));
});
