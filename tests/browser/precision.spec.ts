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

/** Fractions of an image's sides: so many clicks each way, and a box. */
const CLICKS = { many: [0.25, 0.5, 0.75], few: [0.5] } as const;

/** How much each mask of several prompts has in common with the other precision's; and how far the logits are apart. */
function compare(page: Page, name: string, clicks: readonly number[]): Promise<{ ious: number[]; difference: number }> {
  return page.evaluate(
    async ({ name, clicks, least }) => {
      const answers = [];
      let pixels = 0;
      for (const sam of Reflect.get(globalThis, "both") as (typeof globalThis.sam)[]) {
        const image = await sam.encode(name);
        const { width, height } = image;
        pixels = width * height;
        const points = clicks.flatMap((y) => clicks.map((x) => ({ points: [{ x: x * width, y: y * height }] })));
        const box = [0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height] as const;
        answers.push(await image.segment([...points, { box }]));
        image.free();
      }
      const [wide, half] = answers;
      const pairs = wide!.flatMap((masks, i) =>
        masks.map((mask) => [mask, half![i]!.find(({ token }) => token === mask.token)!] as const),
      );
      let difference = 0;
      for (const [a, b] of pairs) {
        for (const [i, value] of a.logits.data.entries()) {
          difference = Math.max(difference, Math.abs(value - b.logits.data[i]!));
        }
      }
      const large = pairs.filter(([mask]) => mask.area >= least * pixels);
      return { ious: large.map(([a, b]) => iou(a, b)), difference };
    },
    { name, clicks, least: SAME.area },
  );
}

test("the photographs' masks are the same in f16", { tag: "@cpu" }, async ({ page, device }) => {
  await loadBoth(page, device);
  for (const name of images()) {
    const { ious, difference } = await compare(page, name, CLICKS.many);
    const least = Math.min(...ious);
    print(
      `${name}: ${ious.length} masks, the least alike with an IoU of ${least.toFixed(4)}; logits ± ${difference.toFixed(3)}`,
    );
    expect.soft(ious.length, name).toBeGreaterThan(10);
    expect.soft(least, name).toBeGreaterThanOrEqual(SAME.iou);
    expect.soft(difference, `${name}: f16 rounds`).toBeGreaterThan(0);
  }
});

test("so they are on a GPU, and a white image makes numbers", { tag: "@webgpu" }, async ({ page, device }) => {
  await loadBoth(page, device);
  images();
  const { ious, difference } = await compare(page, "coffee.jpg", CLICKS.few);
  expect(ious.length).toBeGreaterThan(2);
  expect(Math.min(...ious)).toBeGreaterThanOrEqual(SAME.iou);
  expect(difference).toBeGreaterThan(0);
  expect(await notNumbers(page, ["white"])).toEqual([]);
});

test("no image makes anything but numbers, in either precision", { tag: "@cpu" }, async ({ page, device }) => {
  await loadBoth(page, device);
  expect(await notNumbers(page, ["black", "white", "noise"])).toEqual([]);
});

/** The images whose embedding, logits or scores are not all finite, after a click and a click on its answer. */
function notNumbers(page: Page, images: ("black" | "white" | "noise")[]): Promise<string[]> {
  return page.evaluate(async (images) => {
    let seed = 1;
    const noise = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed >>> 31 ? 255 : 0;
    };
    const fills = { black: () => 0, white: () => 255, noise };
    const wrong: string[] = [];
    for (const sam of Reflect.get(globalThis, "both") as (typeof globalThis.sam)[]) {
      for (const what of images) {
        const pixels = new ImageData(160, 120);
        for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = i % 4 === 3 ? 255 : fills[what]();
        const image = await sam.encode(pixels);
        const point = { points: [{ x: 80, y: 60 }] };
        const masks = await image.segment(point, { output: "logits" });
        const again = await image.segment({ ...point, mask: masks[0]!.logits }, { output: "logits" });
        const { data } = await image.embedding();
        const values = [data, ...[...masks, ...again].flatMap((mask) => [mask.data, mask.logits.data, [mask.score]])];
        const areNumbers = values.every((list) => list.length > 0 && list.every((value) => Number.isFinite(value)));
        if (!areNumbers) wrong.push(`${what} in ${sam.info.precision}`);
        image.free();
      }
    }
    return wrong;
  }, images);
}
