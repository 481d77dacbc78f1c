// Files that need a second look: encoded images without their photo, or of another one, and drawings.
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { answered, click, expectState, openDemo, openScene, places, scene, screenshot, shown } from "./support/demo.ts";
import { expect, test } from "./support/test.ts";

/** Red, green and blue in the middle of the stage. */
function middle(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("#picture")!;
    const { data } = canvas.getContext("2d")!.getImageData(canvas.width / 2, canvas.height / 2, 1, 1);
    return Array.from(data.subarray(0, 3));
  });
}

const grey = [139, 135, 131];

test.describe("an encoded image", { tag: "@cpu" }, () => {
  let saved: Buffer;
  let photo: number[];

  test.beforeEach(async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    photo = await middle(page);
    const download = page.waitForEvent("download");
    await page.locator("#more-exports").click();
    await page.locator("#save-embedding").click();
    saved = readFileSync(await (await download).path());
  });

  const openSaved = async (page: Page, name: string): Promise<void> => {
    await page.locator("#saved-file").setInputFiles({ name, mimeType: "", buffer: saved });
  };

  test("belongs to the photo of its name", async ({ page }) => {
    // As browsers name a second download.
    await openSaved(page, "scene (1).bsam");
    await expect(page.locator("#status")).toContainText("scene (1).bsam");
    expect(await middle(page)).toEqual(photo);
    await expectState(page, "encoded");
    await expect(page.locator("#alert")).toBeHidden();
    await click(page, places.ball);
    await answered(page);
  });

  test("is laid over a photo of another name only when the visitor says so", async ({ page }) => {
    await openSaved(page, "other.bsam");
    const alert = page.locator("#alert");
    await expect(alert).toContainText("holds no photo");
    await expect.poll(() => middle(page)).toEqual(grey);
    await screenshot(page, "demo-cpu-no-photo");
    await alert.getByRole("button", { name: "scene" }).click();
    await expect.poll(() => middle(page)).toEqual(photo);
    await expectState(page, "encoded");
    await expect(alert).toBeHidden();
    await click(page, places.ball);
    await answered(page);
  });

  test("without its photo says so", async ({ page, device }) => {
    await openDemo(page, device);
    await openSaved(page, "scene.bsam");
    await expect(page.locator("#alert")).toContainText("holds no photo");
    await expect(page.locator("#alert .offers")).toBeHidden();
    await expectState(page, "encoded");
    expect(await middle(page)).toEqual(grey);
    // The grey is no photo either.
    await page.locator("#dismiss").click();
    await openSaved(page, "scene.bsam");
    await expect(page.locator("#alert")).toContainText("holds no photo");
    await expect(page.locator("#alert .offers")).toBeHidden();
  });
});

test("a transparent picture lies on squares", { tag: "@cpu" }, async ({ page, device }) => {
  await openDemo(page, device);
  const png = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(400, 300);
    const context = canvas.getContext("2d")!;
    context.fillStyle = "#f00";
    context.fillRect(0, 0, 100, 300);
    return Array.from(new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer()));
  });
  await page.locator("#file").setInputFiles({ name: "clear.png", mimeType: "image/png", buffer: Buffer.from(png) });
  await expectState(page, "encoded");
  const colours = await page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("#picture")!;
    const { data } = canvas.getContext("2d")!.getImageData(canvas.width / 2, canvas.height / 2, 40, 40);
    return new Set(new Uint32Array(data.buffer)).size;
  });
  expect(colours, "light and dark squares").toBe(2);
});

test.describe("a drawing", { tag: "@cpu" }, () => {
  const circle = '<circle cx="50%" cy="50%" r="20%" fill="#e33"/>';
  for (const [name, attributes, size] of [
    ["sized", 'width="640" height="480"', "640,480"],
    ["small", 'width="16" height="8"', "1024,512"],
    ["unsized", 'viewBox="0 0 400 200"', "1024,512"],
  ] as const) {
    test(`in SVG is opened, ${name}`, async ({ page, device }) => {
      await openDemo(page, device);
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${circle}</svg>`;
      const file = { name: `${name}.svg`, mimeType: "image/svg+xml", buffer: Buffer.from(svg) };
      await page.locator("#file").setInputFiles(file);
      await expect(page.locator("#stage")).toHaveAttribute("data-image", size);
      await expectState(page, "encoded");
      await click(page, [0.5, 0.5]);
      await answered(page);
      expect((await shown(page)).area).toBeGreaterThan(0);
      await screenshot(page, `demo-cpu-svg-${name}`);
    });
  }

  test("that is broken is refused", async ({ page, device }) => {
    await openDemo(page, device);
    const file = { name: "broken.svg", mimeType: "image/svg+xml", buffer: readFileSync(scene).subarray(100, 200) };
    await page.locator("#file").setInputFiles(file);
    await expect(page.locator("#alert")).toHaveAttribute("data-code", "bad-image");
  });
});
