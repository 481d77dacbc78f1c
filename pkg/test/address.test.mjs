// Addresses where something else is: many servers answer every address with the page.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Sam, cutout } from "../dist/index.js";
import { nearest } from "../dist/client/names.js";
import { Engine } from "../dist/host/engine.js";
import { checkpoint, fakeModule, installPage } from "./fakes.mjs";

const page = () => new Response("\n<!DOCTYPE html><title>App</title>", { headers: { "Content-Type": "text/html" } });
const load = (options) => Sam.load({ device: "cpu", cache: false, ...options });

beforeEach((t) => {
  installPage({ log: [] });
  t.mock.method(globalThis, "fetch", async () => page());
});

test("a model's address that leads to the page is named, and what came from there", async () => {
  const refused = { code: "bad-checkpoint", message: /no magic\. .*https:\/\/page\.test\/nope\.bin.*a page \(HTML\)/ };
  await assert.rejects(load({ model: "/nope.bin" }), refused);
  await assert.rejects(load({ model: new URL("https://page.test/nope.bin") }), refused);
  const presets = { "sam-vit-b": "/b.safetensors" };
  const moved = { code: "bad-checkpoint", message: /page\.test\/b\.safetensors.*HTML/ };
  await assert.rejects(load({ model: "sam-vit-b", assets: { presets } }), moved);
});

test("a file that is no checkpoint is named by its address, without a word of pages", async (t) => {
  t.mock.method(globalThis, "fetch", async () => new Response("<3"));
  await assert.rejects(load({ model: "/a.bin" }), ({ code, message }) => {
    assert.match(message, /no magic\. .*https:\/\/page\.test\/a\.bin\.$/);
    return code === "bad-checkpoint" && !/HTML/.test(message);
  });
});

test("a page that was saved in place of the model is called one", async () => {
  const model = new Blob(["<html></html>"]);
  await assert.rejects(load({ model }), { code: "bad-checkpoint", message: /The file is a page \(HTML\)/ });
});

test("a name that is nearly a preset's says which there are", async (t) => {
  const meant =
    /page\.test\/sam-vit-B.*"sam-vit-B" is no preset's name.*did you mean "sam-vit-b"\?.*"tiny", .*"sam-vit-h"/;
  await assert.rejects(load({ model: "sam-vit-B" }), { code: "bad-checkpoint", message: meant });
  await assert.rejects(load({ model: "large" }), { code: "bad-checkpoint", message: /"large" is no preset's name\. / });
  const answers = { "/sam-vit-B": new Response("", { status: 404 }) };
  t.mock.method(globalThis, "fetch", async (url) => answers[new URL(url).pathname] ?? page());
  await assert.rejects(load({ model: "sam-vit-B" }), { code: "network", message: meant });
  await assert.rejects(load({ model: "/sam-vit-B" }), ({ message }) => !/preset/.test(message));
});

test("where the page's address is long, a name that is no preset's is said to be none all the same", async (t) => {
  globalThis.location.href = `https://page.test/${"a".repeat(300)}/`;
  const answer = (url) => (String(url).endsWith("sam-vit-B") ? new Response("", { status: 404 }) : page());
  t.mock.method(globalThis, "fetch", async (url) => answer(url));
  await assert.rejects(load({ model: "sam-vit-B" }), { code: "network", message: /a….*did you mean "sam-vit-b"/ });
});

test("an empty address is none", async () => {
  for (const model of ["", " "]) {
    await assert.rejects(load({ model }), { code: "bad-checkpoint", message: /^model is " ?": .*"tiny"/ });
  }
});

test("an image's address that leads to the page is named", async (t) => {
  const sam = await load({ model: checkpoint });
  const refused = {
    code: "bad-image",
    message: /https:\/\/page\.test\/nope\.jpg \(text\/html.*answered with a page, so check/,
  };
  await assert.rejects(sam.encode("/nope.jpg"), refused);
  await assert.rejects(cutout("/nope.jpg", { data: new Uint8Array(1), width: 1, height: 1 }), refused);
  t.mock.method(globalThis, "fetch", async () => new Response(""));
  await assert.rejects(sam.encode("/empty.jpg"), { code: "bad-image", message: /page\.test\/empty\.jpg is empty/ });
});

test("what is in the place of the wasm file is told by what it is", async (t) => {
  const engine = (error) => {
    const init = () => Promise.reject(error);
    return Engine.start("cpu", { ...fakeModule(), init }, "https://page.test/cpu.wasm");
  };
  const moved = /page\.test\/cpu\.wasm .*the server has answered with a page.*pass its address as assets\.wasm/;
  const magic = new WebAssembly.CompileError("expected magic word 00 61 73 6d, found 3c 21 64 6f");
  await assert.rejects(engine(magic), { code: "unsupported", message: moved });
  t.mock.method(globalThis, "fetch", async () => new Response(""));
  await assert.rejects(engine(magic), {
    code: "unsupported",
    message: /cpu\.wasm could not be started: expected magic/,
  });
  const link = new WebAssembly.LinkError('Import #0 "./burn_sam_bg.js" "__wbg_a": function import requires a callable');
  const other = /cpu\.wasm is not that of the device cpu, or of another version.*assets\.wasm: \{ cpu, webgpu \}/;
  await assert.rejects(engine(link), { code: "unsupported", message: other });
});

test("the nearest of some names", () => {
  const known = ["points", "box", "mask", "tokens", "pointsPerSide", "multimask"];
  const cases = {
    point: "points", boxes: "box", bbox: "box", masks: "mask", token: "tokens", points_per_side: "pointsPerSide",
    multimaskOutput: "multimask", Box: "box", foo: undefined, label: undefined, "": undefined,
  }; // prettier-ignore
  for (const [name, expected] of Object.entries(cases)) assert.equal(nearest(name, known), expected, name);
});
