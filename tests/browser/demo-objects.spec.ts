// The demo page with several objects: one history, names, hiding; zoom and pan; the brush; the preview while hovering.
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
  screenshot,
  shown,
} from "./support/demo.ts";
import { expect, test } from "./support/test.ts";

test.describe("objects", { tag: "@cpu" }, () => {
  test.beforeEach(async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
  });

  const rows = (page: Page) => page.locator("#objects li");

  test("each has prompts and a mask of its own, and one history covers all", async ({ page }) => {
    const ball = await shown(page);
    await page.locator("#new-object").click();
    expect(await shown(page)).toMatchObject({ points: [], candidates: 0 });
    await expect(page.locator("#new-object")).toBeDisabled();
    await click(page, places.box);
    await answered(page);
    const box = await shown(page);
    expect(box.area).not.toBe(ball.area);
    await expect(rows(page)).toHaveCount(2);
    await rows(page).first().locator(".choose").click();
    expect(await shown(page)).toEqual(ball);
    await screenshot(page, "demo-cpu-objects");
    await page.keyboard.press("j");
    expect(await shown(page)).toEqual(box);
    // The point, then the object itself.
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await shown(page)).points.length).toBe(0);
    await page.keyboard.press("Control+z");
    await expect(rows(page)).toHaveCount(1);
    expect(await shown(page)).toEqual(ball);
    await page.keyboard.press("Control+y");
    await page.keyboard.press("Control+y");
    await answered(page);
    await expect.poll(() => shown(page)).toEqual(box);
  });

  test("cannot be changed before there is an image", async ({ page, device }) => {
    await openDemo(page, device);
    for (const name of ["Rename Object 1", "Hide Object 1", "Delete Object 1"])
      await expect(page.getByRole("button", { name })).toBeDisabled();
    await openScene(page);
    for (const name of ["Rename Object 1", "Hide Object 1", "Delete Object 1"])
      await expect(page.getByRole("button", { name })).toBeEnabled();
    await click(page, places.ball);
    await answered(page);
    await expect(page.getByRole("button", { name: /^Object 1 with score 0\.\d\d$/ })).toBeVisible();
  });

  test("can be renamed, hidden and deleted, and that undone", async ({ page }) => {
    const row = rows(page).first();
    await page.keyboard.press("F2");
    const name = page.getByRole("textbox", { name: "Name of the object" });
    await expect(name).toBeFocused();
    await name.fill("Nice ball");
    await page.keyboard.press("Enter");
    await expect(row.locator(".name")).toHaveText("Nice ball");
    await page.getByRole("button", { name: "Hide Nice ball" }).click();
    await expect(row).toHaveAttribute("data-hidden");
    await page.keyboard.press("Control+z");
    await expect(row).not.toHaveAttribute("data-hidden");
    await page.getByRole("button", { name: "Delete Nice ball" }).click();
    await expect(row.locator(".name")).toHaveText("Object 2");
    expect((await shown(page)).candidates).toBe(0);
    await page.keyboard.press("Control+z");
    await expect(row.locator(".name")).toHaveText("Nice ball");
    await answered(page);
    // Escape leaves a name as it was.
    await row.locator(".choose").dblclick();
    await name.fill("Other");
    await page.keyboard.press("Escape");
    await expect(row.locator(".name")).toHaveText("Nice ball");
    expect((await shown(page)).points).toHaveLength(1);
  });

  test("are still there after the model was lost", async ({ page, expectComplaint }) => {
    expectComplaint(/boom/);
    await page.keyboard.press("n");
    await click(page, places.box);
    await answered(page);
    const before = await shown(page);
    await page.workers()[0]?.evaluate(() => setTimeout(() => Promise.reject(new Error("boom"))));
    await expect(page.locator("#alert")).toContainText("Back again", { timeout: 120_000 });
    await expectState(page, "encoded");
    expect(await shown(page)).toEqual(before);
    await expect(rows(page)).toHaveCount(2);
    await click(page, places.leaf);
    await answered(page);
    expect((await shown(page)).points).toHaveLength(2);
  });
});

