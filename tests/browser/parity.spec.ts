// The masks are those that PyTorch computes with the same weights.
import { existsSync } from "node:fs";
import { checkCase } from "./support/parity.ts";
import { photographs } from "./support/paths.ts";
import { Fixture } from "./support/safetensors.ts";
import { expect, print, site, test } from "./support/test.ts";

const drawn = new Fixture("tiny_photo");
for (const entry of drawn.index.end_to_end) {
  test(`PyTorch's masks of scene.png: ${entry.name}`, async ({ bench }) => {
    await checkCase(bench, drawn, entry, [320, 240]);
  });
}

const photographed = new Fixture("tiny_images");
for (const {
  name,
  original_size: [height, width],
  rgb_sha256,
} of photographed.index.images) {
  // One photograph is enough for a device that takes long.
  test(`PyTorch's masks of ${name}`, { tag: name === "truck.jpg" ? [] : "@cpu" }, async ({ page, device }) => {
    test.skip(!existsSync(photographs), `${name} is not part of this repository and not beside it (${photographs})`);
    const { size, hash } = await page.evaluate(
      async ({ url, device }) => {
        const blob = await fetchBlob(url);
        const sam = await burnSam.Sam.load({ device });
        globalThis.scene = await sam.encode(blob);
        const bitmap = await createImageBitmap(blob);
        const [, context] = canvasOf(bitmap.width, bitmap.height);
        context.drawImage(bitmap, 0, 0);
        const rgb = context.getImageData(0, 0, bitmap.width, bitmap.height).data.filter((_, i) => i % 4 !== 3);
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", rgb));
        const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        return { size: [scene.width, scene.height], hash };
      },
      { url: site(`photographs/${name}`), device },
    );
    print(
      `${name}: the browser decodes ${hash === rgb_sha256 ? "the very pixels that Pillow does" : "other pixels than Pillow"}`,
    );
    expect(size).toEqual([width, height]);
    for (const entry of photographed.index.end_to_end) {
      if (entry.image === name) await checkCase(page, photographed, entry, [width, height]);
    }
  });
}
