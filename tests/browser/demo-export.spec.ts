// What can be taken away from the demo page, and brought back.
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { answered, click, expectState, openDemo, openScene, places, shown } from "./support/demo.ts";
import { expect, test } from "./support/test.ts";

async function save(page: Page, id: string): Promise<{ name: string; path: string; bytes: Buffer }> {
  const download = page.waitForEvent("download");
  if (id !== "cutout") await page.locator("#more-exports").click();
  await page.locator(`#${id}`).click();
  const file = await download;
  const path = await file.path();
  return { name: file.suggestedFilename(), path, bytes: readFileSync(path) };
}

/** Of a PNG: its size, how many pixels are opaque, half, and clear, and the size of what is not clear. */
function look(page: Page, png: Buffer) {
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")!;
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    let [opaque, clear] = [0, 0];
    let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
    for (let i = 3, x = 0, y = 0; i < data.length; i += 4) {
      if (data[i] === 255) opaque++;
      if (data[i] === 0) clear++;
      else {
        [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
      }
      if (++x === bitmap.width) [x, y] = [0, y + 1];
    }
    const size = [bitmap.width, bitmap.height];
    return { size, opaque, clear, half: data.length / 4 - opaque - clear, extent: [right - left, bottom - top] };
  }, png.toString("base64"));
}

