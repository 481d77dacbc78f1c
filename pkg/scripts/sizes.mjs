// What visitors and `npm install` download: run by `cargo xtask build --release` when the package is complete.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
const row = (...cells) =>
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(34) : cell.padStart(10))).join(" "));

const dist = new URL("../dist/", import.meta.url);
const files = (folder, keep) =>
  readdirSync(new URL(folder, dist), { recursive: true })
    .filter(keep)
    .map((name) => readFileSync(new URL(`${folder}${name}`, dist)));
const scripts = files("./", (name) => name.endsWith(".js") && !name.startsWith("wasm"));
const model = [readFileSync(new URL("../models/tiny.safetensors", import.meta.url))];

row("what a visitor downloads", "bytes", "gzip -9", "brotli 11");
for (const name of ["cpu", "webgpu", "threads"]) {
  const module = files(`wasm/${name}/`, (name) => /\.(js|wasm)$/.test(name));
  report(name === "threads" ? "module for the CPU, threads" : `module for ${name}`, module);
}
report("scripts", scripts);
report("built-in model", model);

const [{ size, unpackedSize }] = JSON.parse(
  execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: new URL("..", import.meta.url) }),
);
console.log(`npm package: ${megabytes(size)}, unpacked ${megabytes(unpackedSize)}`);

/** Each file compressed for itself, as a server does. */
function report(what, contents) {
  const total = (compress) => contents.reduce((sum, bytes) => sum + compress(bytes).length, 0);
  const sizes = [(bytes) => bytes, (bytes) => gzipSync(bytes, { level: 9 }), (bytes) => brotliCompressSync(bytes)];
  row(what, ...sizes.map((compress) => megabytes(total(compress))));
}
