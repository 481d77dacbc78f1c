// The demo page without a network: after the first visit it opens, loads, encodes and segments all the same.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answered, click, expectState, openScene, places, shown } from "./support/demo.ts";
import { demo } from "./support/paths.ts";
import { serve } from "./support/server.ts";
import { demoSite, expect, test } from "./support/test.ts";

test("offline after the first visit", { tag: "@cpu" }, async ({ page, context, device }) => {
  await page.goto(demoSite(`?device=${device}`));
  await expect(page.locator("body")).toHaveAttribute("data-offline", "ready", { timeout: 60_000 });
  await context.setOffline(true);
  await page.reload();
  await expectState(page, "ready");
  expect(await page.evaluate(() => navigator.onLine)).toBe(false);
  await openScene(page);
  await click(page, places.ball);
  await answered(page);
  expect((await shown(page)).area).toBeGreaterThan(1000);
  await page.getByRole("button", { name: "Cat" }).click();
  await expect(page.locator("#stage")).not.toHaveAttribute("data-image", "320,240");
  await expectState(page, "encoded");
  await context.setOffline(false);
});

test(
  "no file of the page travels twice, and on the next visit none does",
  { tag: "@cpu" },
  async ({ page, device }) => {
    const requests: string[] = [];
    // Files that the browser keeps, but asks the server about: what is asked for again travels again.
    const headers = () => ({ "Cache-Control": "no-cache" });
    const site = await serve(demo, { headers, onRequest: (request) => requests.push(request) });
    const assets = () => requests.filter((request) => request.includes("/assets/")).sort();
    try {
      await page.goto(`${site.url}?device=${device}`);
      await expect(page.locator("body")).toHaveAttribute("data-offline", "ready", { timeout: 60_000 });
      expect(assets()).toEqual([...new Set(assets())]);
      for (const file of [/^GET .*\/tiny-[\w-]+\.safetensors$/, /^GET .*\.wasm$/, /^GET .*\/worker-[\w-]+\.js$/]) {
        expect(assets().filter((request) => file.test(request))).toHaveLength(1);
      }
      const isKeptAgain = () =>
        page.evaluate(async () => {
          const root = await navigator.storage.getDirectory();
          const folder = await root.getDirectoryHandle("burn-sam", { create: true });
          return (await folder.keys().next()).done !== true;
        });
      expect(await isKeptAgain(), "a second copy, by the package").toBe(false);
      requests.length = 0;
      await page.reload();
      await expectState(page, "ready");
      // Nor is anybody asked whether the model is still the latest.
      expect(assets()).toEqual([]);
      expect(requests.filter((request) => request.startsWith("HEAD"))).toEqual([]);
    } finally {
      await site.close();
    }
  },
);

test("offline from a server that redirects index.html to its folder", { tag: "@cpu" }, async ({ page, device }) => {
  const site = await serve(demo, { redirect: (path) => (path === "/index.html" ? "/" : undefined) });
  try {
    await page.goto(`${site.url}?device=${device}`);
    const body = page.locator("body");
    await expect(body).toHaveAttribute("data-offline", "ready", { timeout: 60_000 });
    // The second visit is the service worker's to answer.
    const answer = await page.reload();
    expect(answer?.fromServiceWorker()).toBe(true);
    await expectState(page, "ready");
  } finally {
    await site.close();
  }
});

test("a device's files are kept before it is said that they are", { tag: "@cpu" }, async ({ page, device }) => {
  await page.goto(demoSite(`?device=${device}`));
  await expect(page.locator("body")).toHaveAttribute("data-offline", "ready", { timeout: 60_000 });
  const ask = (name: string) =>
    page.evaluate(async (name) => {
      const { active } = await navigator.serviceWorker.ready;
      const { port1, port2 } = new MessageChannel();
      const answer = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
      active?.postMessage({ device: name }, [port2]);
      const kept = await answer;
      const [cache = ""] = (await caches.keys()).filter((name) => name.startsWith("burn-sam-page-"));
      const files = (await (await caches.open(cache)).keys()).map(({ url }) => new URL(url).pathname);
      return { kept, modules: files.filter((file) => /^\/assets\/webgpu-.*\.wasm$/.test(file)).length };
    }, name);
  expect(await ask("cpu")).toEqual({ kept: true, modules: 0 });
  expect(await ask("webgpu")).toEqual({ kept: true, modules: 1 });
});

test("the page can be installed", { tag: "@cpu" }, async ({ page, device }) => {
  await page.goto(demoSite(`?device=${device}`));
  const client = await page.context().newCDPSession(page);
  const { errors, url } = await client.send("Page.getAppManifest");
  expect(errors).toEqual([]);
  expect(url).toBe(demoSite("manifest.webmanifest"));
  const { installabilityErrors } = await client.send("Page.getInstallabilityErrors");
  // Tests run in a window that installs nothing.
  const others = installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito");
  expect(others).toEqual([]);
});

test(
  "a new version waits until it is asked for, and the session goes on",
  { tag: "@cpu" },
  async ({ page, device }) => {
    const folder = mkdtempSync(join(tmpdir(), "burn-sam-update-"));
    cpSync(demo, folder, { recursive: true });
    const site = await serve(folder);
    try {
      await page.goto(`${site.url}?device=${device}`);
      const [body, alert] = [page.locator("body"), page.locator("#alert")];
      await expect(body).toHaveAttribute("data-offline", "ready", { timeout: 60_000 });
      await openScene(page);
      await click(page, places.ball);
      await answered(page);
      const before = await shown(page);
      const script = join(folder, "sw.js");
      writeFileSync(script, readFileSync(script, "utf8").replace(/(version\\?":\\?")\w+/, "$1next"));
      await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update());
      await expect(alert).toContainText("A new version", { timeout: 60_000 });
      await click(page, places.box);
      await answered(page);
      expect((await shown(page)).points).toHaveLength(before.points.length + 1);
      const loaded = page.waitForEvent("load");
      await alert.getByRole("button", { name: "Update" }).click();
      await loaded;
      await expectState(page, "ready");
      const caches = await page.evaluate(async () =>
        (await self.caches.keys()).filter((name) => name.includes("page")),
      );
      expect(caches).toEqual(["burn-sam-page-next"]);
    } finally {
      await site.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
