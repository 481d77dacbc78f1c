// What the demo page says when something is missing: where it stands, how long it stays, and which ways out it offers.
import type { Page } from "@playwright/test";
import { expectState, openDemo, scene, screenshot } from "./support/demo.ts";
import { demoSite, expect, test } from "./support/test.ts";

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function overlap(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

async function rectOf(page: Page, selector: string): Promise<Rect> {
  const rect = await page.locator(selector).boundingBox();
  if (rect === null) throw new Error(`${selector} is not shown.`);
  return rect;
}

test.describe("a model that did not load", { tag: "@cpu" }, () => {
  test("is said again with every image, with a way out", async ({ page, expectComplaint }) => {
    expectComplaint(/404/);
    await page.goto(demoSite("?device=cpu&model=missing.safetensors"));
    const alert = page.locator("#alert");
    await expect(alert).toHaveAttribute("data-code", "network");
    await page.locator("#file").setInputFiles(scene);
    await expect(page.locator("#stage")).toHaveAttribute("data-image", "320,240");
    await expect(alert).toHaveAttribute("data-code", "network");
    await expect(alert.getByRole("link", { name: "Restart" })).toBeVisible();
    await screenshot(page, "demo-cpu-no-model");
    await page.locator("#dismiss").click();
    await expect(alert).toBeHidden();
    await page.locator("#file").setInputFiles(scene);
    await alert.getByRole("button", { name: "Use the built-in model" }).click();
    await expectState(page, "encoded");
    await expect(alert).toBeHidden();
  });

  test("is loaded by choosing it again", async ({ page, expectComplaint }) => {
    expectComplaint(/404/);
    const file = /assets\/tiny-.*\.safetensors/;
    await page.route(file, (route) => route.fulfill({ status: 404, body: "" }));
    await page.goto(demoSite("?device=cpu"));
    const alert = page.locator("#alert");
    await expect(alert).toHaveAttribute("data-code", "network");
    await page.locator("#settings").click();
    const tiny = page.locator("#models input[value=tiny]");
    await expect(tiny).toBeChecked();
    await tiny.click();
    await expect(page.locator("#model-reason")).toContainText("Download failed");
    await page.keyboard.press("Escape");
    await expect(alert, "it is still not there").toBeVisible();
    await page.unroute(file);
    await page.locator("#settings").click();
    await tiny.click();
    await expect(page.locator("#model-reason")).toContainText("tiny is loaded");
    await page.keyboard.press("Escape");
    await expectState(page, "ready");
    await expect(alert).toBeHidden();
  });
});

test.describe("the alert", { tag: "@cpu" }, () => {
  for (const [width, height] of [
    [1280, 720],
    [390, 844],
  ] as const) {
    test(`covers no button of the header at ${width} × ${height}`, async ({ page, device }) => {
      await page.setViewportSize({ width, height });
      await openDemo(page, device);
      const words = { name: "words.txt", mimeType: "text/plain", buffer: Buffer.from("words") };
      await page.locator("#file").setInputFiles(words);
      const alert = page.locator("#alert");
      await expect(alert, "the file is named").toContainText("words.txt");
      await expect(alert).toBeInViewport({ ratio: 1 });
      const rect = await rectOf(page, "#alert");
      for (const id of ["open", "open-more", "settings", "language", "help"])
        expect(overlap(rect, await rectOf(page, `#${id}`)), id).toBe(false);
      await screenshot(page, `demo-cpu-alert-${width}`);
    });
  }

  test("is not needed for words on the clipboard", async ({ page, device }) => {
    await openDemo(page, device);
    await page.evaluate(() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "words");
      document.body.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData }));
    });
    await expect(page.locator("#status")).toContainText("no image on the clipboard");
    await expect(page.locator("#alert")).toBeHidden();
  });

  test("says that the page is offline", async ({ page, context, device, expectComplaint }) => {
    expectComplaint(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
    await openDemo(page, device);
    await context.setOffline(true);
    await page.locator("#settings").click();
    await page.locator("#models input[value=mobile-sam]").click();
    await expect(page.locator("#model-reason")).toContainText("You are offline");
  });
});

test.describe("a model that is refused in the settings", { tag: "@cpu" }, () => {
  for (const [lang, words] of [
    ["en", "That model could not be loaded. The file is no SAM checkpoint that can be used"],
    ["zh", "无法加载该模型。该文件不是可用的 SAM 检查点"],
  ] as const) {
    test(`is refused in ${lang}, with the package's words in small print`, async ({ page, device }) => {
      await openDemo(page, device, `&lang=${lang}`);
      await page.locator("#settings").click();
      const file = { name: "words.pth", mimeType: "", buffer: Buffer.from("These are words.") };
      await page.locator("#model-file").setInputFiles(file);
      const reason = page.locator("#model-reason");
      await expect(reason).toContainText(words);
      await expect(reason.locator("code")).toContainText("bad-checkpoint: ");
      await screenshot(page, `demo-cpu-refused-${lang}`);
    });
  }
});

test.describe("without JavaScript", { tag: "@cpu" }, () => {
  test("the page says what it needs", async ({ browser }) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(demoSite());
    const [english, chinese] = [page.locator("noscript p:not([lang])"), page.locator("noscript p[lang=zh]")];
    for (const words of [english, chinese]) {
      await expect(words).toBeVisible();
      await expect(words).toContainText("JavaScript");
    }
    await context.close();
  });
});
