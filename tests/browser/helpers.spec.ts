// Helpers that need a canvas. No model is loaded.
import { expect, print, test } from "./support/test.ts";

test.describe("cut-outs", { tag: "@cpu" }, () => {
  /** A blue-green picture, a disc as its mask in 1/`shrink` of its size, and the pixels of the cut-out. */
  const picture = { width: 120, height: 80 };
  const disc = { x: 60, y: 40, radius: 25 };

  for (const shrink of [1, 2]) {
    test(`fade at a soft edge and keep their colours, with a mask of 1/${shrink} of the size`, async ({ page }) => {
      const result = await page.evaluate(
        async ({ picture: { width, height }, disc, shrink }) => {
          const [canvas, context] = canvasOf(width, height);
          const gradient = context.createLinearGradient(0, 0, width, 0);
          gradient.addColorStop(0, "rgb(20 200 60)");
          gradient.addColorStop(1, "rgb(20 60 200)");
          context.fillStyle = gradient;
          context.fillRect(0, 0, width, height);
          const original = context.getImageData(0, 0, width, height).data;
          const [columns, rows] = [width / shrink, height / shrink];
          const data = Uint8Array.from({ length: columns * rows }, (_, i) => {
            const [x, y] = [((i % columns) + 0.5) * shrink, (Math.floor(i / columns) + 0.5) * shrink];
            return Math.hypot(x - disc.x, y - disc.y) < disc.radius ? 1 : 0;
          });
          const mask = { data, width: columns, height: rows };
          const read = async (blob: Blob) => {
            const bitmap = await createImageBitmap(blob);
            const [, target] = canvasOf(bitmap.width, bitmap.height);
            target.drawImage(bitmap, 0, 0);
            return target.getImageData(0, 0, bitmap.width, bitmap.height);
          };
          const soft = await read(await burnSam.cutout(canvas, mask, { feather: 8 }));
          const hard = await read(await burnSam.cutout(canvas, mask));
          const cropped = await read(await burnSam.cutout(canvas, mask, { feather: 8, crop: true }));
          const wrong: string[] = [];
          for (let y = 0, i = 0; y < height; y++) {
            for (let x = 0; x < width; x++, i += 4) {
              // Pixels outside the disc.
              const outside = Math.hypot(x + 0.5 - disc.x, y + 0.5 - disc.y) - disc.radius;
              const alpha = soft.data[i + 3] ?? 0;
              // The average is taken over a square: √2 of its radius, and a pixel for the mask's own steps.
              const far = Math.abs(outside) > 8 * Math.SQRT2 + 2 * shrink;
              if (far && alpha !== (outside > 0 ? 0 : 255)) wrong.push(`opacity ${alpha} at ${x}, ${y}`);
              if (Math.abs(outside) < 0.5 && (alpha < 64 || alpha > 191)) wrong.push(`edge ${alpha} at ${x}, ${y}`);
              if (Math.abs(outside) > 2 * shrink && hard.data[i + 3] !== (outside > 0 ? 0 : 255)) {
                wrong.push(`hard edge at ${x}, ${y}`);
              }
              // A canvas keeps colours multiplied by the opacity.
              for (let c = i; c < i + 3; c++) {
                const difference = Math.abs((soft.data[c] ?? 0) - (original[c] ?? 0));
                if (alpha > 0 && difference > 255 / alpha + 1) wrong.push(`colour ${difference} at ${x}, ${y}`);
              }
            }
          }
          return {
            wrong: wrong.slice(0, 5),
            sizes: [soft, hard, cropped].map((image) => [image.width, image.height]),
            box: burnSam.boundingBox(mask),
          };
        },
        { picture, disc, shrink },
      );
      expect(result.wrong).toEqual([]);
      const [, , width, height] = result.box;
      const whole = [picture.width, picture.height];
      expect(result.sizes).toEqual([whole, whole, [width * shrink + 16, height * shrink + 16]]);
    });
  }

  test("an empty mask leaves nothing, and nothing to crop to", async ({ page }) => {
    const result = await page.evaluate(async () => {
      const [canvas, context] = canvasOf(8, 6);
      context.fillRect(0, 0, 8, 6);
      const mask = { data: new Uint8Array(48), width: 8, height: 6 };
      const bitmap = await createImageBitmap(await burnSam.cutout(canvas, mask, { feather: 3 }));
      const [, target] = canvasOf(8, 6);
      target.drawImage(bitmap, 0, 0);
      const { data } = target.getImageData(0, 0, 8, 6);
      return [data.every((value) => value === 0), await outcome(() => burnSam.cutout(canvas, mask, { crop: true }))];
    });
    expect(result).toEqual([true, expect.objectContaining({ code: "bad-prompt" })]);
  });

  test("an <img> is waited for, and a broken one named", async ({ page }) => {
    const result = await page.evaluate(async () => {
      const mask = { data: new Uint8Array(320 * 240).fill(1), width: 320, height: 240 };
      const image = new Image();
      image.src = "scene.png";
      const { complete } = image;
      const [cut, whole] = await Promise.all(
        [await burnSam.cutout(image, mask), await fetchBlob("scene.png")].map(async (blob) => {
          const bitmap = await createImageBitmap(blob);
          const [, target] = canvasOf(bitmap.width, bitmap.height);
          target.drawImage(bitmap, 0, 0);
          return target.getImageData(0, 0, bitmap.width, bitmap.height).data;
        }),
      );
      const same = cut!.length === whole!.length && cut!.every((value, i) => value === whole![i]);
      return { complete, same, broken: await outcome(() => burnSam.cutout(new Image(), mask)) };
    });
    const broken = { ok: false, code: "bad-image", message: expect.stringContaining("without an address is broken") };
    expect(result).toMatchObject({ complete: false, same: true, broken });
  });

  test("a feather that is none is refused", async ({ page }) => {
    const results = await page.evaluate(async () => {
      const [canvas] = canvasOf(2, 2);
      const mask = { data: new Uint8Array(4).fill(1), width: 2, height: 2 };
      return Promise.all(
        [-1, NaN, Infinity].map((feather) => outcome(() => burnSam.cutout(canvas, mask, { feather }))),
      );
    });
    const refused = { ok: false, code: "bad-prompt", message: expect.stringMatching(/^options\.feather is /) };
    expect(results).toMatchObject([refused, refused, refused]);
  });
});

