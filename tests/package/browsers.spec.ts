// The package in other browsers, on the CPU. `cargo xtask test` installs them where it can, and names them.
import { openFirefox, openWebKit, type Driver } from "./drivers.ts";
import { forbidding, frames, framingSite, hasThreads, sites, threadedSite, tour } from "./sites.ts";
import { bestOfPoint } from "../browser/support/safetensors.ts";
import { PATIENCE, UNFINISHED, expect, expectAnswer, test } from "./support.ts";

const browsers = [
  { name: "Firefox", path: process.env["BURN_SAM_FIREFOX"], open: openFirefox },
  { name: "WebKit", path: process.env["BURN_SAM_WEBKIT"], open: openWebKit },
];

test("a tour in Chromium", async ({ page }) => {
  await page.goto(await tour());
  await expect.poll(() => page.evaluate("typeof report"), PATIENCE).toBe("object");
  expectTour(await page.evaluate("report"));
});

for (const { name, path, open } of browsers) {
  test.describe(name, () => {
    test.skip(path === undefined, `no ${name}`);
    let driver: Driver;

    test.beforeAll(async () => {
      if (path === undefined) return;
      driver = await open(path);
      console.log(`    ${driver.name}`);
    });
    test.afterAll(() => driver?.close());

    async function answer(url: string): Promise<string> {
      await driver.goto(url);
      await expect.poll(() => driver.evaluate("document.title"), PATIENCE).not.toBe(UNFINISHED);
      return String(await driver.evaluate("document.title"));
    }

    test("a tour", async () => {
      await driver.goto(await tour());
      await expect.poll(() => driver.evaluate("typeof report"), PATIENCE).toBe("object");
      expectTour(await driver.evaluate("report"));
    });

    for (const [name, open] of Object.entries(sites)) {
      test(name, async () => expectAnswer(await answer(await open())));
    }

    for (const from of ["its own origin", "another"]) {
      test(`threads, the package from ${from}`, async () => {
        test.skip(!hasThreads(), "the module was not built: `cargo xtask build --device threads` does it");
        const title = await answer(await threadedSite(from === "another"));
        expectAnswer(title.replace(/WebAssembly SIMD(, [2-8] threads)?/, "cpu"));
        // WebKitGTK hands no shared memory to Workers.
        if (name === "Firefox") expect(title).toContain("threads");
      });
    }

    for (const [name, { open, missing }] of Object.entries(forbidding)) {
      test(`${name}: the error says what is missing`, async () => {
        const title = await answer(await open());
        expect(title).toMatch(/^unsupported: /);
        expect(title).toContain(missing);
      });
    }

    for (const [name, frame] of Object.entries(frames)) {
      test(`an iframe ${name}`, async () => expectAnswer(await answer(await framingSite(frame))));
    }
  });
}

/** What projects/tour found. */
function expectTour(report: unknown): void {
  const { area, score } = bestOfPoint();
  expect(report).toEqual({
    info: "tiny cpu f32",
    ...{ area, score: expect.closeTo(score, 3) },
    ...{ Blob: area, URL: area, "<img>": area, "<canvas>": area, OffscreenCanvas: area },
    ...{ ImageBitmap: area, ImageData: area, VideoFrame: area },
    "EXIF orientation of a file": [true, true],
    "a batch": [3, true, true],
    "a refined mask": 1,
    "another size": [64, 48, 64 * 48],
    ...{ logits: area, "a bitmap": area, toImageData: area, toBlob: area, cutout: area },
    "a cut-out of the rectangle": [true, true],
    ...{ toRle: area, toCocoRle: [240, 320] },
    "everything mode": [[9, 9, true], true, true],
    "everything, given up": true,
    "saved and opened": area,
    embedding: [1, 128, 32, 32],
    "the model is kept": true,
    "an encode given up": true,
    "a hover overtaken": [true, "no error"],
    "no image": "bad-image",
    "not there": "network",
    "a wrong prompt": "bad-prompt",
    "no checkpoint": "bad-checkpoint",
    "in a Worker of the page's": area,
    "on the page's own thread": area,
    "what auto takes": area,
    "a restart": ["disposed", area],
    "a Sam freed during a call": ["disposed", "disposed"],
    "Symbol.dispose": true,
  });
}
