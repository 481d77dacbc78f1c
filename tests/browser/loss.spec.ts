// After the Worker or the device is gone nothing hangs, and the model comes back. A smaller mishap costs only its call.
import type { Page } from "@playwright/test";
import { launchOptions } from "./support/chromium.ts";
import { expect, openSite, test, type Device } from "./support/test.ts";

const refused = (code: string) => ({ ok: false, name: "SamError", code });

/** scene.png as an encoded image, so that it need not be encoded again. */
async function savedScene(bench: Page): Promise<string> {
  return bench.evaluate(async () => {
    const bytes = new Uint8Array(await scene.save());
    return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
  });
}

interface Loss {
  /** Makes it happen. */
  readonly cause: () => Promise<unknown>;
  /** What pending calls end with, and what `sam.lost` gives. */
  readonly code: "device-lost" | "internal";
}

/** Loads a model, has it encode, and has it lost meanwhile. Nothing may hang; all calls must be refused. */
async function expectLoss(page: Page, device: Device, saved: string, { cause, code }: Loss): Promise<void> {
  await page.evaluate(
    async ({ device, saved }) => {
      globalThis.sam = await burnSam.Sam.load({ device });
      globalThis.scene = await sam.open(Uint8Array.from(atob(saved), (character) => character.charCodeAt(0)));
    },
    { device, saved },
  );
  // Two encodes at any time until it happens, however fast the device is.
  const pending = page.evaluate(async () => {
    const blob = await fetchBlob("scene.png");
    const begun = Promise.withResolvers<void>();
    const onProgress = ({ stage }: { stage: string }) => stage === "encode" && begun.resolve();
    const encodeAgainAndAgain = async () => {
      for (;;) (await sam.encode(blob, { onProgress })).free();
    };
    const calls = [outcome(encodeAgainAndAgain), outcome(encodeAgainAndAgain)];
    await begun.promise;
    document.title = "encoding";
    return within(60, Promise.all(calls));
  });
  // Caught at once: until it is awaited, its failure would count as unhandled.
  const settled = pending.catch((error: unknown) => error);
  await expect.poll(() => page.title(), { timeout: 120_000, intervals: [20] }).toBe("encoding");
  await cause();
  expect(await settled, "pending calls").toMatchObject([refused(code), refused(code)]);
  const after = await page.evaluate(async () => {
    const { code, message, name } = await within(10, sam.lost);
    const later = [
      await outcome(() => sam.encode("scene.png")),
      await outcome(() => scene.segment({})),
      await outcome(() => scene.save()),
    ];
    return { lost: { code, message, name, ok: false }, later };
  });
  expect(after.lost).toMatchObject({ ...refused(code), message: expect.stringMatching(/restart/) });
  expect(after.later, "later calls").toMatchObject(Array(3).fill(refused("device-lost")));
}

async function expectRestart(page: Page): Promise<void> {
  const { area, old, isLost } = await page.evaluate(async () => {
    await within(120, sam.restart());
    const image = await sam.encode("scene.png");
    const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
    let isLost = false;
    void sam.lost.then(() => (isLost = true));
    return { area: mask!.area, old: await outcome(() => scene.segment({})), isLost };
  });
  expect(area).toBeGreaterThan(1000);
  expect(old, "an image from before the loss").toMatchObject(refused("disposed"));
  expect(isLost).toBe(false);
}

async function expectFreshLoad(page: Page, device: Device): Promise<void> {
  const result = await page.evaluate(async (device) => {
    sam.free();
    const fresh = await burnSam.Sam.load({ device });
    return outcome(async () => (await fresh.encode("scene.png")).segment({}));
  }, device);
  expect(result).toEqual({ ok: true });
}

test(
  "an error that nobody catches in the Worker",
  { tag: "@cpu" },
  async ({ bench, page, device, expectComplaint }) => {
    expectComplaint(/boom/);
    const cause = async () => {
      await page.workers()[0]?.evaluate(() => {
        setTimeout(() => {
          throw new Error("boom");
        });
      });
    };
    // As after a panic: that is what it would be if it were not for the test.
    await expectLoss(page, device, await savedScene(bench), { cause, code: "internal" });
    await expectRestart(page);
    await expectFreshLoad(page, device);
  },
);

// The browser fires no event for this.
test("a Worker that ends without a word", { tag: "@cpu" }, async ({ bench, page, device }) => {
  const cause = async () => {
    await page
      .workers()[0]
      ?.evaluate(() => self.close())
      .catch(() => undefined);
  };
  await expectLoss(page, device, await savedScene(bench), { cause, code: "device-lost" });
  await expectRestart(page);
  await expectFreshLoad(page, device);
});

test("an answer that is too large for memory costs nothing but itself", { tag: "@cpu" }, async ({ page, device }) => {
  await page.evaluate(async (device) => {
    globalThis.sam = await burnSam.Sam.load({ device });
    globalThis.scene = await sam.encode("scene.png");
  }, device);
  // As if there were no room for the 320 × 240 floats of an answer.
  await page.workers()[0]?.evaluate(() => {
    globalThis.Float32Array = new Proxy(Float32Array, {
      construct(target, args: [length: number]) {
        if (args[0] > 50_000) throw new RangeError("Array buffer allocation failed");
        return new target(...args);
      },
    });
  });
  const results = await page.evaluate(async () => {
    let isLost = false;
    void sam.lost.then(() => (isLost = true));
    const points = [{ x: 92.5, y: 128.25 }];
    const large = await outcome(() => scene.segment({ points }, { output: "logits" }));
    const small = await outcome(() => scene.segment({ points }, { output: "logits", size: [160, 120] }));
    return { large, small, encode: await outcome(() => sam.encode("scene.png")), isLost };
  });
  expect(results).toMatchObject({ large: refused("out-of-memory"), small: { ok: true }, encode: { ok: true } });
  expect(results.isLost).toBe(false);
});

test("a GPU process that crashes", { tag: "@webgpu" }, async ({ bench, playwright, device }) => {
  // In a browser of its own: all pages of a browser share the process.
  const browser = await playwright.chromium.launch(launchOptions(device));
  try {
    const page = await browser.newPage();
    await openSite(page);
    const cause = async () => {
      const session = await browser.newBrowserCDPSession();
      await session.send("Browser.crashGpuProcess");
    };
    await expectLoss(page, device, await savedScene(bench), { cause, code: "device-lost" });
    await expectRestart(page);
  } finally {
    await browser.close();
  }
});
