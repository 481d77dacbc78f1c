// The demo page's settings: language, model, device; what is remembered, and what a refusal says.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { answered, click, expectState, openDemo, openScene, places, scene, screenshot, shown } from "./support/demo.ts";
import { repository } from "./support/paths.ts";
import { demoSite, expect, otherSite, test } from "./support/test.ts";

const checkpoint = join(repository, "pkg/models/tiny.safetensors");
/** The built-in model's, to be given names. */
const tinyFile = { mimeType: "", buffer: readFileSync(checkpoint) };

async function chooseFile(page: Page, name: string): Promise<void> {
  await page.locator("#settings").click();
  await page.locator("#model-file").setInputFiles({ ...tinyFile, name });
  await expect(page.locator("#model-reason")).toContainText(`${name} is loaded`);
  await page.keyboard.press("Escape");
}

/** How many checkpoint files the page has kept to their ends. */
function keptFiles(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("burn-sam-page", { create: true });
    let whole = 0;
    for await (const handle of folder.values()) {
      if (handle instanceof FileSystemFileHandle && (await handle.getFile()).size > 0) whole++;
    }
    return whole;
  });
}

test.describe("settings", { tag: "@cpu" }, () => {
  test("the language is switched in place and remembered", async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
    const before = await shown(page);
    await page.locator("#language").click();
    await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
    await expect(page.locator("#language"), "is in the other language").toHaveAttribute("lang", "en");
    await expect(page.getByRole("button", { name: "打开图片" }).first()).toBeVisible();
    await expect(page.locator("#objects .name")).toHaveText("物体 1");
    await expect(page.locator("#status")).toContainText("像素");
    expect(await shown(page)).toEqual(before);
    await screenshot(page, "demo-cpu-zh");
    await page.reload();
    await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
    await expect(page).toHaveTitle(/分割一切/);
    await page.locator("#language").click();
    await expect(page.locator("html")).toHaveAttribute("lang", "en");
  });

  test("a checkpoint file takes the place of the model, keeps the objects, and is remembered", async ({ page }) => {
    await page.goto(demoSite());
    await expectState(page, "ready");
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
    const before = await shown(page);
    await page.locator("#settings").click();
    await page.locator("#model-file").setInputFiles({ ...tinyFile, name: "my-model.safetensors" });
    await expect(page.locator("#model-reason")).toHaveText(
      /^my-model.safetensors is loaded: tiny · burn-sam's layout · [\d.]+ M weights · [\d.]+ MB\.$/,
    );
    await expect(page.locator("#models :checked")).toHaveValue("my-model.safetensors");
    await expect(page.locator("#time-load")).toHaveText(/\d/);
    await screenshot(page, "demo-cpu-settings");
    await page.keyboard.press("Escape");
    await expectState(page, "encoded");
    await answered(page);
    // The same weights under another name.
    expect(await shown(page)).toEqual(before);
    await page.goto(demoSite());
    await expectState(page, "ready");
    await page.locator("#settings").click();
    await expect(page.locator("#models :checked")).toHaveValue("my-model.safetensors");
  });

  test("a checkpoint file that was not kept in time is not taken for the one before it", async ({ page }) => {
    await page.goto(demoSite());
    await expectState(page, "ready");
    await chooseFile(page, "kept.safetensors");
    await expect.poll(() => keptFiles(page)).toBe(1);
    // The copy of the next one never ends.
    await page.evaluate(() => {
      FileSystemFileHandle.prototype.createWritable = () => new Promise(() => undefined);
    });
    await chooseFile(page, "unfinished.safetensors");
    await page.reload();
    await expectState(page, "ready");
    await expect(page.locator("#status")).toContainText("unfinished.safetensors is not kept on this device");
    await page.locator("#settings").click();
    await expect(page.locator("#models :checked")).toHaveValue("tiny");
  });

  test("a checkpoint file that is chosen while the kept one is being found is the one that runs", async ({ page }) => {
    await page.goto(demoSite());
    await expectState(page, "ready");
    await chooseFile(page, "kept.safetensors");
    await expect.poll(() => keptFiles(page)).toBe(1);
    await page.addInitScript(() => {
      const found = new Promise((resolve) => addEventListener("found", resolve));
      const { getFile } = FileSystemFileHandle.prototype;
      FileSystemFileHandle.prototype.getFile = async function () {
        await found;
        return getFile.call(this);
      };
    });
    await page.reload();
    await page.locator("#settings").click();
    await page.locator("#model-file").setInputFiles({ ...tinyFile, name: "later.safetensors" });
    await expect(page.locator("#models :checked")).toHaveValue("later.safetensors");
    await page.evaluate(() => dispatchEvent(new Event("found")));
    await expect(page.locator("#model-reason")).toContainText("later.safetensors is loaded");
    await expect(page.locator("#models :checked")).toHaveValue("later.safetensors");
  });

  test("a browser that cannot keep a checkpoint file says that it is to be chosen again", async ({ page }) => {
    // As in Safari before 26.
    await page.addInitScript(() => Reflect.deleteProperty(FileSystemFileHandle.prototype, "createWritable"));
    await page.goto(demoSite());
    await expectState(page, "ready");
    await page.locator("#settings").click();
    await page.locator("#model-file").setInputFiles({ ...tinyFile, name: "my-model.safetensors" });
    await expect(page.locator("#model-reason")).toHaveText(
      /^my-model.safetensors is loaded: .*choose it again on your next visit\.$/,
    );
  });

  test("an address that is refused says why, and the model before goes on", async ({
    page,
    device,
    expectComplaint,
  }) => {
    expectComplaint(/CORS|ERR_FAILED|404/);
    await openDemo(page, device);
    await openScene(page);
    await page.locator("#settings").click();
    const reason = page.locator("#model-reason");
    await page.locator("#model-url").fill(otherSite("words.txt"));
    await page.getByRole("button", { name: "Load", exact: true }).click();
    await expect(reason).toContainText("Download failed");
    await expect(reason).toContainText("Access-Control-Allow-Origin");
    await screenshot(page, "demo-cpu-settings-refused");
    const words = { name: "words.pth", mimeType: "", buffer: Buffer.from("These are words, not a checkpoint.") };
    await page.locator("#model-file").setInputFiles(words);
    await expect(reason).toContainText("That model could not be loaded");
    await expect(page.locator("#models :checked")).toHaveValue("tiny");
    await page.keyboard.press("Escape");
    await click(page, places.ball);
    await answered(page);
    // The refused one is not what the next visit begins with.
    await openDemo(page, device);
  });

  test("with arrow keys the focus stays with the models, and a download that has not begun can be stopped", async ({
    page,
    device,
  }) => {
    // A server that does not answer.
    await page.route("https://huggingface.co/**", () => undefined);
    await openDemo(page, device);
    await page.locator("#settings").click();
    const model = (name: string) => page.locator(`#models input[value="${name}"]`);
    await model("tiny").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await expect(page.locator("#model-stop")).toBeVisible();
    await expect(model("mobile-sam")).toBeChecked();
    await expect(model("mobile-sam"), "after the list was made anew").toBeFocused();
    await page.locator("#model-stop").click();
    await expect(model("tiny")).toBeChecked();
    await expect(model("tiny")).toBeFocused();
    await expect(page.locator("#model-status")).toBeHidden();
    await expect(page.locator("body")).toHaveAttribute("data-model", "tiny");
  });

  test("a checkpoint at an address is remembered", async ({ page }) => {
    await page.goto(demoSite());
    await expectState(page, "ready");
    // The built-in model's own file: the service worker's list names it.
    const file = await page.evaluate(
      async () => /assets\/tiny-[\w-]+\.safetensors/.exec(await (await fetch("sw.js")).text())?.[0],
    );
    await page.locator("#settings").click();
    await page.locator("#model-url").fill(demoSite(file));
    await page.getByRole("button", { name: "Load", exact: true }).click();
    await expect(page.locator("#model-reason")).toContainText("is loaded: tiny · burn-sam's layout");
    await page.reload();
    await expectState(page, "ready");
    await page.locator("#settings").click();
    await expect(page.locator("#models :checked")).toHaveValue(/^tiny-.*\.safetensors$/);
    await expect(page.locator("#model-url")).toHaveValue(demoSite(file));
    await page.locator("#models input[value=tiny]").check();
    await expect(page.locator("#model-reason")).toContainText("tiny is loaded");
  });

  test("device and model of the address come before what is remembered", async ({ page, device }) => {
    await openDemo(page, device, "&model=tiny&lang=zh");
    await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
    await page.locator("#settings").click();
    await expect(page.locator("#device")).toHaveValue("cpu");
  });

  test("the loaded model can be saved with weights in f16, and loaded again", async ({ page, device }) => {
    await openDemo(page, device);
    await page.locator("#settings").click();
    const download = page.waitForEvent("download");
    const button = page.locator("#save-model");
    const said = await button.evaluateHandle((button) => {
      const words: string[] = [];
      const look = (): unknown => words.push(button.textContent ?? "");
      new MutationObserver(look).observe(button, { childList: true, characterData: true, subtree: true });
      return words;
    });
    await button.click();
    const file = await download;
    await expect(button).toHaveText("Save model (f16)");
    expect(await said.jsonValue()).toContain("Writing the model · 100 %");
    expect(file.suggestedFilename()).toBe("tiny-f16.safetensors");
    await expect(page.locator("#model-reason")).toHaveText("Saved tiny-f16.safetensors.");
    const path = await file.path();
    // The built-in model's weights are in f16 already; the list of its tensors may be written otherwise.
    expect(statSync(path).size).toBeLessThan(1.01 * statSync(checkpoint).size);
    const saved = { name: "tiny-f16.safetensors", mimeType: "", buffer: readFileSync(path) };
    await page.locator("#model-file").setInputFiles(saved);
    await expect(page.locator("#model-reason")).toContainText("tiny-f16.safetensors is loaded");
  });

  test("single-key shortcuts can be switched off", async ({ page, device }) => {
    await openDemo(page, device);
    await page.locator("#settings").click();
    await page.locator("#set-keys").uncheck();
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await expect(page.locator("#help-dialog")).toBeHidden();
    await page.locator("#settings").click();
    await page.locator("#set-keys").check();
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await expect(page.locator("#help-dialog")).toBeVisible();
  });
});

