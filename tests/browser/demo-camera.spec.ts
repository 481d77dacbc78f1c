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
