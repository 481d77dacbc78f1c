// A GPU's kernels are compiled while the weights are on their way. Pipelines are counted, not seconds.
import type { Page } from "@playwright/test";
import { ModelServer } from "./support/models.ts";
import { expect, openSite, print, test, type Device } from "./support/test.ts";
import { worker } from "./support/worker.ts";

/** Tells the page of every pipeline that the Worker makes. */
const counting = `
  const channel = new BroadcastChannel("pipelines");
  const { createComputePipeline } = GPUDevice.prototype;
  GPUDevice.prototype.createComputePipeline = function (descriptor) {
    channel.postMessage(null);
    return createComputePipeline.call(this, descriptor);
  };`;

/** Counts from now on. */
async function countPipelines(page: Page): Promise<void> {
  await page.evaluate(() => {
    Object.assign(globalThis, { pipelines: 0 });
    const channel = new BroadcastChannel("pipelines");
    channel.onmessage = () =>
      Object.assign(globalThis, { pipelines: 1 + Number(Reflect.get(globalThis, "pipelines")) });
  });
}

const pipelines = (page: Page) => page.evaluate(() => Number(Reflect.get(globalThis, "pipelines")));

async function begin(page: Page, device: Device, model: string): Promise<void> {
  const assets = { worker: worker("counting", counting) };
  await page.evaluate(
    ({ device, model, assets }) => {
      const controller = new AbortController();
      const loading = burnSam.Sam.load({ device, model, assets, cache: false, signal: controller.signal });
      loading.catch(() => undefined);
      Object.assign(globalThis, { loading, controller });
    },
    { device, model, assets },
  );
}

/** Waits for what was begun, then encodes and asks; the area of the best mask. */
const finish = (page: Page) =>
  page.evaluate(async () => {
    globalThis.sam = await (Reflect.get(globalThis, "loading") as Promise<typeof sam>);
    const image = await sam.encode("scene.png");
    const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
    await image.segment({ points: [{ x: 92.5, y: 128.25 }], mask: mask!.logits });
    sam.free();
    return mask!.area;
  });

test.describe("while the weights are on their way", { tag: "@webgpu" }, () => {
  let server: ModelServer;
  test.beforeEach(async () => {
    server = await ModelServer.start();
  });
  test.afterEach(() => server.close());

  test("every kernel is compiled", async ({ page, device, expectComplaint }) => {
    expectComplaint(/ERR_/);
    await countPipelines(page);
    await begin(page, device, server.url);
    const area = await finish(page);
    const all = await pipelines(page);
    print(`${all} pipelines for a load, an encode and two clicks`);
    expect(all).toBeGreaterThan(20);

    await openSite(page);
    await countPipelines(page);
    server.stallAfter = 1_000_000;
    await begin(page, device, server.url);
    // As many as there are when the rest of the file is still missing.
    await expect.poll(() => pipelines(page), { timeout: 120_000 }).toBe(all);
    server.drop();
    expect(await finish(page)).toBe(area);
    expect(await pipelines(page), "pipelines after the rest had come").toBe(all);
  });

  test("an abort ends it, and costs the next load nothing", async ({ page, device }) => {
    await countPipelines(page);
    server.stallAfter = 1_000_000;
    await begin(page, device, server.url);
    await expect.poll(() => pipelines(page), { timeout: 120_000 }).toBeGreaterThan(0);
    const reason = await page.evaluate(async () => {
      (Reflect.get(globalThis, "controller") as AbortController).abort("enough");
      return (Reflect.get(globalThis, "loading") as Promise<unknown>).catch((error: unknown) => error);
    });
    expect(reason).toBe("enough");
    await expect.poll(() => page.workers().length, "Workers left").toBe(0);
    await begin(page, device, server.url);
    expect(await finish(page)).toBeGreaterThan(0);
  });

  test("a restart compiles again, and free ends one that does", async ({ page, device, expectComplaint }) => {
    expectComplaint(/ERR_/);
    await begin(page, device, server.url);
    await page.evaluate(async () => {
      globalThis.sam = await (Reflect.get(globalThis, "loading") as Promise<typeof sam>);
    });
    await countPipelines(page);
    const restart = () =>
      page.evaluate(() => void Object.assign(globalThis, { loading: sam.restart().then(() => sam) }));
    server.stallAfter = 1_000_000;
    await restart();
    await expect.poll(() => pipelines(page), { timeout: 120_000 }).toBeGreaterThan(0);
    server.drop();
    const area = await page.evaluate(async () => {
      await Reflect.get(globalThis, "loading");
      const image = await sam.encode("scene.png");
      const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
      return mask!.area;
    });
    expect(area).toBeGreaterThan(0);

    const before = await pipelines(page);
    server.stallAfter = 1_000_000;
    await restart();
    await expect.poll(() => pipelines(page), { timeout: 120_000 }).toBeGreaterThan(before);
    const freed = await page.evaluate(() => {
      sam.free();
      return outcome(() => Reflect.get(globalThis, "loading"));
    });
    expect(freed).toMatchObject({ ok: false, code: "disposed" });
    await expect.poll(() => page.workers().length, "Workers left").toBe(0);
  });
});