test.describe("a model that stops again and again", { tag: "@cpu" }, () => {
  test("stays stopped until it is told to restart, and nothing is lost", async ({ page, device, expectComplaint }) => {
    expectComplaint(/boom/);
    await openDemo(page, device);
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
    const before = await shown(page);
    const fail = () => page.workers()[0]?.evaluate(() => setTimeout(() => Promise.reject(new Error("boom"))));
    for (let losses = 0; losses < 3; losses++) {
      await fail();
      await expect(page.locator("#alert")).toContainText("Back again", { timeout: 60_000 });
      await expectState(page, "encoded");
      await page.locator("#dismiss").click();
    }
    await fail();
    await expectState(page, "error");
    const alert = page.locator("#alert");
    await expect(alert).toHaveAttribute("data-code", "device-lost");
    await screenshot(page, "demo-cpu-stopped");
    await alert.getByRole("link", { name: "Restart" }).click();
    await expectState(page, "encoded");
    await answered(page);
    expect(await shown(page)).toEqual(before);
    await click(page, places.leaf);
    await answered(page);
  });
});

test.describe("zoom", { tag: "@cpu" }, () => {
  test.beforeEach(async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
  });

  test("the wheel zooms at the pointer, space and the middle button move the image", async ({ page }) => {
    const fitted = await zoomOf(page);
    const start = await positionOf(page, places.ball);
    await page.mouse.move(start.x, start.y);
    // As long as the image is hardly larger than the stage, it stays in the middle.
    for (let i = 0; i < 3; i++) await page.mouse.wheel(0, -200);
    await expect.poll(() => zoomOf(page)).toBeGreaterThan(3 * fitted);
    const before = await positionOf(page, places.ball);
    await page.mouse.move(before.x, before.y);
    await page.mouse.wheel(0, -200);
    await expect.poll(() => zoomOf(page)).toBeGreaterThan(4 * fitted);
    const at = await positionOf(page, places.ball);
    expect(Math.hypot(at.x - before.x, at.y - before.y), "what was under the pointer still is").toBeLessThan(1);
    await page.keyboard.down(" ");
    await page.mouse.down();
    await page.mouse.move(before.x + 40, before.y + 30, { steps: 4 });
    await page.mouse.up();
    await page.keyboard.up(" ");
    const moved = await positionOf(page, places.ball);
    expect([moved.x - at.x, moved.y - at.y].map(Math.round)).toEqual([40, 30]);
    await page.mouse.down({ button: "middle" });
    await page.mouse.move(before.x, before.y, { steps: 4 });
    await page.mouse.up({ button: "middle" });
    const back = await positionOf(page, places.ball);
    expect([back.x - at.x, back.y - at.y].map(Math.round)).toEqual([0, 0]);
    expect((await shown(page)).points, "moving sets no points").toEqual([]);
    // A click means the same place as before.
    await click(page, places.ball);
    await answered(page);
    const [point] = (await shown(page)).points;
    expect(Math.abs((point?.[0] ?? NaN) - 0.29 * 320)).toBeLessThan(1);
    await screenshot(page, "demo-cpu-zoom");
    await page.keyboard.press("0");
    await expect.poll(() => zoomOf(page)).toBe(fitted);
  });

  test("keys and buttons zoom", async ({ page }) => {
    const fitted = await zoomOf(page);
    await page.keyboard.press("+");
    const closer = await zoomOf(page);
    expect(closer).toBeGreaterThan(fitted);
    await page.locator("#zoom-in").click();
    expect(await zoomOf(page)).toBeGreaterThan(closer);
    await page.locator("#zoom-fit").click();
    expect(await zoomOf(page)).toBe(fitted);
    await page.keyboard.press("-");
    expect(await zoomOf(page), "no smaller than the stage").toBe(fitted);
  });
});

