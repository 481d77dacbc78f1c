// The kernels of a real GPU, which go through a workgroup's memory: compiled by the browser and compared with PyTorch, though
// SwiftShader is what runs them.
import { checkCase } from "./support/parity.ts";
import { Fixture } from "./support/safetensors.ts";
import { expect, openSite, print, test } from "./support/test.ts";
import { worker } from "./support/worker.ts";

const drawn = new Fixture("tiny_photo");

/** The adapter says that it is no software, and its name with it. */
const pretending = `
  Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { get: () => false });`;

test.describe("a GPU that is no software", { tag: "@webgpu" }, () => {
  test("has PyTorch's masks", async ({ page }) => {
    test.setTimeout(300_000);
    await openSite(page);
    const adapter = await page.evaluate(
      async (worker) => {
        globalThis.sam = await burnSam.Sam.load({ device: "webgpu", assets: { worker } });
        globalThis.subject = await sam.encode("scene.png");
        return sam.info.adapter;
      },
      worker("pretending", pretending),
    );
    print(adapter);
    expect(adapter).not.toContain("(software)");
    for (const entry of drawn.index.end_to_end) await checkCase(page, drawn, entry, [320, 240]);
  });
});
