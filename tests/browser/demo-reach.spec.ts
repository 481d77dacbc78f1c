// The demo page for everyone: keyboard, touch, phone, dark, drop and paste, and when something goes wrong.
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import {
  answered,
  click,
  expectState,
  openDemo,
  openScene,
  places,
  positionOf,
  scene,
  screenshot,
  shown,
} from "./support/demo.ts";
import { demoSite, expect, test } from "./support/test.ts";

/** How far the page reaches beyond the window's right edge. */
function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

test.describe("keyboard", { tag: "@cpu" }, () => {
  test("everything can be reached and done with keys", async ({ page, device }) => {
    // Asked for early: it takes a moment until the browser hands its dialogs over.
    const chooser = page.waitForEvent("filechooser");
    await openDemo(page, device);
    await page.keyboard.press("Tab");
    await expect(page.locator("#open")).toBeFocused();
    await page.keyboard.press("Enter");
    await (await chooser).setFiles(scene);
    await expectState(page, "encoded");
    await expect(page.locator("#stage")).toBeFocused();
    // The first key shows the crosshair in the middle; a step is a fiftieth of the width.
    for (let i = 0; i <= 10; i++) await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await answered(page);
    const first = await shown(page);
    expect(first.points.map((point) => point.map(Math.round))).toEqual([[96, 126, 1]]);
    await screenshot(page, "demo-cpu-keyboard");
    for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Shift+Enter");
    await answered(page);
    expect((await shown(page)).points.map(([, , label]) => label)).toEqual([1, 0]);
    await page.keyboard.press("3");
    await expect(page.locator("#candidate-2")).toHaveAttribute("aria-pressed", "true");
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await shown(page)).points).toEqual(first.points);
    await page.keyboard.press("Control+Shift+Z");
    await expect.poll(async () => (await shown(page)).points.length).toBe(2);
    await page.keyboard.press("Escape");
    await expect.poll(async () => (await shown(page)).points.length).toBe(0);
    await page.keyboard.press("b");
    for (let i = 0; i < 8; i++) await page.keyboard.press("ArrowDown");
    for (let i = 0; i < 8; i++) await page.keyboard.press("ArrowRight");
    await page.keyboard.press("b");
    await answered(page);
    expect((await shown(page)).box).toHaveLength(4);
  });

  test("what has the focus is seen to have it", async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    const outlines: Record<string, string> = {};
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      const [name, outline] = await page.evaluate(() => {
        const element = document.activeElement ?? document.body;
        const marked = element instanceof HTMLInputElement ? (element.closest("label") ?? element) : element;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(marked);
        const visible = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
        const name = element === document.body ? "BODY" : element.id || element.textContent?.trim();
        return [name, visible ? "visible" : "none"];
      });
      outlines[name ?? ""] = outline ?? "";
    }
    expect(Object.entries(outlines).filter(([name, outline]) => outline === "none" && name !== "BODY")).toEqual([]);
  });
});

test.describe("on a phone", { tag: "@cpu" }, () => {
  test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });

  test("nothing overflows, and a tap is a click", async ({ page, device }) => {
    await openDemo(page, device);
    expect(await overflow(page), "the empty page").toBe(0);
    expect(await page.evaluate(() => scrollY), "the page begins at its top").toBe(0);
    await screenshot(page, "demo-cpu-phone-welcome");
    await openScene(page);
    expect(await overflow(page), "with an image").toBe(0);
    const { x, y } = await positionOf(page, places.ball);
    await page.touchscreen.tap(x, y);
    await answered(page);
    expect(await overflow(page), "with a mask").toBe(0);
    await page.keyboard.press("n");
    await page.keyboard.press("Control+z");
    expect(await page.evaluate(() => scrollY), "the list of objects scrolls, not the page").toBe(0);
    await screenshot(page, "demo-cpu-phone");
    for (const id of ["tool-add", "tool-remove", "tool-box"])
      await expect(page.locator(`label:has(#${id})`)).toBeVisible();
    for (const id of ["undo", "cutout", "candidate-1"]) {
      const box = await page.locator(`#${id}`).boundingBox();
      expect(Math.min(box?.width ?? 0, box?.height ?? 0), `#${id} is large enough for a finger`).toBeGreaterThanOrEqual(
        40,
      );
    }
    await page.locator("label:has(#tool-remove)").tap();
    const other = await positionOf(page, places.wall);
    await page.touchscreen.tap(other.x, other.y);
    await answered(page);
    expect((await shown(page)).points.map(([, , label]) => label)).toEqual([1, 0]);
  });
});

