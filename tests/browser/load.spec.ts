// Sam.load: devices, checkpoints, downloads.
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Outcome } from "./site/page.ts";
import { bestOfPoint } from "./support/safetensors.ts";
import { expect, openSite, otherSite, print, site, siteFolder, test } from "./support/test.ts";

const tiny = "node_modules/burn-sam/models/tiny.safetensors";

const AREA = bestOfPoint().area;

test("what was loaded", async ({ bench, device }) => {
  const { info, keys } = await bench.evaluate(() => ({ info: { ...sam.info }, keys: Object.keys(sam.info) }));
  expect(info).toEqual({
    model: "tiny",
    layout: "burn-sam",
    device,
    adapter: expect.stringMatching(/./),
    precision: "f32",
    parameters: 2851760,
    bytes: expect.any(Number),
    imageSize: 512,
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    wasmMemory: expect.any(Number),
  });
  expect(keys).toContain("wasmMemory");
  if (device === "cpu") expect(info.adapter).toBe("WebAssembly SIMD");
});

test("weights in f16 take less memory and give the same masks", async ({ page, device }) => {
  // The built-in model's file is in f16, so nothing is rounded.
  const found = await page.evaluate(async (device) => {
    const answers = [];
    for (const precision of ["f32", "f16"] as const) {
      const sam = await burnSam.Sam.load({ device, precision });
      const image = await sam.encode("scene.png");
      const [mask] = await image.segment({ box: [40, 40, 200, 160] });
      answers.push({ precision: sam.info.precision, bytes: sam.info.bytes, area: mask!.area, score: mask!.score });
      sam.free();
    }
    return answers;
  }, device);
  const [wide, half] = found;
  expect(found.map(({ precision }) => precision)).toEqual(["f32", "f16"]);
  expect(half!.bytes).toBeLessThan(wide!.bytes);
  expect(half).toMatchObject({ area: wide!.area, score: wide!.score });
});

test("auto does not take a GPU that is software", async ({ page }) => {
  const info = await page.evaluate(async () => {
    const sam = await burnSam.Sam.load();
    await (await sam.encode("scene.png")).segment({});
    return { ...sam.info };
  });
  expect(info).toMatchObject({ model: "tiny", device: "cpu" });
});

test("progress is reported in order", { tag: "@cpu" }, async ({ page, device }) => {
  const seen = await page.evaluate(async (device) => {
    const seen: { stage: string; loaded: number; total: number }[] = [];
    const sam = await burnSam.Sam.load({ device, onProgress: (progress) => seen.push(progress) });
    sam.free();
    return seen;
  }, device);
  const stages = seen.map(({ stage }) => stage);
  expect(stages).toEqual([...stages].sort((a, b) => "dcl".indexOf(a[0]!) - "dcl".indexOf(b[0]!)));
  expect(new Set(stages)).toEqual(new Set(["download", "compile", "load"]));
  expect(seen.filter(({ stage }) => stage === "download").at(-1)).toMatchObject({ loaded: 5755768 });
  for (const { loaded, total } of seen) expect(total === 0 || loaded <= total).toBe(true);
});

test("loading can be aborted", { tag: "@cpu" }, async ({ page, device }) => {
  const aborted = await page.evaluate(async (device) => {
    const controller = new AbortController();
    const reason = new Error("another page");
    const onProgress = () => controller.abort(reason);
    const load = () => burnSam.Sam.load({ device, signal: controller.signal, onProgress });
    const results = [await load().catch((error: unknown) => error), await load().catch((error: unknown) => error)];
    return results.map((result) => result === reason);
  }, device);
  expect(aborted).toEqual([true, true]);
  await expect.poll(() => page.workers().length, "Workers left").toBe(0);
});

