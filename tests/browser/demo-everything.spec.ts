// Everything mode on the demo page: candidates on the way, regions under the pointer, objects made of them, and an abort.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  answered,
  click,
  drag,
  expectState,
  openDemo,
  openScene,
  places,
  positionOf,
  screenshot,
  shown,
} from "./support/demo.ts";
import { repository } from "./support/paths.ts";
import { expect, test } from "./support/test.ts";

const checkpoint = join(repository, "pkg/models/tiny.safetensors");

test.describe("everything", { tag: "@cpu" }, () => {
  test.beforeEach(async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
  });

  test("regions are found, shown under the pointer, and kept by a click", async ({ page }) => {
    const [body, stage] = [page.locator("body"), page.locator("#stage")];
    await page.keyboard.press("e");
    await expect(body).toHaveAttribute("data-everything", "running");
    await expect(page.locator("#everything")).toHaveText("Stop");
    await expect(stage, "candidates on the way").toHaveAttribute("data-regions", /^[1-9]/);
    await screenshot(page, "demo-cpu-everything-running");
    await expect(body).toHaveAttribute("data-everything", "done", { timeout: 60_000 });
    expect(Number(await stage.getAttribute("data-regions"))).toBeGreaterThan(1);
    const { x, y } = await positionOf(page, places.ball);
    await page.mouse.move(x, y);
    await screenshot(page, "demo-cpu-everything");
    await page.mouse.click(x, y);
    const ball = await shown(page);
    // The ball has 7238 pixels; the built-in model may find a part of it.
    expect(ball.area).toBeGreaterThan(1000);
    expect(ball.area).toBeLessThan(12000);
    expect(ball.points).toEqual([]);
    await click(page, places.box);
    await expect(stage).toHaveAttribute("data-objects", "2");
    await click(page, places.ball);
    await expect(stage, "the same region is the same object").toHaveAttribute("data-objects", "2");
    expect(await shown(page)).toEqual(ball);
    await page.keyboard.press("Escape");
    await expect(body).not.toHaveAttribute("data-everything");
    await expect(stage).toHaveAttribute("data-objects", "2");
    // A point refines what was found.
    await click(page, places.ball);
    await expectState(page, "encoded");
    await expect.poll(async () => (await shown(page)).candidates).toBe(3);
    await page.keyboard.press("Control+z");
    await expect.poll(() => shown(page)).toEqual(ball);
    await page.keyboard.press("Control+z");
    await expect(stage).toHaveAttribute("data-objects", "1");
  });

  test("all regions are kept by one button, and undone in one step", async ({ page }) => {
    const [body, stage] = [page.locator("body"), page.locator("#stage")];
    await click(page, places.wall);
    await answered(page);
    await page.keyboard.press("e");
    await expect(body).toHaveAttribute("data-everything", "done", { timeout: 60_000 });
    const found = Number(await stage.getAttribute("data-regions"));
    await expect(page.locator("#new-object")).toBeHidden();
    await page.locator("#keep-all").click();
    await expect(body).not.toHaveAttribute("data-everything");
    await expect(stage).toHaveAttribute("data-objects", String(found + 1));
    await expect(page.locator("#keep-all")).toBeHidden();
    await expect(page.locator("#everything")).toBeFocused();
    await screenshot(page, "demo-cpu-everything-kept");
    const file = page.waitForEvent("download");
    await page.locator("#more-exports").click();
    await page.locator("#save-coco").click();
    const data = JSON.parse(readFileSync(await (await file).path(), "utf8")) as { annotations: unknown[] };
    expect(data.annotations).toHaveLength(found + 1);
    await page.locator("#undo").click();
    await expect(stage).toHaveAttribute("data-objects", "1");
  });

  test("a candidate on the way is not kept: it may be coarse", async ({ page }) => {
    const [body, stage, status] = [page.locator("body"), page.locator("#stage"), page.locator("#status")];
    await page.keyboard.press("e");
    await expect(stage).toHaveAttribute("data-regions", /^[1-9]/);
    // All at once, before the search can end: a click wherever there may be a candidate.
    const words = await page.locator("#frame").evaluate((frame) => {
      const { left, top, width, height } = frame.getBoundingClientRect();
      const stage = document.getElementById("stage")!;
      // No real pointer goes with these.
      stage.setPointerCapture = () => undefined;
      for (let y = 0.05; y < 1; y += 0.1) {
        for (let x = 0.05; x < 1; x += 0.1) {
          const at = { clientX: left + x * width, clientY: top + y * height };
          const options = { ...at, bubbles: true, pointerId: 1, isPrimary: true, pointerType: "mouse", buttons: 1 };
          stage.dispatchEvent(new PointerEvent("pointerdown", options));
          stage.dispatchEvent(new PointerEvent("pointerup", { ...options, buttons: 0 }));
        }
      }
      return document.getElementById("status")!.textContent;
    });
    expect(words).toContain("once all are found");
    await expect(stage).toHaveAttribute("data-objects", "1");
    await expect(stage).not.toHaveAttribute("data-area");
    await expect(body).toHaveAttribute("data-everything", "done", { timeout: 60_000 });
    await expect(status).toContainText("keep");
    await click(page, places.ball);
    await expect(stage).toHaveAttribute("data-area", /^\d+$/);
  });

  test("is not lost by a stroke or a drag: whatever the tool, a click keeps a region", async ({ page }) => {
    const [body, stage] = [page.locator("body"), page.locator("#stage")];
    await page.keyboard.press("e");
    await expect(body).toHaveAttribute("data-everything", "done", { timeout: 60_000 });
    for (const tool of ["p", "x", "w", "a"]) {
      await page.keyboard.press(tool);
      await drag(page, [0.1, 0.1], [0.9, 0.9]);
      await expect(body, tool).toHaveAttribute("data-everything", "done");
      await expect(stage, tool).toHaveAttribute("data-objects", "1");
      await expect(stage, tool).not.toHaveAttribute("data-area");
    }
    await page.keyboard.press("p");
    const { x, y } = await positionOf(page, places.ball);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 3, y + 2);
    await page.mouse.up();
    const ball = await shown(page);
    expect(ball.area).toBeGreaterThan(1000);
    await expect(stage).toHaveAttribute("data-strokes", "0");
    await page.keyboard.press("w");
    await click(page, places.box);
    await expect(stage).toHaveAttribute("data-objects", "2");
    await expect(body).toHaveAttribute("data-everything", "done");
    await expect(page.locator("#objects-count")).toHaveText("2");
  });

  test("ends without a word when another model takes over", async ({ page }) => {
    const body = page.locator("body");
    await page.locator("#settings").click();
    const file = { name: "same.safetensors", mimeType: "", buffer: readFileSync(checkpoint) };
    await page.evaluate(() => document.getElementById("everything")!.click());
    await expect(body).toHaveAttribute("data-everything", "running");
    await page.locator("#model-file").setInputFiles(file);
    await expect(page.locator("#model-reason")).toContainText("same.safetensors is loaded");
    await expect(body).not.toHaveAttribute("data-everything");
    await page.keyboard.press("Escape");
    await expectState(page, "encoded");
    await expect(page.locator("#alert")).toBeHidden();
  });

  test("is stopped at once, and the page goes on", async ({ page }) => {
    const body = page.locator("body");
    await page.locator("#everything").click();
    await expect(body).toHaveAttribute("data-everything", "running");
    await page.getByRole("button", { name: "Stop" }).click();
    await expect(body).not.toHaveAttribute("data-everything");
    await click(page, places.ball);
    await expectState(page, "encoded");
    await expect.poll(async () => (await shown(page)).candidates).toBe(3);
    await expect(page.locator("#alert")).toBeHidden();
  });
});