test.describe("another image", { tag: "@cpu" }, () => {
  test("loses nothing: undo goes back to the one before, with its objects, and redo returns", async ({
    page,
    device,
  }) => {
    await openDemo(page, device);
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
    const ball = await shown(page);
    await page.keyboard.press("n");
    await click(page, places.box);
    await answered(page);
    const [stage, status] = [page.locator("#stage"), page.locator("#status")];
    await page.locator('[data-sample="cat.jpg"]').click();
    await expect(stage).toHaveAttribute("data-image", "451,300");
    await expectState(page, "encoded");
    await expect(status).toContainText("Undo brings back “scene”");
    await expect(stage).toHaveAttribute("data-objects", "1");
    await click(page, [0.5, 0.5]);
    await answered(page);
    const cat = await shown(page);
    for (let i = 0; i < 2; i++) await page.keyboard.press("Control+z");
    await expect(stage).toHaveAttribute("data-image", "320,240");
    await answered(page);
    await expect(stage).toHaveAttribute("data-objects", "2");
    await page.keyboard.press("j");
    await expect.poll(() => shown(page)).toEqual(ball);
    await page.keyboard.press("Control+Shift+z");
    await expect(stage).toHaveAttribute("data-image", "451,300");
    await expectState(page, "encoded");
    await page.keyboard.press("Control+Shift+z");
    await answered(page);
    expect(await shown(page)).toEqual(cat);
  });

  test("loses nothing of the images before that either", async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
    const ball = await shown(page);
    const stage = page.locator("#stage");
    for (const [sample, size] of [
      ["cat.jpg", "451,300"],
      ["coffee.jpg", "600,400"],
    ] as const) {
      await page.locator(`[data-sample="${sample}"]`).click();
      await expect(stage).toHaveAttribute("data-image", size);
      await expectState(page, "encoded");
      await click(page, [0.5, 0.5]);
      await answered(page);
    }
    const coffee = await shown(page);
    // The click, then the image before it.
    const steps = async (keys: string, size: string): Promise<void> => {
      for (let i = 0; i < 2; i++) await page.keyboard.press(keys);
      await expect(stage).toHaveAttribute("data-image", size);
      await expectState(page, "encoded");
      await answered(page);
    };
    await steps("Control+z", "451,300");
    await steps("Control+z", "320,240");
    await expect.poll(() => shown(page)).toEqual(ball);
    await steps("Control+Shift+z", "451,300");
    await steps("Control+Shift+z", "600,400");
    expect(await shown(page)).toEqual(coffee);
  });
});

test.describe("leaving the page", { tag: "@cpu" }, () => {
  async function isAsked(page: Page): Promise<void> {
    const asked = page.waitForEvent("dialog");
    await page.close({ runBeforeUnload: true });
    const dialog = await asked;
    expect(dialog.type()).toBe("beforeunload");
    await dialog.dismiss();
  }

  test("is asked about where several objects were not exported", async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
    await page.keyboard.press("n");
    await click(page, places.box);
    await answered(page);
    await isAsked(page);
    // Of an image that was left, too: undo would bring it back.
    await page.locator('[data-sample="cat.jpg"]').click();
    await expect(page.locator("#stage")).toHaveAttribute("data-image", "451,300");
    await isAsked(page);
    await page.keyboard.press("Control+z");
    await expect(page.locator("#stage")).toHaveAttribute("data-image", "320,240");

    const file = page.waitForEvent("download");
    await page.locator("#more-exports").click();
    await page.locator("#save-svg").click();
    await file;
    await expect(page.locator("#status")).toContainText("Saved");
    const closed = page.waitForEvent("close");
    await page.close({ runBeforeUnload: true });
    await closed;
  });
});