test("a checkpoint from anywhere", { tag: "@cpu" }, async ({ page, device }) => {
  const results = await page.evaluate(
    async ({ url, device }) => {
      const blob = await fetchBlob(url);
      const buffer = await blob.arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
      const integrity = `sha256-${btoa(String.fromCharCode(...digest))}`;
      const models = {
        preset: "tiny",
        url,
        URL: new URL(url),
        blob,
        file: new File([blob], "a"),
        buffer,
        bytes: new Uint8Array(buffer),
      };
      const results: Record<string, string> = {};
      for (const [kind, model] of Object.entries(models)) {
        const sam = await burnSam.Sam.load({ model, device, integrity });
        results[kind] = `${sam.info.model} ${sam.info.parameters}`;
        sam.free();
      }
      return { results, kept: buffer.byteLength };
    },
    { url: site(tiny), device },
  );
  expect(new Set(Object.values(results.results).map((text) => text.split(" ")[1]))).toEqual(new Set(["2851760"]));
  print(`names of the built-in model, by where it came from: ${JSON.stringify(results.results)}`);
  expect(results.kept, "the caller's buffer").toBe(5755768);
});

test("a .pth that is refused is not kept for the next visit", { tag: "@cpu" }, async ({ page, device }) => {
  writeFileSync(join(siteFolder(), "sam.pth"), Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0, 0]));
  const result = await page.evaluate(async (device) => {
    const refused = await outcome(() => burnSam.Sam.load({ model: "sam.pth", device }));
    return { refused, kept: (await burnSam.Sam.cached()).length };
  }, device);
  expect(result).toMatchObject({ refused: { code: "bad-checkpoint" }, kept: 0 });
});

test("the Worker is not needed", { tag: "@cpu" }, async ({ page, device }) => {
  const area = await page.evaluate(async (device) => {
    const sam = await burnSam.Sam.load({ device, worker: false });
    const image = await sam.encode("scene.png");
    const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
    sam.free();
    return mask!.area;
  }, device);
  expect(area).toBe(AREA);
  expect(page.workers()).toHaveLength(0);
});

test(
  "without a Worker, an image opened while the model is freed does no harm",
  { tag: "@cpu" },
  async ({ page, device }) => {
    const result = await page.evaluate(async (device) => {
      const load = () => burnSam.Sam.load({ device, worker: false });
      const sam = await load();
      const image = await sam.encode("scene.png");
      const file = await image.save();
      const opening = outcome(() => sam.open(new Blob([file])));
      sam.free();
      const again = await load();
      const opened = await within(
        20,
        outcome(async () => (await again.open(file)).segment({})),
      );
      again.free();
      return { opening: await opening, opened };
    }, device);
    expect(result).toMatchObject({ opening: { code: "disposed" }, opened: { ok: true } });
  },
);

test("without a Worker, what was encoded is what was passed", { tag: "@cpu" }, async ({ page, device }) => {
  const result = await page.evaluate(async (device) => {
    const sam = await burnSam.Sam.load({ device, worker: false });
    const [, context] = canvasOf(320, 240);
    context.drawImage(await fetchBitmap("scene.png"), 0, 0);
    const pixels = context.getImageData(0, 0, 320, 240);
    const encoding = sam.encode(pixels);
    structuredClone(pixels.data.buffer, { transfer: [pixels.data.buffer] });
    const image = await encoding;
    const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
    sam.free();
    return { area: mask!.area, left: pixels.data.length };
  }, device);
  expect(result).toEqual({ area: AREA, left: 0 });
});

