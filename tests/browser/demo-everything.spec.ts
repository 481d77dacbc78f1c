// Everything mode on the demo page: candidates on the way, regions under the pointer, objects made of them, and an abort.
import { click, expectState, openDemo, openScene, places, positionOf, screenshot, shown } from "./support/demo.ts";
import { expect, test } from "./support/test.ts";

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
