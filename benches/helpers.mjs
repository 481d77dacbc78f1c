// What the helpers for masks cost: milliseconds on a mask of 4000 × 3000 in Node, and bytes in a bundle.
//
//     npm run build -w pkg && node benches/helpers.mjs
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import * as burnSam from "burn-sam";
import { soften } from "../pkg/dist/mask/feather.js";

const [width, height] = [4000, 3000];
const runs = 9;

/** Blobs with holes over the whole image: 31570 corners. */
const data = new Uint8Array(width * height);
for (let y = 0, i = 0; y < height; y++) {
  for (let x = 0; x < width; x++, i++) {
    data[i] = Math.sin(x / 97) * Math.cos(y / 71) + Math.sin((x + y) / 211) > 0.2 ? 1 : 0;
  }
}
const mask = { data, width, height };
const logits = { data: Float32Array.from(data, (value) => 6 * value - 3), width, height };
const other = { ...mask, data: data.toReversed() };
const [rle, cocoRle] = [burnSam.toRle(mask), burnSam.toCocoRle(mask)];

// Node has none.
globalThis.ImageData = class {
  constructor(width, height) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }
};

const calls = {
  area: () => burnSam.area(mask),
  boundingBox: () => burnSam.boundingBox(mask),
  stability: () => burnSam.stability(logits),
  union: () => burnSam.union(mask, other),
  intersect: () => burnSam.intersect(mask, other),
  subtract: () => burnSam.subtract(mask, other),
  toRle: () => burnSam.toRle(mask),
  fromRle: () => burnSam.fromRle(rle),
  toCocoRle: () => burnSam.toCocoRle(mask),
  fromCocoRle: () => burnSam.fromCocoRle(cocoRle),
  toPolygons: () => burnSam.toPolygons(mask),
  "toPolygons, tolerance 1": () => burnSam.toPolygons(mask, { tolerance: 1 }),
  toSvgPath: () => burnSam.toSvgPath(mask),
  "toSvgPath, tolerance 1": () => burnSam.toSvgPath(mask, { tolerance: 1 }),
  "toCocoJson, run lengths": () => burnSam.toCocoJson(mask, [mask]),
  "toCocoJson, polygons": () => burnSam.toCocoJson(mask, [mask], { segmentation: "polygons", tolerance: 1 }),
  toImageData: () => burnSam.toImageData(mask),
  "the soft edge of cutout, 20 pixels": () => soften(mask, 20, 20),
};

console.log(`${width} × ${height}, Node ${process.versions.node}, the fastest of ${runs} runs:`);
for (const [name, call] of Object.entries(calls)) {
  let fastest = Infinity;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    call();
    fastest = Math.min(fastest, performance.now() - start);
  }
  console.log(`${name.padEnd(36)} ${fastest.toFixed(1).padStart(7)} ms`);
}

console.log("\nBundled alone by esbuild, minified, gzip -9:");
for (const name of Object.keys(burnSam).filter((name) => typeof burnSam[name] === "function")) {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: `export { ${name} } from "burn-sam";`, resolveDir: import.meta.dirname },
    ...{ bundle: true, minify: true, format: "esm", write: false, logLevel: "error" },
    external: ["*/burn_sam.js"],
  });
  const bytes = outputFiles[0].contents;
  console.log(`${name.padEnd(36)} ${String(gzipSync(bytes, { level: 9 }).length).padStart(7)} bytes`);
}