test.describe("sources", { tag: "@cpu" }, () => {
  test("an image from an address", async ({ page, device, expectComplaint }) => {
    expectComplaint(/CORS|ERR_FAILED|404/);
    await openDemo(page, device);
    await page.locator("#open-more").click();
    await page.locator("#from-address").click();
    const [input, reason] = [page.locator("#address"), page.locator("#address-reason")];
    for (const [address, words] of [
      [otherSite("scene.png"), /CORS/],
      [demoSite("nothing.png"), /404/],
      ["ftp://example.org/x.png", /https:/],
    ] as const) {
      await input.fill(address);
      await page.locator("#address-open").click();
      await expect(reason).toHaveText(words);
    }
    await screenshot(page, "demo-cpu-address");
    await input.fill(otherSite("open.png"));
    await page.locator("#address-open").click();
    await expect(page.locator("#address-dialog")).toBeHidden();
    await expectState(page, "encoded");
    await expect(page.locator("#stage")).toHaveAttribute("data-image", "320,240");
  });

  test("an address with a lone % is opened too", async ({ page, device }) => {
    const headers = { "Access-Control-Allow-Origin": "*" };
    await page.route(otherSite("100%.png"), (route) => route.fulfill({ path: scene, headers }));
    await openDemo(page, device);
    await page.locator("#open-more").click();
    await page.locator("#from-address").click();
    await page.locator("#address").fill(otherSite("100%.png"));
    await page.locator("#address-open").click();
    await expectState(page, "encoded");
    await expect(page.locator("#address-dialog")).toBeHidden();
  });

  test("closing the dialog stops the download", async ({ page, device }) => {
    // Never answered.
    await page.route(otherSite("slow.png"), () => undefined);
    await openDemo(page, device);
    await page.locator("#open-more").click();
    await page.locator("#from-address").click();
    const [input, button] = [page.locator("#address"), page.locator("#address-open")];
    await input.fill(otherSite("slow.png"));
    await button.click();
    await expect(button).toBeDisabled();
    const stopped = page.waitForEvent("requestfailed");
    await page.keyboard.press("Escape");
    expect((await stopped).url()).toBe(otherSite("slow.png"));
    await page.locator("#open-more").click();
    await page.locator("#from-address").click();
    await expect(button).toBeEnabled();
    await expect(page.locator("#address-reason")).toBeEmpty();
    await input.fill(demoSite("samples/cat.jpg"));
    await button.click();
    await expectState(page, "encoded");
  });

  test("no camera is said in words", async ({ page, device }) => {
    await openDemo(page, device);
    await page.locator("#open-more").click();
    await page.locator("#from-camera").click();
    await expect(page.locator("#camera-reason")).toHaveText(/camera/);
    await expect(page.locator("#camera-shoot")).toBeDisabled();
    // Nothing to see, nothing to press.
    await expect(page.locator("#camera-video")).toBeHidden();
    await expect(page.locator("#camera-shoot")).toBeHidden();
    await page.keyboard.press("Escape");
    await expect(page.locator("#camera-dialog")).toBeHidden();
  });
});
