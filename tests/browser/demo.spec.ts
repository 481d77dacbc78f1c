// The demo page with a mouse: what a visitor does first.
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import {
  answered,
  click,
  drag,
  expectState,
  openDemo,
  openScene,
  places,
  positionOf,
  scene,
  screenshot,
  shown,
} from "./support/demo.ts";
import { expect, test } from "./support/test.ts";

test("a photograph, a click, a mask", async ({ page, device }) => {
  await openDemo(page, device);
  await expect(page.locator("body")).toHaveAttribute("data-model", "tiny");
  await screenshot(page, `demo-${device}-welcome`);
  await openScene(page);
  await click(page, places.ball);
  await answered(page);
  const { score, area, candidates, points } = await shown(page);
  expect(candidates).toBe(3);
  expect(score).toBeGreaterThan(0.5);
  // The ball has 7238 pixels.
  expect(area).toBeGreaterThan(4000);
  expect(area).toBeLessThan(12000);
  expect(points).toHaveLength(1);
  expect(Math.abs((points[0]?.[0] ?? NaN) - 0.29 * 320)).toBeLessThan(1);
  expect(Math.abs((points[0]?.[1] ?? NaN) - 0.53 * 240)).toBeLessThan(1);
  await expect(page.locator("#alert")).toBeHidden();
  await screenshot(page, `demo-${device}-light`);
});

/** Red, green and blue of the picture on the stage, at a few places inside of things. */
function colours(page: Page): Promise<number[]> {
  return page.evaluate((places) => {
    const canvas = document.querySelector<HTMLCanvasElement>("#picture")!;
    const [stage, frame] = ["#stage", "#frame"].map((id) => document.querySelector(id)!.getBoundingClientRect());
    const density = canvas.width / stage!.width;
    return places.flatMap(([fx, fy]) => {
      const x = (frame!.left - stage!.left + fx * frame!.width) * density;
      const y = (frame!.top - stage!.top + fy * frame!.height) * density;
      return Array.from(canvas.getContext("2d")!.getImageData(x, y, 1, 1).data.subarray(0, 3));
    });
  }, Object.values(places));
}

