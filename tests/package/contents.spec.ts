// What is in the tarball, and what a project without a browser makes of it.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { node as run } from "./cli.ts";
import { expect, makeProject, sharedProject, tarball, test } from "./support.ts";

function node(folder: string, script: string): string {
  return execFileSync("node", ["--input-type=module", "--eval", script], { cwd: folder, encoding: "utf8" }).trim();
}

test("the tarball has what is needed and nothing else", () => {
  const list = execFileSync("tar", ["-tzf", tarball()], { encoding: "utf8" }).trim().split(/\r?\n/);
  const files = list.map((path) => path.replace(/^package\//, ""));
  console.log(`    ${files.length} files, ${(statSync(tarball()).size / 1e6).toFixed(2)} MB packed`);
  expect(files).toEqual(
    expect.arrayContaining([
      ...["package.json", "README.md", "LICENSE-APACHE", "LICENSE-MIT"],
      ...["dist/index.js", "dist/index.d.ts", "dist/worker.js", "models/tiny.safetensors"],
      ...["cpu", "webgpu", "threads"].flatMap((device) => [
        `dist/wasm/${device}/burn_sam.js`,
        `dist/wasm/${device}/burn_sam_bg.wasm`,
      ]),
    ]),
  );
  const allowed =
    /^(package\.json|README\.md|LICENSE-(MIT|APACHE)|dist\/.+\.(js|d\.ts|wasm)|models\/[\w-]+\.(safetensors|md))$/;
  expect(files.filter((file) => !allowed.test(file))).toEqual([]);
});

test("every address of `exports` leads to a file", () => {
  const project = sharedProject("app");
  const addresses = [
    ...["burn-sam", "burn-sam/worker", "burn-sam/package.json", "burn-sam/models/tiny.safetensors"],
    ...["burn-sam/wasm", "burn-sam/wasm/cpu/burn_sam_bg.wasm", "burn-sam/wasm/webgpu/burn_sam.js"],
  ];
  const script = `console.log(JSON.stringify(${JSON.stringify(addresses)}.map((a) => import.meta.resolve(a))))`;
  const resolved = JSON.parse(node(project, script)) as string[];
  expect(resolved.map((url) => existsSync(new URL(url)))).toEqual(addresses.map(() => true));
});

test("Node can import it, and loading there is refused", () => {
  const project = sharedProject("app");
  const script = `
    import { Sam, SamError, toRle } from "burn-sam";
    const refused = await Sam.load().catch((error) => [error instanceof SamError, error.code, error.message]);
    const rle = toRle({ data: Uint8Array.of(0, 1, 1, 0), width: 2, height: 2 });
    console.log(JSON.stringify({ refused, counts: rle.counts }));
  `;
  expect(JSON.parse(node(project, script))).toEqual({
    refused: [true, "unsupported", expect.stringMatching(/browser/)],
    counts: [1, 2, 1],
  });
});

test("publint finds nothing wrong", async () => {
  const project = sharedProject("lint");
  const printed = await run(project, "node_modules/publint/src/cli.js", "--strict", tarball());
  expect(printed).toContain("All good!");
});

test("are the types wrong? (attw)", async () => {
  const project = sharedProject("lint");
  // Scripts only as modules: what CommonJS and TypeScript's oldest resolution make of it does not count.
  const printed = await run(
    project,
    "node_modules/@arethetypeswrong/cli/dist/index.js",
    "--profile",
    "esm-only",
    tarball(),
  );
  // It fails where it finds a problem.
  expect(printed).toContain('"burn-sam/worker"');
});

/** What a compiler with strict checks says about these files of the project `types`. `typescript`: its folder. */
function compile(
  project: string,
  include: string[],
  options: object = {},
  typescript = join(createRequire(import.meta.url).resolve("typescript/package.json"), ".."),
): string {
  const compilerOptions = {
    target: "ES2022",
    module: "ESNext",
    moduleResolution: "bundler",
    lib: ["ES2022", "ESNext.Disposable", "DOM"],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // The package's own declarations are checked too.
    skipLibCheck: false,
    noEmit: true,
    ...options,
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include }));
  try {
    return execFileSync("node", [join(typescript, "bin/tsc"), "-p", project], { encoding: "utf8" });
  } catch (error) {
    return error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
  }
}

for (const moduleResolution of ["bundler", "nodenext"] as const) {
  test(`types, with strict checks, as ${moduleResolution} finds them`, () => {
    const module = moduleResolution === "bundler" ? "ESNext" : "NodeNext";
    const include = ["consumer.ts", "mistakes.ts", "worker.ts"];
    expect(compile(makeProject("types"), include, { module, moduleResolution })).toBe("");
  });
}

test("types, in a project for Workers only", () => {
  expect(compile(makeProject("types"), ["worker.ts"], { lib: ["ES2022", "WebWorker"] })).toBe("");
});

test("types, with TypeScript 5.4", () => {
  const typescript = join(sharedProject("typescript5"), "node_modules/typescript");
  expect(compile(makeProject("types"), ["consumer.ts", "mistakes.ts", "worker.ts"], {}, typescript)).toBe("");
  expect(compile(makeProject("types"), ["worker.ts"], { lib: ["ES2022", "WebWorker"] }, typescript)).toBe("");
});

test("the README's snippets compile", () => {
  const project = makeProject("types");
  const readme = readFileSync(join(project, "node_modules/burn-sam/README.md"), "utf8");
  const snippets = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, snippet = ""]) => snippet);
  expect(snippets.length).toBeGreaterThan(2);
  expect(snippets[0]).toContain("Sam.load()");
  const known = 'import { Sam, type SamImage } from "burn-sam";\ndeclare const image: SamImage;\n';
  const names = snippets.map((snippet, i) => {
    const before = snippet.startsWith("import") ? "declare const file: File;\n" : known;
    writeFileSync(join(project, `readme${i}.ts`), before + snippet);
    return `readme${i}.ts`;
  });
  expect(compile(project, names)).toBe("");
});

test("of a mistake in a prompt the compiler says what is meant", () => {
  const project = makeProject("types");
  const script = 'import type { SamImage } from "burn-sam";\nexport const ask = (image: SamImage) => image.segment(';
  writeFileSync(join(project, "point.ts"), `${script}{ point: [] });\n`);
  writeFileSync(join(project, "label.ts"), `${script}{ points: [{ x: 1, y: 2, label: 3 }] });\n`);
  expect(compile(project, ["point.ts"])).toContain("Did you mean to write 'points'?");
  expect(compile(project, ["label.ts"])).toContain("Type '3' is not assignable to type '0 | 1");
});
