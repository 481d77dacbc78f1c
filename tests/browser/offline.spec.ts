// Nothing leaves the machine: the model runs in the page.
import { expect, otherSite, site, test } from "./support/test.ts";

test(
  "only files of the site are fetched, and none after loading",
  { tag: "@cpu" },
  async ({ page, context, device, expectComplaint }) => {
    expectComplaint(/ERR_INTERNET_DISCONNECTED/);
    const requests: { method: string; url: string; body: boolean }[] = [];
    context.on("request", (request) => {
      requests.push({ method: request.method(), url: request.url(), body: request.postData() !== null });
    });
    await page.goto(site());
    await page.evaluate(async (device) => {
      globalThis.sam = await burnSam.Sam.load({ device });
    }, device);
    expect(requests.length, "the requests of the page and the Worker").toBeGreaterThan(20);
    expect(
      requests.some(({ url }) => url.endsWith("burn_sam_bg.wasm")),
      "the Worker's requests are seen",
    ).toBe(true);
    for (const { method, url, body } of requests) {
      expect(url.startsWith(site()), url).toBe(true);
      expect([method, body]).toEqual([method === "HEAD" ? "HEAD" : "GET", false]);
    }

    const blob = await page.evaluateHandle(() => fetchBlob("scene.png"));
    requests.length = 0;
    await context.setOffline(true);
    const result = await page.evaluate(
      async ({ blob, url }) => {
        const online = await fetch(url).then(
          () => true,
          () => false,
        );
        const image = await sam.encode(blob);
        const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
        const opened = await sam.open(await image.save());
        const [again] = await opened.segment({ points: [{ x: 92.5, y: 128.25 }] });
        return { online, area: mask!.area, overlap: iou(mask!, again!) };
      },
      { blob, url: otherSite("scene.png") },
    );
    await context.setOffline(false);
    expect(result).toEqual({ online: false, area: expect.any(Number), overlap: 1 });
    expect(result.area).toBeGreaterThan(1000);
    expect(requests.filter(({ url }) => url !== otherSite("scene.png"))).toEqual([]);
  },
);
