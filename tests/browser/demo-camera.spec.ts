// A picture from the camera: Chromium's own test pattern.
import { launchOptions } from "./support/chromium.ts";
import { answered, click, expectState, openDemo, screenshot } from "./support/demo.ts";
import { expect, test } from "./support/test.ts";

const { executablePath, args } = launchOptions("cpu");
test.use({
  launchOptions: {
    executablePath,
    args: [...args, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  },
});

test("a picture is taken and segmented, and the camera is let go", { tag: "@cpu" }, async ({ page, device }) => {
  await openDemo(page, device);
  await page.locator("#open-more").click();
  await page.locator("#from-camera").click();
  await expect(page.locator("#camera-shoot")).toBeEnabled();
  await screenshot(page, "demo-cpu-camera");
  const track = await page.locator("#camera-video").evaluateHandle((video) => {
    const [track] = ((video as HTMLVideoElement).srcObject as MediaStream).getTracks();
    return track!;
  });
  await page.locator("#camera-shoot").click();
  await expect(page.locator("#camera-dialog")).toBeHidden();
  await expectState(page, "encoded");
  expect(await track.evaluate(({ readyState }) => readyState)).toBe("ended");
  await click(page, [0.5, 0.5]);
  await answered(page);
});

test("a camera that is allowed after its dialog was closed is let go", { tag: "@cpu" }, async ({ page, device }) => {
  await page.addInitScript(() => {
    const devices = navigator.mediaDevices;
    const ask = devices.getUserMedia.bind(devices);
    // The visitor answers in the order of this list, when the test says so.
    const waiting: (() => void)[] = [];
    devices.getUserMedia = async (constraints) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      const stream = await ask(constraints);
      streams.push(stream);
      return stream;
    };
    const streams: MediaStream[] = [];
    Object.assign(globalThis, { allowNext: () => waiting.shift()?.(), streams });
  });
  await openDemo(page, device);
  const states = () =>
    page.evaluate(() =>
      (globalThis as unknown as { streams: MediaStream[] }).streams.map((stream) => stream.getTracks()[0]?.readyState),
    );
  const allow = () => page.evaluate(() => (globalThis as unknown as { allowNext: () => void }).allowNext());
  const open = async () => {
    await page.locator("#open-more").click();
    await page.locator("#from-camera").click();
  };
  await open();
  await page.keyboard.press("Escape");
  await open();
  await allow();
  await expect.poll(states).toEqual(["ended"]);
  await expect(page.locator("#camera-shoot")).toBeDisabled();
  await allow();
  await expect(page.locator("#camera-shoot")).toBeEnabled();
  expect(await states()).toEqual(["ended", "live"]);
  await page.keyboard.press("Escape");
  await expect.poll(states).toEqual(["ended", "ended"]);
});
