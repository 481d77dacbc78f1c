// Bundlers move files: the Worker, the wasm and the model must still be found.
import { cpSync } from "node:fs";
import { join } from "node:path";
import * as esbuild from "esbuild";
import * as vite from "vite";
import { serve } from "../browser/support/server.ts";
import { expect, expectMask, makeProject, test } from "./support.ts";

test("Vite builds it without configuration", async ({ page }) => {
  const root = makeProject("app");
  cpSync(join(root, "scene.png"), join(root, "public/scene.png"));
  await vite.build({ root, configFile: false, logLevel: "error" });
  const site = await serve(join(root, "dist"));
  await expectMask(page, site.url).finally(() => site.close());
});

for (const optimised of [true, false]) {
  test(`Vite's development server, ${optimised ? "which moves the package" : "told to leave it alone"}`, async ({
    page,
  }) => {
    const root = makeProject("app");
    const optimizeDeps = optimised ? {} : { exclude: ["burn-sam"] };
    const server = await vite.createServer({ root, configFile: false, logLevel: "error", optimizeDeps });
    await server.listen();
    const [url] = server.resolvedUrls?.local ?? [];
    expect(url).toBeDefined();
    await expectMask(page, url!).finally(() => server.close());
  });
}

test("esbuild, with the addresses of what it moved", async ({ page }) => {
  const root = makeProject("app");
  const installed = join(root, "node_modules/burn-sam");
  const out = join(root, "out");
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: { main: "main.js", "assets/worker": "burn-sam/worker" },
    outdir: out,
    bundle: true,
    minify: true,
    format: "esm",
    logLevel: "silent",
  });
  expect(result.errors).toEqual([]);
  for (const name of ["index.html", "scene.png"]) cpSync(join(root, name), join(out, name));
  cpSync(join(installed, "dist/wasm/cpu/burn_sam_bg.wasm"), join(out, "assets/cpu.wasm"));
  cpSync(join(installed, "models/tiny.safetensors"), join(out, "assets/tiny.safetensors"));
  const site = await serve(out);
  const assets = { worker: "assets/worker.js", wasm: { cpu: "assets/cpu.wasm" }, model: "assets/tiny.safetensors" };
  await expectMask(page, site.url, { assets }).finally(() => site.close());
});