test("an SVG path covers the mask's pixels", { tag: "@cpu" }, async ({ page }) => {
  const wrong = await page.evaluate(() => {
    const [width, height] = [90, 60];
    const inside = (x: number, y: number) => (x * 5 + y * 3) % 11 < 4 || (Math.hypot(x - 40, y - 30) | 0) % 9 < 4;
    const data = Uint8Array.from({ length: width * height }, (_, i) =>
      inside(i % width, Math.floor(i / width)) ? 1 : 0,
    );
    const path = new Path2D(burnSam.toSvgPath({ data, width, height }));
    const [, context] = canvasOf(width, height);
    const filled = (["evenodd", "nonzero"] as const).map((rule) => {
      context.clearRect(0, 0, width, height);
      context.fill(path, rule);
      return context.getImageData(0, 0, width, height).data;
    });
    return filled.map((pixels) => data.findIndex((value, i) => pixels[4 * i + 3] !== 255 * value));
  });
  expect(wrong).toEqual([-1, -1]);
});

test("files and cut-outs of 4000 × 3000 pixels", { tag: "@cpu" }, async ({ page }) => {
  const times = await page.evaluate(async () => {
    const [width, height] = [4000, 3000];
    const [canvas, context] = canvasOf(width, height);
    context.fillStyle = "#b64";
    context.fillRect(0, 0, width, height);
    const data = new Uint8Array(width * height);
    for (let y = 500; y < 2500; y++) data.fill(1, y * width + 500, y * width + 3500);
    const mask = { data, width, height };
    const { toBlob, cutout } = burnSam;
    const calls = {
      toBlob: () => toBlob(mask),
      cutout: () => cutout(canvas, mask),
      "cutout, feather 20": () => cutout(canvas, mask, { feather: 20 }),
      "cutout, feather 20, crop": () => cutout(canvas, mask, { feather: 20, crop: true }),
    };
    const times: string[] = [];
    for (const [name, call] of Object.entries(calls)) {
      const start = performance.now();
      const { size } = await call();
      times.push(`${name} ${(performance.now() - start).toFixed(0)} ms (${size} bytes)`);
    }
    return times;
  });
  print(times.join(", "));
  expect(times).toHaveLength(4);
});