test.describe("pinch", { tag: "@cpu" }, () => {
  test.use({ viewport: { width: 390, height: 760 }, hasTouch: true, isMobile: true });

  test("two fingers zoom around what is between them, one moves it, and a tap still means that place", async ({
    page,
    device,
  }) => {
    await openDemo(page, device);
    await openScene(page);
    const fitted = await zoomOf(page);
    // Half-way down the ball's height, where the image stays in the middle of a higher stage.
    const place = [0.29, 0.5] as const;
    const { x, y } = await positionOf(page, place);
    const touch = await fingers(page);
    const pair = (spread: number) => [
      { x: x - spread, y },
      { x: x + spread, y },
    ];
    await touch("touchStart", pair(30));
    for (const spread of [40, 50, 60]) await touch("touchMove", pair(spread));
    await touch("touchEnd", []);
    await expect.poll(() => zoomOf(page)).toBeCloseTo(2 * fitted, 1);
    const after = await positionOf(page, place);
    expect(Math.hypot(after.x - x, after.y - y), "it is where the fingers were").toBeLessThan(2);

    await touch("touchStart", [{ x, y }]);
    for (const step of [15, 30, 45, 60]) await touch("touchMove", [{ x: x + step, y: y - step / 2 }]);
    await touch("touchEnd", []);
    const moved = await positionOf(page, place);
    expect(Math.hypot(moved.x - x - 60, moved.y - y + 30), "it went with the finger").toBeLessThan(2);
    expect((await shown(page)).points, "neither sets points").toEqual([]);

    await page.touchscreen.tap(moved.x, moved.y);
    await answered(page);
    const [point] = (await shown(page)).points;
    expect(Math.hypot((point?.[0] ?? NaN) - 0.29 * 320, (point?.[1] ?? NaN) - 0.5 * 240)).toBeLessThan(1);
  });
});

async function zoomOf(page: Page): Promise<number> {
  return Number(await page.locator("#stage").getAttribute("data-zoom"));
}

type Touch = (
  type: "touchStart" | "touchMove" | "touchEnd",
  points: readonly { readonly x: number; readonly y: number }[],
) => Promise<unknown>;

/** Fingers on the screen, as the browser gets them from a touch screen. */
async function fingers(page: Page): Promise<Touch> {
  const client = await page.context().newCDPSession(page);
  return (type, points) =>
    client.send("Input.dispatchTouchEvent", { type, touchPoints: points.map((point, id) => ({ ...point, id })) });
}

test.describe("the brush", { tag: "@cpu" }, () => {
  test("paints a mask that is asked with the rest, and is undone stroke by stroke", async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    await page.keyboard.press("p");
    await expect(page.locator("#tool-brush")).toBeChecked();
    await expect(page.locator("#brush-size")).toBeVisible();
    await drag(page, [0.25, 0.45], [0.33, 0.6]);
    await answered(page);
    const stage = page.locator("#stage");
    await expect(stage).toHaveAttribute("data-strokes", "1");
    const painted = await shown(page);
    expect(painted.points).toEqual([]);
    expect(painted.candidates).toBe(3);
    await page.keyboard.press("x");
    await drag(page, [0.25, 0.45], [0.26, 0.47]);
    await answered(page);
    await expect(stage).toHaveAttribute("data-strokes", "2");
    await page.keyboard.press("a");
    await click(page, places.ball);
    await answered(page);
    expect((await shown(page)).points).toHaveLength(1);
    await screenshot(page, "demo-cpu-brush");
    for (let i = 0; i < 2; i++) await page.keyboard.press("Control+z");
    await answered(page);
    await expect(stage).toHaveAttribute("data-strokes", "1");
    await expect.poll(() => shown(page)).toEqual(painted);
  });
});

test.describe("the preview", { tag: "@cpu" }, () => {
  test("shows what a click would give, and goes with the pointer", async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    const stage = page.locator("#stage");
    const { x, y } = await positionOf(page, places.ball);
    await page.mouse.move(x - 3, y);
    await page.mouse.move(x, y);
    await expect(stage).toHaveAttribute("data-preview", /^[1-9]\d*$/);
    expect((await shown(page)).points, "nothing is asked yet").toEqual([]);
    await expectState(page, "encoded");
    await screenshot(page, "demo-cpu-hover");
    await page.mouse.move(5, 5);
    await expect(stage).not.toHaveAttribute("data-preview");
    await page.mouse.move(x, y);
    await expect(stage).toHaveAttribute("data-preview", /^[1-9]\d*$/);
    await page.mouse.down();
    await page.mouse.up();
    await answered(page);
    expect((await shown(page)).points).toHaveLength(1);
    await expect(stage).not.toHaveAttribute("data-preview");
  });
});
