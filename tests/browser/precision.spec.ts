// Weights in f16 beside weights in f32: the same objects in photographs, and numbers for every image.
import { copyFileSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { photographs, repository } from "./support/paths.ts";
import { expect, print, siteFolder, test, type Device } from "./support/test.ts";
import { wideTiny } from "./support/wide.ts";

const samples = join(repository, "www/public/samples");
/** Of two masks of one prompt. Smaller ones than this part of the image are specks, of which a pixel is much. */
const SAME = { iou: 0.99, area: 0.001 };

/** The demo page's photographs and, where they are, larger ones; in the site's folder. */
function images(): string[] {
  const folders = [samples, photographs].filter((folder) => existsSync(folder));
  return folders.flatMap((folder) => {
    const names = readdirSync(folder).filter((name) => name.endsWith(".jpg"));
    for (const name of names) copyFileSync(join(folder, name), join(siteFolder(), name));
    return names;
  });
}

/** Loads the model, whose weights f16 has to round, in both precisions. */
async function loadBoth(page: Page, device: Device): Promise<void> {
  writeFileSync(join(siteFolder(), "wide.safetensors"), wideTiny());
  const precisions = await page.evaluate(async (device) => {
    const load = (precision: "f16" | "f32") =>
      burnSam.Sam.load({ model: "wide.safetensors", device, precision, cache: false });
    const both = [await load("f32"), await load("f16")];
    Object.assign(globalThis, { both });
    return both.map(({ info }) => info.precision);
  }, device);
  expect(precisions).toEqual(["f32", "f16"]);
}

/** How much the best masks of both have in common, for several prompts; and how far their logits are apart. */
function compare(page: Page, name: string, least: number): Promise<{ ious: number[]; difference: number }> {
  return page.evaluate(
    async ({ name, least }) => {
      const both = Reflect.get(globalThis, "both") as (typeof sam)[];
      const images = await Promise.all(both.map((sam) => sam.encode(name)));
      const { width, height } = images[0]!;
      const places = [0.25, 0.5, 0.75].flatMap((y) => [0.25, 0.5, 0.75].map((x) => ({ x: x * width, y: y * height })));
      const box = [0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height] as const;
      const prompts = [...places.map((point) => ({ points: [point] })), { box }];
      const [wide, half] = await Promise.all(images.map((image) => image.segment(prompts)));
      for (const image of images) image.free();
      const pairs = wide!.flatMap((masks, i) => masks.map((mask) => [mask, half![i]!.find(sameToken(mask))!] as const));
      function sameToken({ token }: { token: number }) {
        return (other: { token: number }) => other.token === token;
      }
      let difference = 0;
      for (const [a, b] of pairs) {
        for (const [i, value] of a.logits.data.entries()) {
          difference = Math.max(difference, Math.abs(value - b.logits.data[i]!));
        }
      }
      const large = pairs.filter(([mask]) => mask.area >= least * width * height);
      return { ious: large.map(([a, b]) => iou(a, b)), difference };
    },
    { name, least },
  );
}

test("the photographs' masks are the same in f16", { tag: "@cpu" }, async ({ page, device }) => {
  await loadBoth(page, device);
  for (const name of images()) {
    const { ious, difference } = await compare(page, name, SAME.area);
    const least = Math.min(...ious);
    print(
      `${name}: ${ious.length} masks, the least alike with an IoU of ${least.toFixed(4)}; logits ± ${difference.toFixed(3)}`,
    );
    expect.soft(ious.length, name).toBeGreaterThan(10);
    expect.soft(least, name).toBeGreaterThanOrEqual(SAME.iou);
    expect.soft(difference, `${name}: f16 rounds`).toBeGreaterThan(0);
  }
});

test("a photograph's masks are the same in f16 on a GPU", { tag: "@webgpu" }, async ({ page, device }) => {
  await loadBoth(page, device);
  images();
  const { ious, difference } = await compare(page, "coffee.jpg", SAME.area);
  expect(ious.length).toBeGreaterThan(10);
  expect(Math.min(...ious)).toBeGreaterThanOrEqual(SAME.iou);
  expect(difference).toBeGreaterThan(0);
});

test("no image makes anything but numbers, in either precision", async ({ page, device }) => {
  await loadBoth(page, device);
  const wrong = await page.evaluate(async () => {
    const both = Reflect.get(globalThis, "both") as (typeof sam)[];
    const [width, height] = [160, 120];
    let seed = 1;
    const noise = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed >>> 31 ? 255 : 0;
    };
    const fills = { black: () => 0, white: () => 255, noise };
    const wrong: string[] = [];
    for (const sam of both) {
      for (const [what, fill] of Object.entries(fills)) {
        const pixels = new ImageData(width, height);
        for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = i % 4 === 3 ? 255 : fill();
        const image = await sam.encode(pixels);
        const point = { points: [{ x: 80, y: 60 }] };
        const masks = await image.segment(point, { output: "logits" });
        const again = await image.segment({ ...point, mask: masks[0]!.logits }, { output: "logits" });
        const { data } = await image.embedding();
        const values = [data, ...[...masks, ...again].flatMap((mask) => [mask.data, mask.logits.data, [mask.score]])];
        if (!values.every((list) => list.every((value) => Number.isFinite(value)))) {
          wrong.push(`${what} in ${sam.info.precision}`);
        }
        image.free();
      }
    }
    return wrong;
  });
  expect(wrong).toEqual([]);
});
