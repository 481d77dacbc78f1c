// Everything a browser can draw can be encoded, and the same picture gives the same mask.
import { expect, otherSite, site, test } from "./support/test.ts";

// Reading the pixels is the same on every device.
test.describe("sources", { tag: "@cpu" }, () => {
  test("the same mask from every kind of source", async ({ bench }) => {
    const result = await bench.evaluate(async (url) => {
      const blob = await fetchBlob(url);
      const bitmap = await createImageBitmap(blob);
      const [canvas, context] = canvasOf(320, 240);
      context.drawImage(bitmap, 0, 0);
      const offscreen = new OffscreenCanvas(320, 240);
      offscreen.getContext("2d")!.drawImage(bitmap, 0, 0);
      const [webgl] = canvasOf(320, 240);
      const renderer = document.createElement("canvas").getContext("bitmaprenderer");
      renderer!.transferFromImageBitmap(await createImageBitmap(blob));
      webgl.getContext("2d")!.drawImage(renderer!.canvas as HTMLCanvasElement, 0, 0);
      const image = new Image();
      image.src = url;
      const inDocument = new Image();
      inDocument.src = url;
      inDocument.width = 50;
      document.body.append(inDocument);
      const sources = {
        Blob: blob,
        File: new File([blob], "scene.png", { type: "image/png" }),
        "Blob without a type": new Blob([blob]),
        "relative URL": "scene.png",
        URL: new URL(url),
        "data: URL": canvas.toDataURL(),
        "blob: URL": URL.createObjectURL(blob),
        ImageData: context.getImageData(0, 0, 320, 240),
        ImageBitmap: bitmap,
        "<img> not yet loaded": image,
        "<img> shown small": inDocument,
        "<canvas>": canvas,
        "<canvas> of a bitmaprenderer": renderer!.canvas as HTMLCanvasElement,
        OffscreenCanvas: offscreen,
        VideoFrame: new VideoFrame(canvas, { timestamp: 0 }),
      };
      const points = [{ x: 92.5, y: 128.25 }];
      const [expected] = await scene.segment({ points });
      const overlaps: Record<string, number> = {};
      for (const [name, source] of Object.entries(sources)) {
        const encoded = await sam.encode(source);
        const [mask] = await encoded.segment({ points });
        overlaps[name] = iou(mask!, expected!);
        encoded.free();
      }
      // The caller's own things stay as they were.
      context.clearRect(0, 0, 320, 240);
      context.drawImage(bitmap, 0, 0);
      const kept = {
        bitmap: bitmap.width,
        pixels: sources.ImageData.data.length,
        frame: sources.VideoFrame.displayWidth,
        again: await outcome(async () => (await sam.encode(bitmap)).free()),
      };
      sources.VideoFrame.close();
      inDocument.remove();
      return { overlaps, kept };
    }, site("scene.png"));
    for (const [name, overlap] of Object.entries(result.overlaps)) {
      expect.soft(overlap, `IoU for ${name}`).toBeGreaterThanOrEqual(0.98);
    }
    expect(result.kept).toEqual({ bitmap: 320, pixels: 320 * 240 * 4, frame: 320, again: { ok: true } });
  });

  test("a <video>", async ({ bench }) => {
    const result = await bench.evaluate(async () => {
      const bitmap = await fetchBitmap("scene.png");
      const [canvas, context] = canvasOf(320, 240);
      const video = document.createElement("video");
      const empty = await outcome(() => sam.encode(video));
      video.muted = true;
      video.srcObject = canvas.captureStream();
      const timer = setInterval(() => context.drawImage(bitmap, 0, 0), 50);
      await video.play();
      const image = await sam.encode(video);
      clearInterval(timer);
      const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
      const [expected] = await scene.segment({ points: [{ x: 92.5, y: 128.25 }] });
      image.free();
      return { empty, size: [image.width, image.height], overlap: iou(mask!, expected!) };
    });
    expect(result.empty).toMatchObject({ code: "bad-image", name: "SamError" });
    expect(result.size).toEqual([320, 240]);
    // A video has coarser colours.
    expect(result.overlap).toBeGreaterThan(0.9);
  });

  test("an ImageData of another colour space is converted", async ({ bench }) => {
    const overlap = await bench.evaluate(async () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [320, 240];
      const context = canvas.getContext("2d", { colorSpace: "display-p3" });
      context!.drawImage(await fetchBitmap("scene.png"), 0, 0);
      const data = context!.getImageData(0, 0, 320, 240, { colorSpace: "display-p3" });
      const image = await sam.encode(data);
      const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
      const [expected] = await scene.segment({ points: [{ x: 92.5, y: 128.25 }] });
      image.free();
      return data.colorSpace === "display-p3" ? iou(mask!, expected!) : NaN;
    });
    expect(overlap).toBeGreaterThanOrEqual(0.98);
  });

  test("another origin's image, where that origin allows it", async ({ bench }) => {
    const results = await bench.evaluate(async (url) => {
      const image = new Image();
      image.crossOrigin = "anonymous";
      image.src = url;
      const encode = (source: HTMLImageElement | string) => outcome(async () => (await sam.encode(source)).free());
      return [await encode(image), await encode(url)];
    }, otherSite("open.png"));
    expect(results).toEqual([{ ok: true }, { ok: true }]);
  });
});