test.describe("on a phone in Chinese", { tag: "@cpu" }, () => {
  test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, locale: "zh-CN" });

  test("nothing overflows", async ({ page, device }) => {
    await openDemo(page, device);
    await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
    expect(await overflow(page), "the empty page").toBe(0);
    await openScene(page);
    const { x, y } = await positionOf(page, places.ball);
    await page.touchscreen.tap(x, y);
    await answered(page);
    await page.locator("label:has(#tool-brush)").tap();
    expect(await overflow(page), "with a mask").toBe(0);
    for (const id of ["settings", "help"]) {
      await page.locator(`#${id}`).tap();
      const dialog = page.locator(`#${id}-dialog`);
      await expect(dialog).toBeVisible();
      expect(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth), id).toBe(0);
      await dialog.locator("[data-close]").tap();
    }
    await screenshot(page, "demo-cpu-phone-zh");
  });
});

test.describe("in the dark", { tag: "@cpu" }, () => {
  test.use({ colorScheme: "dark" });

  test("the page is dark", async ({ page, device }) => {
    await openDemo(page, device);
    const [red = 255, green = 255, blue = 255] = await page.evaluate(() =>
      (getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g) ?? []).map(Number),
    );
    expect(Math.max(red, green, blue)).toBeLessThan(80);
    await screenshot(page, "demo-cpu-dark-welcome");
    await openScene(page);
    await click(page, places.box);
    await answered(page);
    await screenshot(page, "demo-cpu-dark");
  });
});

test.describe("in the visitor's own colours", { tag: "@cpu" }, () => {
  test.use({ contextOptions: { forcedColors: "active" } });

  test("what is chosen is told from the rest", async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
    await page.keyboard.press("n");
    await click(page, places.box);
    await answered(page);
    const outlines = (selector: string) =>
      page.locator(selector).evaluateAll((all) => all.map((each) => getComputedStyle(each).outlineStyle));
    expect(await outlines(".tools label")).toEqual(["solid", "none", "none", "none", "none"]);
    expect(await outlines("#objects li")).toEqual(["none", "solid"]);
    expect(await outlines(".candidates button")).toEqual(["solid", "none", "none"]);
    const swatches = await page
      .locator("#objects .swatch")
      .evaluateAll((all) => all.map((each) => getComputedStyle(each).backgroundColor));
    expect(new Set(swatches).size, "as many colours as objects").toBe(2);
    await screenshot(page, "demo-cpu-forced-colours");
  });
});

