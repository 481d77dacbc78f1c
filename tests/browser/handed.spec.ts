// What pages hand over while they change it, keep it out of sight or take it from another frame.
import { expect, otherSite, site, test } from "./support/test.ts";

test.describe("handed over", { tag: "@cpu" }, () => {
  test("a lazy <img> that never comes into view is loaded", async ({ bench }) => {
    const result = await bench.evaluate(async (url) => {
      const lazy = (address: string) => {
        const image = new Image();
        image.loading = "lazy";
        image.src = address;
        return image;
      };
      const below = lazy(`${url}?below`);
      below.style.cssText = "position: absolute; top: 100000px";
      document.body.append(below);
      const hidden = lazy(`${url}?hidden`);
      hidden.style.display = "none";
      document.body.append(hidden);
      const mask = { data: new Uint8Array(1).fill(1), width: 1, height: 1 };
      const results: Record<string, unknown> = {};
      for (const [what, image] of Object.entries({ below, hidden, detached: lazy(`${url}?detached`) })) {
        const encoding = async () => (await sam.encode(image)).free();
        results[what] = await within(20, outcome(encoding));
      }
      results["cutout"] = await within(
        20,
        outcome(() => burnSam.cutout(lazy(`${url}?cutout`), mask)),
      );
      below.remove();
      hidden.remove();
      return results;
    }, site("scene.png"));
    const ok = { ok: true };
    expect(result).toEqual({ below: ok, hidden: ok, detached: ok, cutout: ok });
  });

  test("an <img> whose src changes after the call is taken as it was", async ({ bench }) => {
    const result = await bench.evaluate(async (url) => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const encoding = sam.encode(image);
      const mask = { data: new Uint8Array(1).fill(1), width: 1, height: 1 };
      const cutting = burnSam.cutout(image, mask);
      image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
      const { width, height } = await encoding;
      const cut = await createImageBitmap(await cutting);
      return [width, height, cut.width, cut.height];
    }, site("scene.png"));
    expect(result).toEqual([320, 240, 320, 240]);
  });

  test("what is of another frame", async ({ bench }) => {
    const result = await bench.evaluate(async (url) => {
      const frame = document.createElement("iframe");
      document.body.append(frame);
      const there = frame.contentWindow as Window & typeof globalThis;
      const bytes = new there.Uint8Array(await (await fetch(url)).arrayBuffer());
      const canvas = frame.contentDocument!.createElement("canvas");
      [canvas.width, canvas.height] = [320, 240];
      canvas.getContext("2d")!.drawImage(await fetchBitmap(url), 0, 0);
      const pixels = canvas.getContext("2d")!.getImageData(0, 0, 320, 240);
      const sources = { blob: new there.Blob([bytes]), url: new there.URL(url), canvas, pixels };
      const results: Record<string, unknown> = {};
      for (const [what, source] of Object.entries(sources)) {
        results[what] = await outcome(async () => (await sam.encode(source)).free());
      }
      const saved = new there.Uint8Array(await scene.save());
      results["open"] = await outcome(async () => (await sam.open(saved)).free());
      const mask = { data: new there.Uint8Array(320 * 240), width: 320, height: 240 };
      results["mask"] = await outcome(() => scene.segment({ mask }));
      results["cutout"] = await outcome(() => burnSam.cutout(pixels, mask));
      frame.remove();
      return results;
    }, site("scene.png"));
    for (const [what, each] of Object.entries(result)) expect.soft(each, what).toEqual({ ok: true });
  });

  test("a page in the place of the file is told by its address", async ({ bench, device, expectComplaint }) => {
    expectComplaint(/MIME|404|ERR_/);
    const result = await bench.evaluate(async (device) => {
      const load = (options: object) =>
        within(
          30,
          outcome(() => burnSam.Sam.load({ device, ...options })),
        );
      const mask = { data: new Uint8Array(1), width: 1, height: 1 };
      return [
        await load({ model: "index.html" }),
        await load({ model: "Tiny" }),
        await load({ assets: { wasm: "index.html" } }),
        await load({ assets: { wasm: "node_modules/burn-sam/dist/wasm/webgpu/burn_sam_bg.wasm" } }),
        await outcome(() => sam.encode("index.html")),
        await outcome(() => burnSam.cutout("index.html", mask)),
      ];
    }, device);
    expect(result).toMatchObject([
      { code: "bad-checkpoint", message: expect.stringMatching(/\/index\.html, .*a page \(HTML\)/) },
      { code: "network", message: expect.stringMatching(/\/Tiny: .* 404.*did you mean "tiny"\?/) },
      { code: "unsupported", message: expect.stringMatching(/a page \(text\/html.*as assets\.wasm/) },
      { code: "unsupported", message: expect.stringMatching(/is not that of the device cpu/) },
      { code: "bad-image", message: expect.stringMatching(/\/index\.html \(text\/html.*check the address/) },
      { code: "bad-image", message: expect.stringMatching(/\/index\.html \(text\/html.*check the address/) },
    ]);
  });

  test("cutout says of another origin's image what encode says", async ({ bench, expectComplaint }) => {
    expectComplaint(/CORS/);
    expectComplaint(/ERR_FAILED/);
    const result = await bench.evaluate(async (url) => {
      const mask = { data: new Uint8Array(1).fill(1), width: 1, height: 1 };
      const image = new Image();
      image.src = url;
      const closed = await createImageBitmap(new ImageData(1, 1));
      closed.close();
      const sources = [image, closed, url] as const;
      return Promise.all(sources.map((source) => outcome(() => burnSam.cutout(source, mask))));
    }, otherSite("scene.png"));
    expect(result).toMatchObject([
      { code: "bad-image", message: expect.stringContaining("another origin") },
      { code: "bad-image", message: expect.stringContaining("closed") },
      { code: "network", message: expect.stringContaining("Access-Control-Allow-Origin") },
    ]);
  });
});
