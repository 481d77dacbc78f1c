// The masks are those that PyTorch computes with the same weights.
import { existsSync } from "node:fs";
import { checkCase } from "./support/parity.ts";
import { photographs } from "./support/paths.ts";
import { Fixture } from "./support/safetensors.ts";
import { print, site, test } from "./support/test.ts";

const drawn = new Fixture("tiny_photo");
for (const entry of drawn.index.end_to_end) {
  test(`PyTorch's masks of scene.png: ${entry.name}`, async ({ bench }) => {
    await bench.evaluate(() => void (globalThis.subject = scene));
    await checkCase(bench, drawn, entry, [320, 240]);
  });
}

const photographed = new Fixture("tiny_images");
for (const { name, original_size: size, rgb_sha256 } of photographed.index.images) {
  // One photograph is enough for a device that takes long.
  test(`PyTorch's masks of ${name}`, { tag: name === "truck.jpg" ? [] : "@cpu" }, async ({ bench }) => {
    test.skip(!existsSync(photographs), `${name} is not part of this repository and not beside it (${photographs})`);
    const [height, width] = size;
    const hash = await bench.evaluate(
      async (url) => {
        const blob = await fetchBlob(url);
        globalThis.subject = await sam.encode(blob);
        const [, context] = canvasOf(subject.width, subject.height);
        context.drawImage(await createImageBitmap(blob), 0, 0);
        const { data } = context.getImageData(0, 0, subject.width, subject.height);
        const rgb = data.filter((_, i) => i % 4 !== 3);
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", rgb));
        return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      },
      site(`photographs/${name}`),
    );
    const same = hash === rgb_sha256;
    print(`${name}: the browser decodes ${same ? "the very pixels that Pillow does" : "other pixels than Pillow"}`);
    for (const entry of photographed.index.end_to_end) {
      if (entry.image === name) await checkCase(bench, photographed, entry, [width, height]);
    }
    await bench.evaluate(() => subject.free());
  });
}