test("without a Worker, a device of the page's own is none of ours", { tag: "@webgpu" }, async ({ page, device }) => {
  const result = await page.evaluate(async (device) => {
    const loading = burnSam.Sam.load({ device, worker: false });
    const devices: GPUDevice[] = [];
    // Asked for again and again, so that some of it falls into the moment when the module asks for its own.
    while (devices.length < 20) {
      const adapter = await navigator.gpu.requestAdapter();
      devices.push(await adapter!.requestDevice());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const sam = await loading;
    // An error that nobody catches: no buffer may be mapped both for reading (1) and for writing (2).
    const usage = 1 | 2;
    for (const each of devices) {
      each.onuncapturederror = (event) => event.preventDefault();
      each.createBuffer({ size: 4, usage });
      await each.queue.onSubmittedWorkDone();
    }
    const state = await Promise.race([sam.lost, new Promise((resolve) => setTimeout(resolve, 500, "well"))]);
    sam.free();
    for (const each of devices) each.destroy();
    return state;
  }, device);
  expect(result).toBe("well");
});

test("a strict Content-Security-Policy", { tag: "@cpu" }, async ({ page, device }) => {
  await openSite(page, "csp.html");
  const area = await page.evaluate(async (device) => {
    const sam = await burnSam.Sam.load({ device });
    const image = await sam.encode("scene.png");
    const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
    return mask!.area;
  }, device);
  expect(area).toBeGreaterThan(1000);
});

test("the download is kept for the next visit, but not trusted blindly", { tag: "@cpu" }, async ({ page, device }) => {
  const requests: string[] = [];
  page.on("request", (request) =>
    requests.push(`${request.method()} ${new URL(request.url()).pathname.split("/").pop()}`),
  );
  const load = async (options: object) => {
    requests.length = 0;
    await page.evaluate(async (options) => (await burnSam.Sam.load(options)).free(), { device, ...options });
    return requests.filter((request) => request.endsWith("safetensors"));
  };
  expect(await load({ cache: false }), "not kept").toEqual(["GET tiny.safetensors"]);
  expect(await load({}), "the first visit").toEqual(["GET tiny.safetensors"]);
  expect(await load({}), "the second visit asks whether the file has changed").toEqual(["HEAD tiny.safetensors"]);
  expect(await load({ cache: false }), "not used").toEqual(["GET tiny.safetensors"]);
});

test.describe("refusals", { tag: "@cpu" }, () => {
  test("what is not a checkpoint, or a damaged one", async ({ page, device }) => {
    const { results, last } = await page.evaluate(async (device) => {
      const good = new Uint8Array(
        await (await fetchBlob("node_modules/burn-sam/models/tiny.safetensors")).arrayBuffer(),
      );
      const { buffer } = good;
      const headerLength = Number(new DataView(buffer).getBigUint64(0, true));
      const header = JSON.parse(new TextDecoder().decode(good.subarray(8, 8 + headerLength))) as Record<
        string,
        unknown
      >;
      const file = (header: unknown, data: Uint8Array<ArrayBuffer>) => {
        const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
        const length = new Uint8Array(new BigUint64Array([BigInt(text.length)]).buffer);
        return new Blob([length, text, data]);
      };
      const data = good.subarray(8 + headerLength);
      const float = { dtype: "F32", shape: [1] };
      // Tensors lie without gaps: one can be taken away or added only at the end.
      const end = (entry: object) => ("data_offsets" in entry ? (entry.data_offsets as number[])[1] : 0);
      const names = Object.keys(header).filter((key) => key !== "__metadata__");
      const last = names.find((key) => end(header[key]!) === data.length)!;
      const { [last]: _, ...less } = header;
      const entry = header[last] as { shape: number[]; data_offsets: [start: number, end: number] };
      const pth = new Uint8Array(5000);
      pth.set([0x50, 0x4b, 3, 4]);
      const pickle = new Uint8Array(5000);
      pickle.set([0x80, 2, 0x8a, 0x0a]);
      const models: Record<string, Blob> = {
        "cut in the data": new Blob([good.subarray(0, good.length - 4)]),
        "cut in half": new Blob([good.subarray(0, good.length / 2)]),
        "cut in the header": new Blob([good.subarray(0, 100)]),
        "cut in the length": new Blob([good.subarray(0, 5)]),
        empty: new Blob([]),
        "a text": await fetchBlob("words.txt"),
        "an image": await fetchBlob("scene.png"),
        "another model": file({ "fc.weight": { ...float, data_offsets: [0, 4] } }, new Uint8Array(4)),
        "a tensor is missing": file(less, data.subarray(0, entry.data_offsets[0])),
        "a tensor too many": file(
          { ...header, "extra.weight": { ...float, data_offsets: [data.length, data.length + 4] } },
          new Uint8Array([...data, 0, 0, 0, 0]),
        ),
        "a tensor of another shape": file({ ...header, [last]: { ...entry, shape: [1, ...entry.shape] } }, data),
        "offsets that overlap": file({ ...header, "extra.weight": { ...float, data_offsets: [0, 4] } }, data),
        "no tensors": file({}, new Uint8Array(0)),
        "a header that is not JSON": file("{,", new Uint8Array(0)),
        "a header of 2^60 bytes": new Blob([new Uint8Array(new BigUint64Array([2n ** 60n]).buffer), "{}"]),
        zeros: new Blob([new Uint8Array(1000)]),
        "a .pth of PyTorch, cut short": new Blob([pth]),
        "an old .pth of PyTorch, cut short": new Blob([pickle]),
      };
      const results: Record<string, Outcome> = {};
      for (const [what, model] of Object.entries(models)) {
        results[what] = await within(
          30,
          outcome(() => burnSam.Sam.load({ model, device })),
        );
      }
      results["not a source"] = await outcome(() => burnSam.Sam.load({ model: 7 as unknown as Blob }));
      return { results, last };
    }, device);
    for (const [what, result] of Object.entries(results)) {
      if (!result.ok) print(`${what}: ${result.code}: ${result.message}`);
      expect.soft(result, what).toMatchObject({ ok: false, name: "SamError" });
      if (!result.ok) expect.soft(result.code, what).toBe("bad-checkpoint");
    }
    for (const what of ["a tensor is missing", "a tensor of another shape"]) {
      expect.soft(results[what], what).toMatchObject({ message: expect.stringContaining(last) });
    }
    expect.soft(results["a tensor too many"]).toMatchObject({ message: expect.stringContaining("extra.weight") });
    await expect.poll(() => page.workers().length, "Workers left").toBe(0);
  });

  test("a checkpoint that cannot be downloaded, or is another one", async ({ page, device, expectComplaint }) => {
    expectComplaint(/404|ERR_|CORS/);
    // A port where nobody listens: one that was free a moment ago.
    const listener = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => listener.once("listening", resolve));
    const { port } = listener.address() as AddressInfo;
    await new Promise((resolve) => listener.close(resolve));
    const results = await page.evaluate(
      async ({ device, unreachable, forbidden }) => {
        const load = (options: object) =>
          within(
            30,
            outcome(() => burnSam.Sam.load({ device, ...options })),
          );
        return {
          missing: await load({ model: "missing.safetensors" }),
          unreachable: await load({ model: unreachable }),
          forbidden: await load({ model: forbidden }),
          invalid: await load({ model: "http://" }),
          integrity: await load({ integrity: "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }),
          garbage: await load({ integrity: "md5-1" }),
        };
      },
      { device, unreachable: `http://127.0.0.1:${port}/tiny.safetensors`, forbidden: otherSite(tiny) },
    );
    for (const [what, result] of Object.entries(results)) if (!result.ok) print(`${what}: ${result.message}`);
    const network = { ok: false, name: "SamError", code: "network" };
    const integrity = { ok: false, name: "SamError", code: "integrity" };
    expect(results).toMatchObject({
      ...{ missing: network, unreachable: network, forbidden: network, invalid: network },
      ...{ integrity, garbage: integrity },
    });
  });

  test("a device that is not there", async ({ page }) => {
    const results = await page.evaluate(async () => [
      await outcome(() => burnSam.Sam.load({ device: "webgpu" })),
      await outcome(() => burnSam.Sam.load({ device: "tpu" as "cpu" })),
      await outcome(async () => (await burnSam.Sam.load({ device: "auto" })).free()),
    ]);
    expect(results).toMatchObject([
      { name: "SamError", code: "no-webgpu", message: expect.stringContaining('"cpu"') },
      { name: "SamError", code: "unsupported", message: expect.stringContaining("tpu") },
      { ok: true },
    ]);
  });

  test("assets that are not there", async ({ page, device, expectComplaint }) => {
    expectComplaint(/404|ERR_|MIME/);
    const results = await page.evaluate(async (device) => {
      const load = (assets: object) =>
        within(
          30,
          outcome(() => burnSam.Sam.load({ device, assets })),
        );
      return [
        await load({ worker: "missing.js" }),
        await load({ wasm: "missing.wasm" }),
        await load({ model: "missing.safetensors" }),
      ];
    }, device);
    for (const result of results) if (!result.ok) print(result.message);
    const network = { ok: false, name: "SamError", code: "network" };
    expect(results).toMatchObject([network, network, network]);
  });
});
