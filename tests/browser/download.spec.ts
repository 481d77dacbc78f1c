// Checkpoints on their way: kept, gone on with, shared, checked, forgotten. On the CPU: the device does not matter.
import { ModelServer, tiny } from "./support/models.ts";
import { bestOfPoint } from "./support/safetensors.ts";
import { expect, openSite, print, test } from "./support/test.ts";
import { worker } from "./support/worker.ts";
import type { Page } from "@playwright/test";

const AREA = bestOfPoint().area;

/** Loads, segments and frees; what a click gives, and the progress of the download. */
async function areaOf(page: Page, options: object): Promise<{ area: number; bytes: number[] }> {
  return page.evaluate(async (options) => {
    const bytes: number[] = [];
    const onProgress = ({ stage, loaded }: { stage: string; loaded: number }) => {
      if (stage !== "download") return;
      bytes.push(loaded);
      Object.assign(globalThis, { loaded });
    };
    const sam = await burnSam.Sam.load({ device: "cpu", onProgress, ...options });
    const image = await sam.encode("scene.png");
    const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
    sam.free();
    return { area: mask!.area, bytes };
  }, options);
}

/** Breaks the connection that is stalled, when the page has got a part of the file. */
async function breakOff(page: Page, server: ModelServer): Promise<void> {
  await page.waitForFunction(() => Number(Reflect.get(globalThis, "loaded") ?? 0) > 1_000_000);
  server.drop();
}

const cached = (page: Page) =>
  page.evaluate(async () =>
    (await burnSam.Sam.cached()).map(({ date, ...kept }) => ({ ...kept, isNow: Date.now() - date.getTime() < 60_000 })),
  );

