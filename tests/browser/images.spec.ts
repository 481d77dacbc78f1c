// Image files of unusual shapes and kinds.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { png, withOrientation } from "./support/images.ts";
import { expect, print, site, siteFolder, test } from "./support/test.ts";

/** Puts a file where the page finds it. */
function publish(name: string, content: Uint8Array): string {
  writeFileSync(join(siteFolder(), name), content);
  return site(name);
}

for (const [width, height] of [
  [1, 1],
  [1, 3000],
  [3000, 1],
] as const) {
  test(`an image of ${width} × ${height}`, { tag: "@cpu" }, async ({ bench }) => {
    const result = await bench.evaluate(
      async ([width, height]) => {
        const [canvas, context] = canvasOf(width, height);
        context.fillStyle = "#c33";
        context.fillRect(0, height / 4, width, height / 2);
        const image = await sam.encode(
          await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve)).then((blob) => blob!),
        );
        const points = [{ x: width / 2, y: height / 2 }];
        const masks = [
          ...(await image.segment({ points })),
          ...(await image.segment({ box: [0, 0, width, height] }, { multimask: false })),
          ...(await image.segment({})),
        ];
        image.free();
        return masks.map(({ width, height, data, score }) => [width, height, data.length, Number.isFinite(score)]);
      },
      [width, height] as const,
    );
    expect(result).toEqual(Array(7).fill([width, height, width * height, true]));
  });
}

// The size of a photograph of 108 megapixels: 432 MB of RGBA, read in bands.
test("an image of 12000 × 9000", { tag: "@cpu" }, async ({ page, device }) => {
  const [width, height] = [12000, 9000];
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    pixels.fill(y < 4500 ? 0 : 1, y * width, (y + 1) * width);
    const half = Math.sqrt(Math.max(0, 1800 ** 2 - (y - 5250) ** 2));
    if (half > 0) pixels.fill(2, y * width + Math.round(3600 - half), y * width + Math.round(3600 + half));
  }
  const palette = [190, 198, 184, 150, 106, 68, 205, 50, 42];
  const url = publish("large.png", png({ width, height, colours: "palette", pixels, palette }));
  const result = await page.evaluate(
    async ({ url, device }) => {
      const sam = await burnSam.Sam.load({ device });
      const started = performance.now();
      const image = await sam.encode(url);
      const seconds = (performance.now() - started) / 1000;
      const encoded = sam.info.wasmMemory;
      const points = [{ x: 3600, y: 5250 }];
      const [small] = await image.segment({ points }, { size: [400, 300] });
      const data = Uint8Array.from({ length: 400 * 300 }, (_, i) =>
        Math.hypot((i % 400) + 0.5 - 120, Math.floor(i / 400) + 0.5 - 175) < 60 ? 1 : 0,
      );
      const overlap = iou(small!, { width: 400, height: 300, data });
      const [full] = await image.segment({ points }, { multimask: false });
      return {
        ...{ size: [image.width, image.height], seconds, encoded, overlap },
        full: [full!.width, full!.height, full!.data.length],
        memory: sam.info.wasmMemory,
      };
    },
    { url, device },
  );
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  print(
    `12000 × 9000: encoded in ${result.seconds.toFixed(1)} s, wasm memory ${megabytes(result.encoded)} MB after it and ` +
      `${megabytes(result.memory)} MB after a mask of all pixels; IoU with the disc as it was drawn ${result.overlap.toFixed(3)}`,
  );
  expect(result.size).toEqual([width, height]);
  expect(result.full).toEqual([width, height, width * height]);
  expect(result.overlap).toBeGreaterThan(0.8);
  expect(result.encoded).toBeLessThan(400e6);
  expect(result.memory, "wasm memory after a mask of all pixels").toBeLessThan(400e6);
});

