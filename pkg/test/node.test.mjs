import assert from "node:assert/strict";
import { test } from "node:test";

test("importing in Node works, loading there is unsupported", async () => {
  const { Sam } = await import("burn-sam");
  await assert.rejects(Sam.load(), { name: "SamError", code: "unsupported", message: /no Worker/ });
  await assert.rejects(Sam.load({ worker: false }), { code: "unsupported" });
});
