// Bundlers move files: the Worker, the wasm and the model must still be found.
import { cpSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { serve } from "../browser/support/server.ts";
import { node, start } from "./cli.ts";
import { demandingTrustedTypes } from "./sites.ts";
import { answer, expect, expectMask, makeProject, sharedProject, test } from "./support.ts";

const vites = [
  {
    name: "Vite 8 (Rolldown)",
    cli: join(createRequire(import.meta.url).resolve("vite/package.json"), "../bin/vite.js"),
    project: () => makeProject("app"),
    // Its development server takes a package's files along.
    needsConfiguration: false,
  },
  {
    name: "Vite 7 (esbuild, Rollup)",
    cli: "node_modules/vite/bin/vite.js",
    project: () => sharedProject("vite7"),
    needsConfiguration: true,
  },
];

for (const { name, cli, project, needsConfiguration } of vites) {
  test(`${name} builds it without configuration`, async ({ page }) => {
    const root = project();
    await node(root, cli, "build");
    for (const options of [{}, demandingTrustedTypes]) {
      const site = await serve(join(root, "dist"), options);
      await expectMask(page, site.url).finally(() => site.close());
    }
  });

  test(`${name}: the development server ${needsConfiguration ? "says what must be configured" : "serves it"}`, async ({
    page,
  }) => {
    const server = await start(project(), cli);
    try {
      if (needsConfiguration) {
        expect(await answer(page, server.url)).toContain('optimizeDeps: { exclude: ["burn-sam"] }');
      } else {
        await expectMask(page, server.url);
      }
    } finally {
      await server.stop();
    }
  });

  test(`${name}: the development server, told to leave it alone`, async ({ page }) => {
    const root = project();
    const config = { optimizeDeps: { exclude: ["burn-sam"] } };
    writeFileSync(join(root, "vite.config.js"), `export default ${JSON.stringify(config)};\n`);
    const server = await start(root, cli);
    await expectMask(page, server.url).finally(() => server.stop());
  });
}

test("webpack 5 builds it without configuration", async ({ page }) => {
  const root = sharedProject("webpack");
  await node(root, "build.js");
  const site = await serve(join(root, "dist"));
  await expectMask(page, site.url).finally(() => site.close());
});

test("Next's development server", async ({ page }) => {
  const root = sharedProject("next");
  const server = await start(root, "node_modules/next/dist/bin/next", "dev", "--port", "0");
  try {
    await expectMask(page, server.url);
    expect(await page.textContent("#server")).toBe("1 2 1");
  } finally {
    await server.stop();
  }
});

for (const bundler of ["turbopack", "webpack"]) {
  test(`Next builds it with ${bundler}: imported on the server, run in a client component`, async ({ page }) => {
    const root = sharedProject("next");
    const cli = "node_modules/next/dist/bin/next";
    await node(root, cli, "build", `--${bundler}`);
    const server = await start(root, cli, "start", "--port", "0");
    try {
      await expectMask(page, server.url);
      expect(await page.textContent("#server")).toBe("1 2 1");
    } finally {
      await server.stop();
    }
  });
}

/** The options of a usual build. */
const usual = { bundle: true, minify: true, format: "esm", logLevel: "silent" } as const;

test("esbuild, with the addresses of what it moved", async ({ page }) => {
  const root = makeProject("app");
  const files = join(root, "node_modules/burn-sam");
  const out = join(root, "out");
  const entryPoints = { main: "main.js", "assets/worker": "burn-sam/worker" };
  const result = await esbuild.build({ ...usual, absWorkingDir: root, entryPoints, outdir: out });
  expect(result.errors).toEqual([]);
  for (const name of ["index.html", "scene.png"]) cpSync(join(root, name), join(out, name));
  cpSync(join(files, "dist/wasm/cpu/burn_sam_bg.wasm"), join(out, "assets/cpu.wasm"));
  cpSync(join(files, "models/tiny.safetensors"), join(out, "assets/tiny.safetensors"));
  const site = await serve(out);
  const assets = { worker: "assets/worker.js", wasm: { cpu: "assets/cpu.wasm" }, model: "assets/tiny.safetensors" };
  await expectMask(page, site.url, { assets }).finally(() => site.close());
});

test.describe("what a bundler leaves out", () => {
  /** The minified bundle of a script. */
  async function bundle(contents: string): Promise<string> {
    const stdin = { contents, resolveDir: sharedProject("app") };
    const { outputFiles } = await esbuild.build({ ...usual, stdin, write: false });
    return outputFiles.map(({ text }) => text).join("");
  }

  test("nothing remains of an import that is not used", async () => {
    expect(await bundle('import { Sam, toRle } from "burn-sam"; import "burn-sam";')).toBe("");
  });

  test("the Worker's script stays where it is imported for its effect", async () => {
    expect(await bundle('import "burn-sam/worker";')).toMatch(/addEventListener\("message"/);
  });
});