test("a JPEG turned by its EXIF orientation", { tag: "@cpu" }, async ({ bench }) => {
  // Orientation 6: a quarter turn clockwise, so that (x, y) is shown at (239 - y, x).
  const jpeg = await bench.evaluate(async () => {
    const [canvas, context] = canvasOf(320, 240);
    context.drawImage(await fetchBitmap("scene.png"), 0, 0);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
    return new Uint8Array(await blob!.arrayBuffer());
  });
  const upright = publish("upright.jpg", jpeg);
  const turned = publish("turned.jpg", withOrientation(jpeg, 6));
  const result = await bench.evaluate(
    async ({ upright, turned }) => {
      const [canvas, context] = canvasOf(240, 320);
      context.translate(240, 0);
      context.rotate(Math.PI / 2);
      context.drawImage(await fetchBitmap(upright), 0, 0);
      const points = [{ x: 240 - 128.25, y: 92.5 }];
      const expected = await sam.encode(canvas);
      const [expectedMask] = await expected.segment({ points });
      expected.free();
      const image = new Image();
      image.src = turned;
      const overlaps: number[] = [];
      const sizes: number[][] = [];
      for (const source of [await fetchBlob(turned), turned, image]) {
        const encoded = await sam.encode(source);
        const [mask] = await encoded.segment({ points });
        sizes.push([encoded.width, encoded.height, mask!.width, mask!.height]);
        overlaps.push(iou(mask!, expectedMask!));
        encoded.free();
      }
      return { overlaps, sizes, area: expectedMask!.area };
    },
    { upright, turned },
  );
  expect(result.area).toBeGreaterThan(3000);
  expect(result.sizes).toEqual(Array(3).fill([240, 320, 240, 320]));
  for (const overlap of result.overlaps) expect(overlap).toBeGreaterThanOrEqual(0.98);
});

test("what is fully transparent in a PNG is seen as black", { tag: "@cpu" }, async ({ bench }) => {
  const result = await bench.evaluate(async () => {
    const draw = async (background: string): Promise<Blob> => {
      const [canvas, context] = canvasOf(320, 240);
      context.fillStyle = background;
      context.fillRect(0, 0, 320, 240);
      context.beginPath();
      // Whole pixels: a round edge would have half-transparent ones.
      context.rect(48, 92, 96, 96);
      context.clip();
      context.drawImage(await fetchBitmap("scene.png"), 0, 0);
      return (await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve)))!;
    };
    const segment = async (blob: Blob) => {
      const image = await sam.encode(blob);
      const masks = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
      image.free();
      return masks;
    };
    const [transparent, black] = [await segment(await draw("transparent")), await segment(await draw("black"))];
    return transparent.map((mask, i) => iou(mask, at(black, i)));
  });
  expect(result).toHaveLength(3);
  for (const overlap of result) expect(overlap).toBe(1);
});

test("a greyscale PNG is seen as grey", { tag: "@cpu" }, async ({ bench }) => {
  const grey = await bench.evaluate(async () => {
    const [, context] = canvasOf(320, 240);
    context.drawImage(await fetchBitmap("scene.png"), 0, 0);
    const { data } = context.getImageData(0, 0, 320, 240);
    return Uint8Array.from({ length: 320 * 240 }, (_, i) =>
      Math.round((data[4 * i]! + data[4 * i + 1]! + data[4 * i + 2]!) / 3),
    );
  });
  const rgb = Uint8Array.from({ length: 3 * grey.length }, (_, i) => grey[Math.floor(i / 3)] ?? 0);
  const urls = [
    publish("grey.png", png({ width: 320, height: 240, colours: "grey", pixels: grey })),
    publish("rgb.png", png({ width: 320, height: 240, colours: "rgb", pixels: rgb })),
  ];
  const overlap = await bench.evaluate(async (urls) => {
    const masks = [];
    for (const url of urls) {
      const image = await sam.encode(url);
      masks.push(at(await image.segment({ points: [{ x: 92.5, y: 128.25 }] }), 0));
      image.free();
    }
    return iou(at(masks, 0), at(masks, 1));
  }, urls);
  expect(overlap).toBeGreaterThanOrEqual(0.98);
});
