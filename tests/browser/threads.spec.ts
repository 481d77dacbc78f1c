// The CPU's module on several threads: only in a page that is cross-origin isolated, and with the same answers.
import { statSync } from "node:fs";
import { join } from "node:path";
import { checkCase } from "./support/parity.ts";
import { Fixture } from "./support/safetensors.ts";
import { serve } from "./support/server.ts";
import { expect, print, siteFolder, test } from "./support/test.ts";

const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const drawn = new Fixture("tiny_photo");

test.describe("threads", { tag: "@cpu" }, () => {
  let server: Awaited<ReturnType<typeof serve>>;

  test.beforeAll(async () => {
    const file = join(siteFolder(), "node_modules/burn-sam/dist/wasm/threads/burn_sam_bg.wasm");
    test.skip(statSync(file).size < 1000, "the module was not built: `cargo xtask build --device threads` does it");
    server = await serve(siteFolder(), { headers: () => isolated });
  });
  test.afterAll(() => server?.close());

  test("an isolated page has PyTorch's masks, from all threads to the last bit as from one", async ({ page }) => {
    await page.goto(server.url);
    const adapters = await page.evaluate(async () => {
      globalThis.sam = await burnSam.Sam.load({ device: "cpu" });
      globalThis.subject = await sam.encode("scene.png");
      const one = await burnSam.Sam.load({ device: "cpu", threads: 1 });
      const prompt = { points: [{ x: 92.5, y: 128.25 }] };
      const [[many], [few]] = [await subject.segment(prompt), await (await one.encode("scene.png")).segment(prompt)];
      const adapters = { many: sam.info.adapter, few: one.info.adapter, same: sameLogits(many!.logits, few!.logits) };
      one.free();
      return adapters;
    });
    print(adapters.many);
    expect(adapters).toEqual({
      many: expect.stringMatching(/^WebAssembly SIMD, [2-8] threads$/),
      few: "WebAssembly SIMD",
      same: true,
    });
    for (const entry of drawn.index.end_to_end) await checkCase(page, drawn, entry, [320, 240]);
  });

  test("everything else works as on one thread: files, conversion, everything mode", async ({ page }) => {
    await page.goto(server.url);
    const result = await page.evaluate(async () => {
      const sam = await burnSam.Sam.load({ device: "cpu", cache: false });
      const image = await sam.encode("scene.png");
      const again = await burnSam.Sam.load({ model: await sam.saveModel({ half: true }), device: "cpu" });
      const opened = await sam.open(await image.save());
      const [bitmap] = await opened.segment({ points: [{ x: 92.5, y: 128.25 }] }, { output: "bitmap" });
      const records = await image.everything({ pointsPerSide: 4, predIouThresh: 0.6, stabilityScoreThresh: 0.6 });
      return { converted: again.info.adapter, width: bitmap!.data.width, records: records.length };
    });
    expect(result).toEqual({ converted: expect.stringMatching(/threads$/), width: 320, records: expect.any(Number) });
    expect(result.records).toBeGreaterThan(0);
  });

  test("an abort, the loss of a thread, a restart, and the end", async ({ page }) => {
    await page.goto(server.url);
    const results = await page.evaluate(async () => {
      const threads: Worker[] = [];
      globalThis.Worker = class extends Worker {
        constructor(url: string | URL, options?: WorkerOptions) {
          super(url, options);
          if (options?.name === "burn-sam thread") threads.push(this);
        }
      };
      const sam = await burnSam.Sam.load({ device: "cpu" });
      const controller = new AbortController();
      const aborted = await outcome(() =>
        sam.encode("scene.png", { signal: controller.signal, onProgress: () => controller.abort() }),
      );
      const image = await sam.encode("scene.png");
      const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
      // As a thread does that fails.
      const pending = outcome(() => sam.encode("scene.png"));
      const error = { code: "internal", message: "a thread stopped" };
      threads[0]!.dispatchEvent(new MessageEvent("message", { data: { kind: "failed", error } }));
      const [{ ok }, { code }] = [await within(10, pending), await within(10, sam.lost)];
      await within(60, sam.restart());
      const adapter = sam.info.adapter;
      const last = outcome(() => sam.encode("scene.png"));
      sam.free();
      return { aborted, area: mask!.area, ok, code, adapter, last: await within(10, last) };
    });
    expect(results).toMatchObject({
      aborted: { ok: false, name: "AbortError" },
      ok: false,
      code: "internal",
      adapter: expect.stringMatching(/threads$/),
      last: { ok: false, code: "disposed" },
    });
    expect(results.area).toBeGreaterThan(1000);
    await expect.poll(() => page.workers().length, "Workers that are left").toBe(0);
  });

  test("a page that is not isolated has one thread, and so has one where threads cannot be started", async ({
    bench,
    page,
  }) => {
    expect(await bench.evaluate(() => sam.info.adapter)).toBe("WebAssembly SIMD");
    await page.goto(server.url);
    const warning = page.waitForEvent("console", (message) => message.type() === "warning");
    const adapter = await page.evaluate(async () => {
      globalThis.Worker = class extends Worker {
        constructor(url: string | URL, options?: WorkerOptions) {
          // As with a script that the server has lost meanwhile.
          super(options?.name === "burn-sam thread" ? "./lost.js" : url, options);
        }
      };
      return (await burnSam.Sam.load({ device: "cpu" })).info.adapter;
    });
    expect(adapter).toBe("WebAssembly SIMD");
    expect((await warning).text()).toContain("the model runs on one thread");
    await expect.poll(() => page.workers().length, "Workers that are left").toBe(1);
  });

  test("the package on another origin has threads too", async ({ page }) => {
    const anyOrigin = { "Access-Control-Allow-Origin": "*" };
    const cdn = await serve(join(siteFolder(), "node_modules/burn-sam"), { headers: () => anyOrigin });
    try {
      await page.goto(server.url);
      const adapter = await page.evaluate(async (script) => {
        const { Sam } = (await import(script)) as typeof burnSam;
        const sam = await Sam.load({ device: "cpu" });
        await sam.encode("scene.png");
        return sam.info.adapter;
      }, `${cdn.url}dist/index.js`);
      expect(adapter).toMatch(/threads$/);
    } finally {
      await cdn.close();
    }
  });
});