test.describe("dropped and pasted", { tag: "@cpu" }, () => {
  for (const kind of ["drop", "paste"] as const) {
    test(`an image can be ${kind === "drop" ? "dropped" : "pasted"}`, async ({ page, device }) => {
      await openDemo(page, device);
      // The last thing that was used is a mouse: of itself the browser would not show the focus.
      await page.mouse.click(5, 5);
      await page.evaluate(
        ({ kind, base64 }) => {
          const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], "scene.png", { type: "image/png" }));
          const options = { bubbles: true, cancelable: true };
          const event =
            kind === "drop"
              ? new DragEvent("drop", { ...options, dataTransfer })
              : new ClipboardEvent("paste", { ...options, clipboardData: dataTransfer });
          document.body.dispatchEvent(event);
        },
        { kind, base64: readFileSync(scene).toString("base64") },
      );
      await expectState(page, "encoded");
      // Keys go to the image now, and one sees that they do.
      await expect(page.locator("#stage")).toBeFocused();
      const outline = () => page.locator("#stage").evaluate((stage) => getComputedStyle(stage).outlineStyle);
      expect(await outline()).toBe("solid");
      await click(page, places.ball);
      await answered(page);
      expect((await shown(page)).area).toBeGreaterThan(1000);
      // A file that was copied keeps its name.
      const download = page.waitForEvent("download");
      await page.locator("#cutout").click();
      expect((await download).suggestedFilename()).toMatch(/^scene-/);
    });
  }
});

test.describe("the side panel", { tag: "@cpu" }, () => {
  for (const [width, height] of [
    [1280, 720],
    [1440, 1040],
  ] as const) {
    test(`cuts no card at ${width} × ${height}`, async ({ page, device }) => {
      await page.setViewportSize({ width, height });
      await openDemo(page, device);
      await openScene(page);
      const hidden = await page.locator(".panel").evaluate((panel) => panel.scrollHeight - panel.clientHeight);
      expect(hidden, "pixels to scroll, up to rounding").toBeLessThanOrEqual(1);
      await expect(page.locator("#details")).toHaveJSProperty("open", height === 1040);
      await screenshot(page, `demo-cpu-${height}`);
    });
  }
});

test.describe("when something goes wrong", () => {
  test("a file that is no image is refused in words", { tag: "@cpu" }, async ({ page, device }) => {
    await openDemo(page, device);
    const alert = page.locator("#alert");
    const text = { name: "words.txt", mimeType: "text/plain", buffer: Buffer.from("words") };
    await page.locator("#file").setInputFiles(text);
    await expect(alert).toHaveAttribute("data-code", "bad-image");
    await expect(alert).toContainText(/image/);
    await screenshot(page, "demo-cpu-refused");
    await page.locator("#dismiss").click();
    await expect(alert).toBeHidden();
    await openScene(page);
    await page.locator("#file").setInputFiles({ ...text, buffer: Buffer.alloc(0) });
    await expect(alert).toHaveAttribute("data-code", "bad-image");
    // The image from before is still there to work on.
    await click(page, places.ball);
    await answered(page);
  });

  test("no WebGPU is said in words, with a way out", { tag: "@cpu" }, async ({ page }) => {
    await page.goto(demoSite("?device=webgpu"));
    await expect(page.locator("#alert")).toHaveAttribute("data-code", "no-webgpu");
    await expectState(page, "error");
    await screenshot(page, "demo-cpu-no-webgpu");
    await page.getByRole("link", { name: /CPU/ }).click();
    await expectState(page, "ready");
  });

  test("a model that is not there is said in words", { tag: "@cpu" }, async ({ page, expectComplaint }) => {
    expectComplaint(/404/);
    await page.goto(demoSite("?device=cpu&model=missing.safetensors"));
    await expect(page.locator("#alert")).toHaveAttribute("data-code", "network");
    await expectState(page, "error");
  });

  test("after the Worker died the page goes on", async ({ page, device, expectComplaint }) => {
    expectComplaint(/boom/);
    await openDemo(page, device);
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
    const before = await shown(page);
    await page.workers()[0]?.evaluate(() => setTimeout(() => Promise.reject(new Error("boom"))));
    await expect(page.locator("#alert")).toBeVisible();
    await expect(page.locator("#alert")).toContainText("Back again", { timeout: 120_000 });
    await answered(page);
    await expect.poll(async () => (await shown(page)).points).toEqual(before.points);
    await screenshot(page, `demo-${device}-back-again`);
    await click(page, places.leaf);
    await answered(page);
    expect((await shown(page)).points).toHaveLength(2);
  });
});