test.describe("exports", { tag: "@cpu" }, () => {
  test.beforeEach(async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    await click(page, places.ball);
    await answered(page);
  });

  test("the mask is a PNG of the image's size", async ({ page }) => {
    const { area } = await shown(page);
    const { name, bytes } = await save(page, "save-mask");
    expect(name).toBe("scene-mask.png");
    const whole = { size: [320, 240], opaque: area, clear: 320 * 240 - area, half: 0 };
    expect(await look(page, bytes)).toMatchObject(whole);
  });

  test("a soft edge is half transparent, and remembered", async ({ page }) => {
    await page.locator("#more-exports").click();
    await page.locator("#feather").fill("4");
    await expect(page.locator("#feather-value")).toHaveText("4 px");
    await page.keyboard.press("Escape");
    await expect(page.locator("#cutout"), "beside the button").toContainText("4 px");
    const { half } = await look(page, (await save(page, "cutout")).bytes);
    expect(half).toBeGreaterThan(100);
    await page.reload();
    await expect(page.locator("#feather")).toHaveValue("4");
  });

  test("a mask has no pinholes and specks, unless the settings want them", async ({ page }) => {
    const outlines = async () => {
      await page.keyboard.press("Control+z");
      await expect(page.locator("#stage")).not.toHaveAttribute("data-area");
      await click(page, [0.3, 0.2]);
      await answered(page);
      const svg = await save(page, "save-svg");
      return svg.bytes.toString("utf8").match(/M/g)?.length ?? 0;
    };
    expect(await outlines()).toBe(1);
    await page.locator("#settings").click();
    await page.locator("#set-tidy").uncheck();
    await page.keyboard.press("Escape");
    expect(await outlines()).toBeGreaterThan(5);
  });

  test("all objects are in the SVG and in the COCO file, by name", async ({ page }) => {
    const ball = await shown(page);
    await page.keyboard.press("F2");
    await page.keyboard.insertText('A "ball" & <more>');
    await page.keyboard.press("Enter");
    await page.keyboard.press("n");
    await click(page, places.box);
    await answered(page);
    const box = await shown(page);
    const svg = await save(page, "save-svg");
    expect(svg.name).toBe("scene.svg");
    const drawn = await page.evaluate((svg) => {
      const document = new DOMParser().parseFromString(svg, "image/svg+xml");
      const paths = [...document.querySelectorAll("path")];
      const root = document.documentElement;
      return { size: root.getAttribute("viewBox"), titles: paths.map(({ textContent }) => textContent) };
    }, svg.bytes.toString("utf8"));
    expect(drawn).toEqual({ size: "0 0 320 240", titles: ['A "ball" & <more>', "Object 2"] });
    const coco = await save(page, "save-coco");
    expect(coco.name).toBe("scene-coco.json");
    const data = JSON.parse(coco.bytes.toString("utf8")) as {
      images: { width: number; height: number; file_name: string }[];
      annotations: { area: number; category_id: number; iscrowd: number; segmentation: number[][] }[];
      categories: { id: number; name: string }[];
    };
    expect(data.images).toMatchObject([{ width: 320, height: 240, file_name: "scene.png" }]);
    expect(data.annotations.map(({ area }) => area)).toEqual([ball.area, box.area]);
    expect(data.categories.map(({ name }) => name)).toEqual(['A "ball" & <more>', "Object 2"]);
    // Trainers leave out crowds: these are single objects, with outlines.
    expect(data.annotations.map(({ iscrowd }) => iscrowd)).toEqual([0, 0]);
    for (const { segmentation } of data.annotations) expect(segmentation[0]?.length).toBeGreaterThan(6);
  });

  test("what cannot be exported is not offered", async ({ page }) => {
    const [of1, ofAll] = [
      ["copy", "save-mask"],
      ["save-svg", "save-coco"],
    ];
    const expectOffers = async (ids: readonly string[], offered: boolean): Promise<void> => {
      for (const id of ids) await expect(page.locator(`#${id}`), id).toBeEnabled({ enabled: offered });
    };
    await expectOffers([...of1, ...ofAll, "save-embedding"], true);
    // The only object is hidden: it can still be cut out by itself.
    await page.keyboard.press("h");
    await expectOffers(of1, true);
    await expectOffers(ofAll, false);
    await page.keyboard.press("h");
    // An empty one beside it.
    await page.keyboard.press("n");
    await expectOffers(of1, false);
    await expectOffers([...ofAll, "save-embedding"], true);
    await page.keyboard.press("c");
    await expect(page.locator("#status")).toHaveText("There is no object to export yet: mark one first.");
    await expect(page.locator("#alert")).toBeHidden();
  });

  test("the cut-out is saved and copied alike, as large as the mask", async ({ page, context }) => {
    const { area } = await shown(page);
    const { extent } = await look(page, (await save(page, "save-mask")).bytes);
    const aside = page.waitForEvent("worker", (worker) => worker.url().includes("/drawing-worker-"));
    const saved = await look(page, (await save(page, "cutout")).bytes);
    await aside;
    expect(saved).toEqual({ size: extent, extent, opaque: area, clear: extent[0]! * extent[1]! - area, half: 0 });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.keyboard.press("c");
    await expect(page.locator("#status")).toHaveText("Copied. Paste it anywhere.");
    const copied = await page.evaluate(async () => {
      const [item] = await navigator.clipboard.read();
      const blob = await item!.getType("image/png");
      return Array.from(new Uint8Array(await blob.arrayBuffer()));
    });
    expect(await look(page, Buffer.from(copied))).toEqual(saved);
    // And pasted again, from the menu.
    await page.locator("#open-more").click();
    await page.locator("#from-clipboard").click();
    await expect(page.locator("#stage")).not.toHaveAttribute("data-image", "320,240");
    await expectState(page, "encoded");
  });

  test("the encoded image can be saved and opened again", async ({ page, device }) => {
    const before = await shown(page);
    const { name, path } = await save(page, "save-embedding");
    expect(name).toBe("scene.bsam");
    await openDemo(page, device);
    await page.locator("#saved-file").setInputFiles(path);
    await expectState(page, "encoded");
    await expect(page.locator("#stage")).toHaveAttribute("data-image", "320,240");
    await click(page, places.ball);
    await answered(page);
    const after = await shown(page);
    expect(Math.abs(after.area - before.area)).toBeLessThan(0.05 * before.area);
    await page.locator("#saved-file").setInputFiles({ name: "x.bsam", mimeType: "", buffer: Buffer.from("nothing") });
    await expect(page.locator("#alert")).toHaveAttribute("data-code", "bad-embedding");
    await click(page, places.box);
    await answered(page);
  });
});

test.describe("where the page's own Workers cannot be started", { tag: "@cpu" }, () => {
  // It would have their scripts.
  test.use({ serviceWorkers: "block" });

  test("a wide picture is shown and cut out all the same", async ({ page, device, expectComplaint }) => {
    expectComplaint(/ERR_FAILED/);
    await page.route(/-worker-[\w-]+\.js$/, (route) => route.abort());
    await openDemo(page, device);
    const wide = await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(3000, 200);
      const context = canvas.getContext("2d")!;
      context.fillRect(0, 0, 3000, 200);
      context.fillStyle = "#f40";
      context.fillRect(1300, 50, 400, 100);
      return Array.from(new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer()));
    });
    await page.locator("#file").setInputFiles({ name: "wide.png", mimeType: "image/png", buffer: Buffer.from(wide) });
    await expect(page.locator("#stage")).toHaveAttribute("data-image", "3000,200");
    await click(page, [0.5, 0.5]);
    await answered(page);
    const { opaque } = await look(page, (await save(page, "cutout")).bytes);
    expect(opaque).toBe((await look(page, (await save(page, "save-mask")).bytes)).opaque);
    expect(opaque).toBeGreaterThan(1000);
  });
});
