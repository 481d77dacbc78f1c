// What a helper adds to a page is what the README says.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { expect, makeProject, test } from "./support.ts";

async function bundle(folder: string, name: string): Promise<Uint8Array> {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: `export { ${name} } from "burn-sam";`, resolveDir: folder },
    ...{ bundle: true, minify: true, format: "esm", write: false, logLevel: "error" },
  });
  return outputFiles[0]!.contents;
}

test("each helper alone costs what the README says", async () => {
  const folder = makeProject("app");
  const readme = readFileSync(join(folder, "node_modules/burn-sam/README.md"), "utf8");
  const table = readme.split("\n").filter((line) => /^\| `\w+\(.* kB/.test(line));
  const stated = table.flatMap((line) => {
    const [, calls = "", , cost = ""] = line.split("|");
    const kilobytes = [...cost.matchAll(/[\d.]+/g)].map(Number);
    return [...calls.matchAll(/`(\w+)\(/g)].map(([, name = ""], i) => [name, kilobytes[i] ?? kilobytes[0]] as const);
  });
  const functions = Object.entries(await import("burn-sam")).filter(([, value]) => typeof value === "function");
  const helpers = functions.map(([name]) => name).filter((name) => !["Sam", "SamError"].includes(name));
  expect(stated.map(([name]) => name).sort()).toEqual(helpers.sort());
  for (const [name, kilobytes] of stated) {
    const code = await bundle(folder, name);
    const cost = gzipSync(code, { level: 9 }).length / 1000;
    expect(Math.abs(cost - (kilobytes ?? 0)), `${name}: ${cost} kB, ${kilobytes} in the README`).toBeLessThan(0.1);
    expect(new TextDecoder().decode(code), name).not.toMatch(/Worker|WebAssembly|\.wasm/);
  }
});
