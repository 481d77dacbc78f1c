// How long it takes and how much memory it needs. Times are printed, not judged: the machine may be busy.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output } from "./support/paths.ts";
import { expect, print, test } from "./support/test.ts";

test("figures of the built-in model", async ({ page, device }) => {
  const encodes = device === "cpu" ? 10 : 3;
  const figures = await page.evaluate(
    async ({ device, encodes }) => {
      const time = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
        const started = performance.now();
        return [await work(), performance.now() - started];
      };
      const blob = await fetchBlob("scene.png");
      const [sam, load] = await time(() => burnSam.Sam.load({ device, cache: false }));
      const memory = [sam.info.wasmMemory];
      const encode: number[] = [];
      const segment: number[] = [];
      for (let i = 0; i < encodes; i++) {
        const [image, ms] = await time(() => sam.encode(blob));
        encode.push(ms);
        memory.push(sam.info.wasmMemory);
        if (i === 0) {
          for (let j = 0; j < (device === "cpu" ? 5 : 3); j++) {
            const prompt = { points: [{ x: 92.5 + j, y: 128.25 }] };
            segment.push((await time(() => image.segment(prompt)))[1]);
          }
        }
        image.free();
      }
      return { adapter: sam.info.adapter, load, encode, segment, memory };
    },
    { device, encodes },
  );
  const { load, encode, segment, memory } = figures;
  const later = (values: number[]): number => median(values.slice(1));
  const rows: [what: string, figure: string][] = [
    ["load", ms(load)],
    ["first encode", ms(encode[0] ?? NaN)],
    ["later encodes (median)", ms(later(encode))],
    ["first segment", ms(segment[0] ?? NaN)],
    ["later segments (median)", ms(later(segment))],
    ["wasm memory after load", megabytes(memory[0] ?? NaN)],
    ["wasm memory after one encode", megabytes(memory[1] ?? NaN)],
    [`wasm memory after ${encodes} encodes`, megabytes(memory.at(-1) ?? NaN)],
  ];
  print(`tiny on ${device} (${figures.adapter}), scene.png of 320 × 240:`);
  for (const [what, figure] of rows) print(`  ${what.padEnd(30)} ${figure.padStart(10)}`);
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, `figures-${device}.json`), `${JSON.stringify(figures, null, 2)}\n`);
  expect(memory.slice(3), "wasm memory does not grow after the second encode").toEqual(
    memory.slice(3).map(() => memory[2]),
  );
});

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
