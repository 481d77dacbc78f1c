// After the Worker or the device is gone nothing hangs, and the model comes back.
import type { Page } from "@playwright/test";
import { expect, test, type Device } from "./support/test.ts";

/** What a caller sees of a loss that `cause` brings about: what was pending, what comes later, and the way back. */
async function lose(page: Page, device: Device, cause: () => Promise<unknown>) {
  await page.evaluate(async (device) => {
    globalThis.sam = await burnSam.Sam.load({ device });
    globalThis.scene = await sam.encode(await fetchBlob("scene.png"));
  }, device);
  // Pending while it happens: the first has done a step of many, and the second takes turns with it.
  const pending = page.evaluate(async () => {
    const blob = await fetchBlob("scene.png");
    const begun = Promise.withResolvers<void>();
    const onProgress = ({ stage }: { stage: string }) => stage === "encode" && begun.resolve();
    const calls = [outcome(() => sam.encode(blob, { onProgress })), outcome(() => sam.encode(blob))];
    await begun.promise;
    document.title = "encoding";
    return within(60, Promise.all(calls));
  });
  // Caught at once: until it is awaited, its failure would count as unhandled.
  const settled = pending.catch((error: unknown) => error);
  await expect.poll(() => page.title(), { timeout: 120_000, intervals: [20] }).toBe("encoding");
  await cause();
  const outcomes = await settled;
  const after = await page.evaluate(async () => {
    const lost = await within(10, sam.lost);
    const later = [
      await outcome(() => sam.encode("scene.png")),
      await outcome(() => scene.segment({})),
      await outcome(() => scene.save()),
    ];
    const isSamError = lost instanceof burnSam.SamError;
    return { lost: { code: lost.code, message: lost.message, isSamError }, later };
  });
  return { pending: outcomes, ...after };
}

async function expectRecovery(page: Page, device: Device): Promise<void> {
  const result = await page.evaluate(async (device) => {
    const points = [{ x: 92.5, y: 128.25 }];
    await within(120, sam.restart());
    const image = await sam.encode(await fetchBlob("scene.png"));
    const [mask] = await image.segment({ points });
    const old = await outcome(() => scene.segment({}));
    let lost = false;
    void sam.lost.then(() => (lost = true));
    await Promise.resolve();
    sam.free();
    const fresh = await burnSam.Sam.load({ device });
    const [again] = await (await fresh.encode(await fetchBlob("scene.png"))).segment({ points });
    return { area: mask!.area, old, lost, overlap: iou(mask!, again!) };
  }, device);
  expect(result.area).toBeGreaterThan(1000);
  expect(result.old, "an image from before the loss").toMatchObject({ ok: false, name: "SamError" });
  expect(result.lost, "the restarted model").toBe(false);
  expect(result.overlap).toBeGreaterThan(0.999);
}

test("an error that nobody catches in the Worker", async ({ page, device, expectComplaint }) => {
  expectComplaint(/boom/);
  const result = await lose(page, device, async () => {
    await page.workers()[0]?.evaluate(() =>
      setTimeout(() => {
        throw new Error("boom");
      }),
    );
  });
  const lost = { ok: false, name: "SamError", code: expect.stringMatching(/^(device-lost|internal)$/) };
  expect(result.pending).toMatchObject([lost, lost]);
  expect(result.later).toMatchObject([lost, lost, lost]);
  expect(result.lost).toMatchObject({ isSamError: true, message: expect.stringMatching(/restart/) });
  await expectRecovery(page, device);
});

test("a Worker that ends without a word", { tag: "@cpu" }, async ({ page, device }) => {
  const result = await lose(page, device, async () => {
    await page
      .workers()[0]
      ?.evaluate(() => self.close())
      .catch(() => undefined);
  });
  const lost = { ok: false, name: "SamError", code: expect.stringMatching(/^(device-lost|internal)$/) };
  expect(result.pending).toMatchObject([lost, lost]);
  expect(result.later).toMatchObject([lost, lost, lost]);
  await expectRecovery(page, device);
});

test("a GPU process that crashes", async ({ page, browser, device }) => {
  test.skip(device === "cpu", "the CPU is always there");
  const result = await lose(page, device, async () => {
    const session = await browser.newBrowserCDPSession();
    await session.send("Browser.crashGpuProcess");
    await session.detach();
  });
  const lost = { ok: false, name: "SamError", code: "device-lost" };
  expect(result.pending).toMatchObject([lost, lost]);
  expect(result.later).toMatchObject([lost, lost, lost]);
  expect(result.lost).toMatchObject({ isSamError: true, message: expect.stringMatching(/restart/) });
  await expectRecovery(page, device);
});