test.describe("with a mouse", { tag: "@cpu" }, () => {
  test.beforeEach(async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
  });

  test("another candidate can be chosen", async ({ page }) => {
    await click(page, places.ball);
    await answered(page);
    const best = await shown(page);
    await page.locator("#candidate-1").click();
    const second = await shown(page);
    expect(second.token).not.toBe(best.token);
    expect(second.score).toBeLessThan(best.score);
    await expect(page.locator("#candidate-1")).toHaveAttribute("aria-pressed", "true");
    await expect(page.locator("#candidate-0")).toHaveAttribute("aria-pressed", "false");
    await page.keyboard.press("1");
    expect(await shown(page)).toEqual(best);
  });

  test("every candidate has its own picture, as soon as the mask is shown", async ({ page }) => {
    await click(page, places.ball);
    await answered(page);
    const different = () =>
      page.locator(".candidates canvas").evaluateAll((canvases) => {
        const pictures = canvases.map((canvas) => (canvas as HTMLCanvasElement).toDataURL());
        return canvases.map((canvas) => (canvas as HTMLCanvasElement).width).concat(new Set(pictures).size);
      });
    await expect.poll(different).toEqual([224, 224, 224, 3]);
    await page.keyboard.press("n");
    await expect.poll(different).toEqual([0, 0, 0, 1]);
  });

  test("keys work after a tool was chosen with the mouse", async ({ page }) => {
    await click(page, places.ball);
    await answered(page);
    await page.locator("label:has(#tool-remove)").click();
    await expect(page.locator("#tool-remove")).toBeFocused();
    await page.keyboard.press("2");
    await expect(page.locator("#candidate-1")).toHaveAttribute("aria-pressed", "true");
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await shown(page)).points.length).toBe(0);
    await page.keyboard.press("Control+Shift+Z");
    await expect.poll(async () => (await shown(page)).points.length).toBe(1);
    await page.keyboard.press("Escape");
    await expect.poll(async () => (await shown(page)).points.length).toBe(0);
  });

  test("a drag is a box", async ({ page }) => {
    await drag(page, [0.56, 0.25], [0.91, 0.72]);
    await answered(page);
    const { box, points, area } = await shown(page);
    expect(points).toEqual([]);
    const expected = [0.56 * 320, 0.25 * 240, 0.91 * 320, 0.72 * 240];
    expect(box?.map((edge, i) => Math.abs(edge - (expected[i] ?? NaN)) < 1)).toEqual([true, true, true, true]);
    // The blue box has about 9000 pixels.
    expect(area).toBeGreaterThan(6000);
    expect(area).toBeLessThan(12000);
    await screenshot(page, "demo-cpu-box");
  });

  test("Alt-click and right-click say what is not part of it", async ({ page }) => {
    await click(page, places.box);
    await answered(page);
    await page.keyboard.down("Alt");
    await click(page, places.wall);
    await page.keyboard.up("Alt");
    await answered(page);
    await click(page, places.leaf, "right");
    await answered(page);
    expect((await shown(page)).points.map(([, , label]) => label)).toEqual([1, 0, 0]);
    await page.locator("#tool-remove").check({ force: true });
    await click(page, [0.9, 0.9]);
    await answered(page);
    expect((await shown(page)).points.map(([, , label]) => label)).toEqual([1, 0, 0, 0]);
  });

  test("a double-click is one point, and a click on a point takes it away", async ({ page }) => {
    const points = () => shown(page).then(({ points }) => points.map(([, , label]) => label));
    const { x, y } = await positionOf(page, places.ball);
    await page.mouse.click(x, y, { clickCount: 3 });
    await answered(page);
    expect(await points()).toEqual([1]);
    await click(page, places.wall, "right");
    await answered(page);
    expect(await points()).toEqual([1, 0]);
    // Longer than a double-click takes.
    await page.waitForTimeout(600);
    await page.mouse.dblclick(x + 4, y - 4);
    await answered(page);
    expect(await points()).toEqual([0]);
    await page.keyboard.press("Control+z");
    await expect.poll(points).toEqual([1, 0]);
    await page.keyboard.press("Control+z");
    await expect.poll(points).toEqual([1]);
  });

  test("undo, redo and clear", async ({ page }) => {
    const [undo, redo, clear] = [page.locator("#undo"), page.locator("#redo"), page.locator("#clear")];
    for (const button of [undo, redo, clear]) await expect(button).toBeDisabled();
    await click(page, places.ball);
    await answered(page);
    const one = await shown(page);
    await click(page, places.leaf);
    await answered(page);
    const two = await shown(page);
    expect(two.points).toHaveLength(2);
    await undo.click();
    await answered(page);
    await expect.poll(() => shown(page)).toEqual(one);
    await redo.click();
    await answered(page);
    await expect.poll(() => shown(page)).toEqual(two);
    await clear.click();
    await expectState(page, "encoded");
    expect(await shown(page)).toMatchObject({ points: [], candidates: 0 });
    await expect(page.locator("#cutout")).toBeDisabled();
    await page.keyboard.press("Control+z");
    await answered(page);
    await expect.poll(() => shown(page)).toEqual(two);
  });

  test("the cut-out is a PNG with transparency", async ({ page }) => {
    await click(page, places.ball);
    await answered(page);
    const { area } = await shown(page);
    const download = page.waitForEvent("download");
    await page.locator("#cutout").click();
    const file = await download;
    expect(file.suggestedFilename()).toBe("scene-cutout.png");
    const bytes = readFileSync(await file.path());
    expect(bytes.subarray(1, 4).toString("latin1")).toBe("PNG");
    const picture = await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes]));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d")!;
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      const opaque = data.filter((value, i) => i % 4 === 3 && value === 255).length;
      const clear = data.filter((value, i) => i % 4 === 3 && value === 0).length;
      return { size: [bitmap.width, bitmap.height], opaque, clear };
    }, bytes.toString("base64"));
    expect(picture.opaque).toBe(area);
    expect(picture.clear).toBe(picture.size[0]! * picture.size[1]! - area);
  });

  test("another image takes the place of the first", async ({ page }) => {
    await click(page, places.ball);
    await answered(page);
    await page.getByRole("button", { name: "Cat" }).click();
    await expect(page.locator("#stage")).toHaveAttribute("data-image", /^(?!320,240)/);
    await expectState(page, "encoded");
    expect(await shown(page)).toMatchObject({ points: [], candidates: 0 });
    await click(page, [0.5, 0.5]);
    await answered(page);
    await screenshot(page, "demo-cpu-cat");
  });

  test("a picture of 12 megapixels is shown as it is when it is small", async ({ page }) => {
    const small = await colours(page);
    const large = await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes]));
      const canvas = new OffscreenCanvas(4000, 3000);
      canvas.getContext("2d")!.drawImage(bitmap, 0, 0, 4000, 3000);
      const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
      return Array.from(new Uint8Array(await blob.arrayBuffer()));
    }, readFileSync(scene).toString("base64"));
    const buffer = Buffer.from(large);
    const shrinking = page.waitForEvent("worker", (worker) => worker.url().includes("/shrink-worker-"));
    await page.locator("#file").setInputFiles({ name: "large.jpg", mimeType: "image/jpeg", buffer });
    await shrinking;
    await expect(page.locator("#stage")).toHaveAttribute("data-image", "4000,3000");
    for (const [i, channel] of (await colours(page)).entries())
      expect(Math.abs(channel - (small[i] ?? 0))).toBeLessThan(12);
    await click(page, places.ball);
    await answered(page);
    expect((await shown(page)).area).toBeGreaterThan(100_000);
  });

  test("points may be set before the image is encoded", async ({ page, device }) => {
    await openDemo(page, device);
    await page
      .locator("#file")
      .setInputFiles({ name: "scene.png", mimeType: "image/png", buffer: readFileSync(scene) });
    await expect(page.locator("#stage")).toHaveAttribute("data-image", "320,240");
    await click(page, places.ball);
    await answered(page);
    expect((await shown(page)).points).toHaveLength(1);
  });
});
