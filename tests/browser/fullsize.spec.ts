// The released sizes with seeded random weights, from the visitor's disk into the CPU's module. Too large to commit:
//
//   python tools/fixtures/fullsize.py DIR --photograph FILE --all
//   BURN_SAM_FULL_SIZE=DIR cargo xtask test --only browser
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { Fixture } from "./support/safetensors.ts";
import { expect, print, siteFolder, test } from "./support/test.ts";

const folder = process.env["BURN_SAM_FULL_SIZE"];
const MB = 2 ** 20;
/** Embeddings are about 1 in size. */
const TOLERANCE = 1e-3;

interface Model {
  readonly file: string;
  readonly name: string;
  /** Of its largest tensor, in f32. */
  readonly largest: number;
  /** PyTorch's embedding of a photograph is there. */
  readonly cases?: string;
}

const models: readonly Model[] = [
  { file: "mobile_sam", name: "mobile-sam", largest: 256 * 256 * 9 * 4, cases: "mobile_sam_cases" },
  { file: "sam_vit_b", name: "sam-vit-b", largest: 64 * 64 * 768 * 4, cases: "sam_vit_b_cases" },
  { file: "sam_vit_l", name: "sam-vit-l", largest: 1024 * 4096 * 4 },
  { file: "sam_vit_h", name: "sam-vit-h", largest: 1280 * 5120 * 4 },
];

/** Loads the file as a visitor chooses it; what was loaded, and how long that took. */
async function load(page: Page, path: string) {
  await page.evaluate(() => {
    const input = document.createElement("input");
    input.type = "file";
    document.body.replaceChildren(input);
  });
  await page.locator("input").setInputFiles(path);
  return page.evaluate(async () => {
    const [model] = document.querySelector("input")!.files!;
    const started = performance.now();
    let hashed = started;
    globalThis.sam = await burnSam.Sam.load({
      device: "cpu",
      model: model!,
      onProgress: ({ stage }) => {
        if (stage === "download") hashed = performance.now();
      },
    });
    const now = performance.now();
    return { info: { ...sam.info }, hashing: (hashed - started) / 1000, loading: (now - hashed) / 1000 };
  });
}

/** The largest difference between the embedding of the photograph's pixels and PyTorch's. */
async function differenceOf(page: Page, cases: Fixture): Promise<{ difference: number; seconds: number }> {
  const [height, width] = cases.shape("image/photograph/original");
  writeFileSync(join(siteFolder(), "photograph.rgb"), cases.pixels("image/photograph/original"));
  writeFileSync(
    join(siteFolder(), "embedding.f32"),
    new Uint8Array(cases.floats("image/photograph/embedding").buffer as ArrayBuffer),
  );
  return page.evaluate(
    async ({ width, height }) => {
      const rgb = new Uint8Array(await (await fetchBlob("photograph.rgb")).arrayBuffer());
      const expected = new Float32Array(await (await fetchBlob("embedding.f32")).arrayBuffer());
      const pixels = new ImageData(width!, height!);
      for (let i = 0; i < width! * height!; i++) {
        for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = rgb[3 * i + c]!;
        pixels.data[4 * i + 3] = 255;
      }
      const started = performance.now();
      const image = await sam.encode(pixels);
      const seconds = (performance.now() - started) / 1000;
      const { data } = await image.embedding();
      if (data.length !== expected.length) throw new Error(`${data.length} values, not ${expected.length}`);
      const difference = data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
      return { difference, seconds };
    },
    { width, height },
  );
}

test.describe("full size", { tag: "@cpu" }, () => {
  test.skip(folder === undefined, "BURN_SAM_FULL_SIZE does not name a folder of full-size checkpoints");
  test.setTimeout(30 * 60_000);

  for (const { file, name, largest, cases } of models) {
    for (const path of [`${file}.safetensors`, `${file}.${file === "mobile_sam" ? "pt" : "pth"}`]) {
      test(path, async ({ page }) => {
        const full = join(folder ?? "", path);
        test.skip(!existsSync(full), `${full} is missing: tools/fixtures/fullsize.py writes it`);
        const { info, hashing, loading } = await load(page, full);
        expect(info).toMatchObject({ model: name, device: "cpu", imageSize: 1024 });
        const size = `${(info.wasmMemory / MB).toFixed(0)} MB of wasm memory for ${(info.bytes / MB).toFixed(0)} MB`;
        print(`${path}: hashed in ${hashing.toFixed(1)} s, loaded in ${loading.toFixed(1)} s, ${size} of weights`);
        // The memory never shrinks: this is the peak.
        expect(info.wasmMemory).toBeLessThanOrEqual(info.bytes + 3 * largest + 64 * MB);
        if (cases !== undefined) {
          const { difference, seconds } = await differenceOf(page, new Fixture(cases, folder));
          const memory = await page.evaluate(() => sam.info.wasmMemory);
          print(
            `${path}: encoded in ${seconds.toFixed(1)} s with ${(memory / MB).toFixed(0)} MB, off by ${difference}`,
          );
          expect(difference).toBeLessThanOrEqual(TOLERANCE);
        }
        await page.evaluate(() => sam.free());
      });
    }
  }
});