test.describe("downloads", { tag: "@cpu" }, () => {
  let server: ModelServer;
  test.beforeEach(async () => {
    server = await ModelServer.start();
  });
  test.afterEach(() => server.close());

  test("a URL is kept, not downloaded twice, listed and forgotten", async ({ page, expectComplaint }) => {
    expectComplaint(/ERR_/);
    const { url } = server;
    expect((await areaOf(page, { model: url })).area).toBe(AREA);
    expect(server.asked()).toEqual(["GET"]);
    const hash = Buffer.from(server.integrity.slice(7), "base64").toString("hex");
    expect(await cached(page)).toEqual([{ url, bytes: tiny.length, hash, isNow: true }]);

    const again = await areaOf(page, { model: url });
    expect(again).toEqual({ area: AREA, bytes: [tiny.length] });
    expect(server.asked()).toEqual(["HEAD"]);
    server.isDown = true;
    expect((await areaOf(page, { model: url })).area).toBe(AREA);
    server.isDown = false;
    server.etag = '"2"';
    server.asked();
    await areaOf(page, { model: url });
    expect(server.asked()).toEqual(["HEAD", "GET"]);

    await page.evaluate((url) => burnSam.Sam.forget(url), url);
    expect(await cached(page)).toEqual([]);
    await areaOf(page, { model: url });
    expect(server.asked()).toEqual(["GET"]);
    await page.evaluate(() => burnSam.Sam.forget());
    expect(await cached(page)).toEqual([]);
  });

  test("a download that breaks off goes on", async ({ page, expectComplaint }) => {
    expectComplaint(/ERR_/);
    server.stallAfter = 3_000_000;
    const loading = areaOf(page, { model: server.url });
    await breakOff(page, server);
    const { area, bytes } = await loading;
    expect(area).toBe(AREA);
    const [first, second, ...rest] = server.asked();
    expect([first, rest]).toEqual(["GET", []]);
    expect(second).toMatch(/^GET \d+-$/);
    const from = Number(second!.slice(4, -1));
    expect(from).toBeGreaterThan(0);
    expect(from).toBeLessThanOrEqual(3_000_000);
    expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
    expect(bytes.at(-1)).toBe(tiny.length);
  });

  test("the next visit goes on with a download that was left", async ({ page }) => {
    server.stallAfter = 4_000_000;
    const { url } = server;
    await page.evaluate(async (model) => {
      const controller = new AbortController();
      const onProgress = ({ loaded }: { loaded: number }) => {
        if (loaded > 2_000_000) controller.abort();
      };
      await outcome(() => burnSam.Sam.load({ device: "cpu", model, signal: controller.signal, onProgress }));
    }, url);
    expect(server.asked()).toEqual(["GET"]);
    expect(await cached(page), "what is incomplete is not listed").toEqual([]);
    await page.reload();
    expect((await areaOf(page, { model: url })).area).toBe(AREA);
    const [request, ...rest] = server.asked();
    expect(rest).toEqual([]);
    expect(Number(/^GET (\d+)-$/.exec(request!)?.[1])).toBeGreaterThan(2_000_000);
    expect(await cached(page)).toMatchObject([{ url, bytes: tiny.length }]);
  });

  test("loads in several tabs share one download", async ({ page, context, expectComplaint }) => {
    expectComplaint(/ERR_/);
    const other = await context.newPage();
    await openSite(other);
    server.stallAfter = 3_000_000;
    const loads = [page, page, other].map((each) => areaOf(each, { model: server.url }));
    await expect.poll(() => server.requests.length).toBe(1);
    // Time enough for the others to ask, if they did.
    await other.waitForTimeout(500);
    expect(server.asked()).toEqual(["GET"]);
    await breakOff(page, server);
    const results = await Promise.all(loads);
    expect(results.map(({ area }) => area)).toEqual([AREA, AREA, AREA]);
    const requests = server.asked();
    expect(requests.filter((request) => request === "HEAD")).toHaveLength(2);
    expect(requests.filter((request) => request.startsWith("GET "))).toHaveLength(1);
    for (const { bytes } of results) expect(bytes.some((loaded) => loaded < tiny.length)).toBe(true);
    await other.close();
  });

  test("a kept file that one tab reads is forgotten by another when it has been read", async ({ page, context }) => {
    const { url } = server;
    const { area } = await areaOf(page, { model: url });
    // In the middle of the file, the Worker waits for an answer.
    const script = worker(
      "gated",
      `let reads = 0;
       const { readAsArrayBuffer } = FileReaderSync.prototype;
       FileReaderSync.prototype.readAsArrayBuffer = function (blob) {
         if (++reads === 5) {
           const request = new XMLHttpRequest();
           request.open("GET", "gate", false);
           request.send();
         }
         return readAsArrayBuffer.call(this, blob);
       };`,
    );
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    let isAsked = false;
    await context.route("**/gate", async (route) => {
      isAsked = true;
      await opened;
      await route.fulfill({ body: "" });
    });
    const other = await context.newPage();
    await openSite(other);
    const loading = areaOf(page, { model: url, assets: { worker: script } });
    await expect.poll(() => isAsked).toBe(true);
    await other.evaluate(() => {
      const state = { isForgotten: false };
      Object.assign(globalThis, { state, forgetting: burnSam.Sam.forget().then(() => (state.isForgotten = true)) });
    });
    await other.waitForTimeout(500);
    expect(await other.evaluate(() => Reflect.get(globalThis, "state"))).toEqual({ isForgotten: false });
    expect(await cached(other)).toHaveLength(1);
    open();
    expect((await loading).area).toBe(area);
    expect(await other.evaluate(() => within(30, Reflect.get(globalThis, "forgetting")))).toBe(true);
    expect(await cached(page)).toEqual([]);
    await other.close();
  });

  test("integrity is checked, of a download and of what is kept", async ({ page }) => {
    const { url, integrity } = server;
    expect((await areaOf(page, { model: url, integrity })).area).toBe(AREA);
    expect((await areaOf(page, { model: url, integrity })).area).toBe(AREA);
    expect(server.asked(), "nobody is asked about a pinned file").toEqual(["GET"]);
    expect(await cached(page)).toMatchObject([{ url, integrity }]);
    const wrong = `sha256-${"A".repeat(43)}=`;
    const refused = await page.evaluate((options) => outcome(() => burnSam.Sam.load({ device: "cpu", ...options })), {
      model: url,
      integrity: wrong,
    });
    expect(refused).toMatchObject({ code: "integrity", message: expect.stringContaining(integrity) });
    expect(await cached(page), "what is wrong is not kept").toMatchObject([{ url, integrity }]);
    const file = await page.evaluate(
      async ({ url, integrity }) => {
        const file = new File([await fetchBlob(url)], "model.safetensors");
        return outcome(() => burnSam.Sam.load({ device: "cpu", model: file, integrity }));
      },
      { url, integrity: wrong },
    );
    expect(file).toMatchObject({ code: "integrity" });
  });

  test("a File is read by slices, and not as a whole", async ({ page }) => {
    const script = worker(
      "counting",
      `const channel = new BroadcastChannel("reads");
       const { readAsArrayBuffer } = FileReaderSync.prototype;
       FileReaderSync.prototype.readAsArrayBuffer = function (blob) {
         channel.postMessage(blob.size);
         return readAsArrayBuffer.call(this, blob);
       };
       const { arrayBuffer } = Blob.prototype;
       Blob.prototype.arrayBuffer = function () {
         channel.postMessage(this.size);
         return arrayBuffer.call(this);
       };`,
    );
    const { reads, area } = await page.evaluate(
      async ({ url, script }) => {
        const reads: number[] = [];
        new BroadcastChannel("reads").onmessage = ({ data }) => reads.push(data as number);
        const model = new File([await fetchBlob(url)], "model.safetensors");
        const sam = await burnSam.Sam.load({ device: "cpu", model, assets: { worker: script } });
        const [mask] = await (await sam.encode("scene.png")).segment({ points: [{ x: 92.5, y: 128.25 }] });
        sam.free();
        return { reads, area: mask!.area };
      },
      { url: server.url, script },
    );
    expect(area).toBe(AREA);
    expect(reads.length).toBeGreaterThan(3);
    print(`${reads.length} reads of at most ${Math.max(...reads)} bytes, of ${tiny.length}`);
    expect(Math.max(...reads)).toBeLessThan(tiny.length);
    expect(await cached(page)).toEqual([]);
  });

  test("a browser without a file system of its own keeps a file in a cache", async ({ page, expectComplaint }) => {
    expectComplaint(/ERR_/);
    const { url } = server;
    const change = "delete StorageManager.prototype.getDirectory;";
    const script = worker("without", change);
    await page.evaluate(change);
    // A download that breaks off goes on, but not on the next visit.
    server.stallAfter = 3_000_000;
    const loading = areaOf(page, { model: url, assets: { worker: script } });
    await breakOff(page, server);
    const { area } = await loading;
    expect(server.asked()).toEqual(["GET", expect.stringMatching(/^GET \d+-$/)]);
    expect(await cached(page)).toMatchObject([{ url, bytes: tiny.length }]);
    const again = await areaOf(page, { model: url, assets: { worker: script } });
    expect(again).toEqual({ area, bytes: [tiny.length] });
    expect(server.asked()).toEqual(["HEAD"]);
    await page.evaluate((url) => burnSam.Sam.forget(url), url);
    expect(await cached(page)).toEqual([]);
    expect(await page.evaluate(async () => (await (await caches.open("burn-sam")).keys()).length)).toBe(0);
  });

  test("a browser that keeps nothing, and one without room", async ({ page, context }) => {
    const { url } = server;
    const script = worker(
      "nothing",
      "delete StorageManager.prototype.getDirectory; delete CacheStorage.prototype.open;",
    );
    for (let visit = 0; visit < 2; visit++) {
      expect((await areaOf(page, { model: url, assets: { worker: script } })).area).toBe(AREA);
      expect(server.asked()).toEqual(["GET"]);
      expect(await cached(page)).toEqual([]);
    }

    const devtools = await context.newCDPSession(page);
    const { origin } = new URL(page.url());
    for (const quotaSize of [1_000_000, 1000]) {
      await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize });
      expect((await areaOf(page, { model: url })).area).toBe(AREA);
      expect(await cached(page)).toEqual([]);
    }
    // Where the browser does not say how much room there is, it runs out in the middle.
    const unsaid = worker("unsaid", "StorageManager.prototype.estimate = async () => ({});");
    await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 2_000_000 });
    server.asked();
    expect((await areaOf(page, { model: url, assets: { worker: unsaid } })).area).toBe(AREA);
    expect(server.asked()).toEqual(["GET"]);
    expect(await cached(page)).toEqual([]);
  });

  test("without a Worker of its own a model is kept too", async ({ page }) => {
    const { url } = server;
    expect((await areaOf(page, { model: url, worker: false })).area).toBe(AREA);
    expect((await areaOf(page, { model: url })).area).toBe(AREA);
    expect(server.asked()).toEqual(["GET", "HEAD"]);
  });

  test("a preset at an address of one's own", async ({ page }) => {
    const assets = { presets: { "mobile-sam": server.url } };
    expect((await areaOf(page, { model: "mobile-sam", assets })).area).toBe(AREA);
    expect(server.asked()).toEqual(["GET"]);
  });

  test("a loaded checkpoint is saved, and loads again", async ({ page }) => {
    const { url } = server;
    const result = await page.evaluate(async (model) => {
      const area = async (model: string | Blob) => {
        const sam = await burnSam.Sam.load({ device: "cpu", model });
        const image = await sam.encode("scene.png");
        const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
        return { sam, mask: mask! };
      };
      const original = await area(model);
      const [whole, half] = [await original.sam.saveModel(), await original.sam.saveModel({ half: true })];
      const [again, smaller] = [await area(whole), await area(half)];
      await burnSam.Sam.forget();
      const gone = await outcome(() => original.sam.saveModel());
      const infos = [original, again, smaller].map(({ sam }) => sam.info.model);
      const overlaps = [again, smaller].map(({ mask }) => iou(mask, original.mask));
      for (const { sam } of [original, again, smaller]) sam.free();
      return { sizes: [whole.size, half.size], infos, overlaps, gone };
    }, url);
    print(`saved: ${result.sizes.join(" and ")} bytes, masks agree by ${result.overlaps.join(" and ")}`);
    expect(result.overlaps[0]).toBe(1);
    expect(result.overlaps[1]).toBeGreaterThan(0.99);
    expect(result.sizes[1]).toBeLessThan(0.6 * result.sizes[0]!);
    expect(result.gone).toMatchObject({ ok: false, code: "bad-checkpoint" });
  });
});
