// Whatever cannot work is refused with a code and a sentence, and the next call works.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "./site/page.ts";
import { expect, otherSite, site, siteFolder, test } from "./support/test.ts";

function expectRefusals(results: Readonly<Record<string, Outcome>>, code: string): void {
  for (const [what, result] of Object.entries(results)) {
    expect.soft(result, what).toMatchObject({ ok: false, name: "SamError", code });
    if (!result.ok) expect.soft(result.message, `the sentence for ${what}`).toMatch(/^.{20,400}$/s);
  }
}

// The page and the Worker refuse these before the device is asked.
test.describe("bad input", { tag: "@cpu" }, () => {
  test.afterEach("the next call works", async ({ bench }) => {
    const area = await bench.evaluate(async () => {
      const image = await sam.encode(await fetchBlob("scene.png"));
      const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
      image.free();
      return mask!.area;
    });
    expect(area).toBeGreaterThan(1000);
  });

  test("what is not an image", async ({ bench, expectComplaint }) => {
    expectComplaint(/404/);
    expectComplaint(/ERR_/);
    writeFileSync(join(siteFolder(), "empty.png"), "");
    const results = await bench.evaluate(async () => {
      const [nothing] = canvasOf(0, 0);
      const [flat] = canvasOf(0, 10);
      const scene = await fetchBlob("scene.png");
      const closed = await createImageBitmap(scene);
      closed.close();
      const broken = new Image();
      broken.src = "words.txt";
      const missing = new Image();
      missing.src = "missing.png";
      const frame = new VideoFrame(await createImageBitmap(scene), { timestamp: 0 });
      frame.close();
      const sources: Record<string, unknown> = {
        "an empty file": new Blob([]),
        "an empty file with a type": new Blob([], { type: "image/png" }),
        "a text file": await fetchBlob("words.txt"),
        "a text file that claims to be an image": new Blob(["words"], { type: "image/png" }),
        "an image file cut short in its header": scene.slice(0, 20),
        "a checkpoint": await fetchBlob("node_modules/burn-sam/models/tiny.safetensors"),
        "a URL of a text": "words.txt",
        "a URL of an empty file": "empty.png",
        "a canvas of 0 × 0": nothing,
        "a canvas of 0 × 10": flat,
        "a closed ImageBitmap": closed,
        "a closed VideoFrame": frame,
        "an <img> of a text": broken,
        "an <img> that is not there": missing,
        "an <img> without an address": new Image(),
        null: null,
        undefined,
        "a number": 7,
        "an object": { width: 10, height: 10 },
        "a <div>": document.createElement("div"),
      };
      const results: Record<string, Outcome> = {};
      for (const [what, source] of Object.entries(sources)) {
        results[what] = await within(
          20,
          outcome(() => sam.encode(source as Blob)),
        );
      }
      return results;
    });
    expectRefusals(results, "bad-image");
  });

  test("an image from another origin that does not allow it", async ({ bench, expectComplaint }) => {
    expectComplaint(/CORS/);
    expectComplaint(/ERR_FAILED/);
    const { results, network } = await bench.evaluate(async (url) => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const [canvas, context] = canvasOf(320, 240);
      context.drawImage(image, 0, 0);
      const offscreen = new OffscreenCanvas(320, 240);
      offscreen.getContext("2d")!.drawImage(image, 0, 0);
      const results: Record<string, Outcome> = {};
      const sources = { canvas, offscreen, image, bitmap: await createImageBitmap(image) };
      for (const [what, source] of Object.entries(sources)) {
        results[what] = await within(
          20,
          outcome(() => sam.encode(source)),
        );
      }
      return { results, network: await outcome(() => sam.encode(url)) };
    }, otherSite("scene.png"));
    expectRefusals(results, "bad-image");
    for (const result of Object.values(results)) expect(result).toMatchObject({ message: /another origin/ });
    expect(network).toMatchObject({ ok: false, name: "SamError", code: "network" });
  });

  test("an image that is not there", async ({ bench, expectComplaint }) => {
    expectComplaint(/404/);
    const result = await bench.evaluate((url) => outcome(() => sam.encode(url)), site("missing.png"));
    expect(result).toMatchObject({
      name: "SamError",
      code: "network",
      message: expect.stringMatching(/missing\.png.*404/),
    });
  });

  test("prompts that make no sense are named", async ({ bench }) => {
    const results = await bench.evaluate(async () => {
      const point = { x: 10, y: 10 };
      const mask = { data: new Uint8Array(12), width: 4, height: 3 };
      const prompts: Record<string, unknown> = {
        "points[0].x": { points: [{ x: NaN, y: 10 }] },
        "points[1].y": { points: [point, { x: 10, y: Infinity }] },
        "points[2].x": { points: [point, point, { x: "10", y: 10 }] },
        "points[0].label": { points: [{ ...point, label: 2 }] },
        "points[0]": { points: [null] },
        points: { points: "10,10" },
        "box[2]": { box: [0, 0, -Infinity, 10] },
        "box[0]": { box: [NaN, 0, 10, 10] },
        "box ": { box: [0, 0, 10] },
        "mask.data": { mask: { ...mask, data: [1, 2, 3] } },
        "mask.data ": { mask: { ...mask, width: 5 } },
        "mask.width": { mask: { ...mask, width: 0 } },
        "mask.data[3]": { mask: { data: new Float32Array(12).fill(NaN, 3), width: 4, height: 3 } },
        tokens: { tokens: "words" },
        "tokens[1]": { tokens: [[1, 2], [1]] },
        "prompts[1].points[0].x": [{ points: [point] }, { points: [{ x: NaN, y: 1 }] }],
        "prompts[1]": [{}, null],
        prompt: null,
      };
      const results: Record<string, Outcome> = {};
      for (const [field, prompt] of Object.entries(prompts))
        results[field] = await outcome(() => scene.segment(prompt as object));
      return results;
    });
    expectRefusals(results, "bad-prompt");
    for (const [field, result] of Object.entries(results)) {
      expect.soft(result, field).toMatchObject({ message: expect.stringContaining(field.trim()) });
    }
  });

  test("prompts that only the model can refuse", async ({ bench }) => {
    const results = await bench.evaluate(async () => {
      const prompts: Record<string, object> = {
        "a coordinate beyond f32": { points: [{ x: 1e300, y: 0 }] },
        "logits of another size": { mask: { data: new Float32Array(32 * 32), width: 32, height: 32 } },
        "logits of another shape": { mask: { data: new Float32Array(64 * 64), width: 32, height: 128 } },
        "thousands of points": { points: Array.from({ length: 20000 }, (_, i) => ({ x: i % 320, y: i % 240 })) },
        "tokens of another width": { tokens: [[1, 2, 3]] },
      };
      const results: Record<string, Outcome> = {};
      for (const [what, prompt] of Object.entries(prompts)) {
        results[what] = await outcome(() => scene.segment(prompt));
        results[`${what}, in a batch`] = await outcome(() => scene.segment([{}, prompt]));
      }
      return results;
    });
    expectRefusals(results, "bad-prompt");
    for (const [what, result] of Object.entries(results)) {
      if (what.endsWith("in a batch"))
        expect.soft(result, what).toMatchObject({ message: expect.stringContaining("prompts[1].") });
      else expect.soft(result, what).toMatchObject({ message: expect.not.stringContaining("prompts[") });
    }
  });

  test("a coordinate that only the model's own frame makes infinite", async ({ bench }) => {
    const result = await bench.evaluate(async () => {
      // Two and a half times as large there.
      const [canvas] = canvasOf(100, 100);
      const image = await sam.encode(canvas);
      const result = await outcome(() => image.segment({ points: [{ x: 3e38, y: 0 }] }));
      image.free();
      return result;
    });
    expectRefusals({ result }, "bad-prompt");
    expect(result).toMatchObject({ message: expect.stringContaining("points[0]") });
  });

  test("options that make no sense are named", async ({ bench }) => {
    const results = await bench.evaluate(async () => {
      const options: Record<string, object> = {
        "options.size[0]": { size: [0, 10] },
        "options.size[1]": { size: [10, 10.5] },
        "options.size.height": { size: { width: 10, height: 1e9 } },
        "options.output": { output: "png" },
        "options.threshold": { threshold: NaN },
        "options.multimask": { multimask: 1 },
        "options.signal": { signal: {} },
      };
      const results: Record<string, Outcome> = {};
      for (const [field, option] of Object.entries(options))
        results[field] = await outcome(() => scene.segment({}, option));
      return results;
    });
    expectRefusals(results, "bad-prompt");
    for (const [field, result] of Object.entries(results))
      expect.soft(result).toMatchObject({ message: expect.stringContaining(field) });
  });

  test("what was transferred to somewhere else", async ({ bench }) => {
    const { results, codes } = await bench.evaluate(async () => {
      const detach = (buffer: ArrayBuffer) => structuredClone(buffer, { transfer: [buffer] });
      const pixels = new ImageData(10, 10);
      detach(pixels.data.buffer);
      const file = await scene.save();
      const view = new Uint8Array(file);
      detach(file);
      const model = new ArrayBuffer(100);
      detach(model);
      const results: Record<string, Outcome> = {
        pixels: await outcome(() => sam.encode(pixels)),
        file: await outcome(() => sam.open(file)),
        view: await outcome(() => sam.open(view)),
        model: await outcome(() => burnSam.Sam.load({ model })),
      };
      return { results, codes: ["bad-image", "bad-embedding", "bad-embedding", "bad-checkpoint"] };
    });
    Object.entries(results).forEach(([what, result], i) => expectRefusals({ [what]: result }, codes[i] ?? ""));
  });

  test("cutout tells an address that is dead from a file that is no image", async ({ bench, expectComplaint }) => {
    expectComplaint(/404|ERR_/);
    const results = await bench.evaluate(async () => {
      const mask = { data: new Uint8Array(1), width: 1, height: 1 };
      return [
        await outcome(() => burnSam.cutout("missing.png", mask)),
        await outcome(() => burnSam.cutout("words.txt", mask)),
      ];
    });
    expect(results).toMatchObject([
      { name: "SamError", code: "network" },
      { name: "SamError", code: "bad-image" },
    ]);
  });
});
