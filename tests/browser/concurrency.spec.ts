// Several calls at once, calls that are given up, images that are freed.
import { expect, test } from "./support/test.ts";

test("two images at once", async ({ bench }) => {
  const { left, right, mirrored } = await bench.evaluate(async () => {
    const blob = await fetchBlob("scene.png");
    const [canvas, context] = canvasOf(320, 240);
    context.scale(-1, 1);
    context.drawImage(await createImageBitmap(blob), -320, 0);
    const [first, second] = await Promise.all([sam.encode(blob), sam.encode(canvas)]);
    const points = [{ x: 92.5, y: 128.25 }];
    const mirroredPoints = [{ x: 320 - 92.5, y: 128.25 }];
    const [[a], [b]] = await Promise.all([first.segment({ points }), second.segment({ points: mirroredPoints })]);
    const [alone] = await scene.segment({ points });
    const flipped = b!.data.map((_, i) => b!.data[i - 2 * (i % 320) + 319] ?? 0);
    const result = {
      left: iou(a!, alone!),
      right: iou(a!, b!),
      mirrored: iou(a!, { width: 320, height: 240, data: flipped }),
    };
    first.free();
    second.free();
    return result;
  });
  expect(left, "the first image's mask, and the same without a second image").toBeGreaterThan(0.999);
  expect(right, "the masks of the two images").toBeLessThan(0.1);
  expect(mirrored, "the second image's mask, mirrored").toBeGreaterThan(0.7);
});

test("segment on another image runs while one is being encoded", { tag: "@cpu" }, async ({ bench }) => {
  const order = await bench.evaluate(async () => {
    const order: string[] = [];
    const encoding = sam.encode(await fetchBlob("scene.png")).then((image) => {
      order.push("encoded");
      image.free();
    });
    await scene.segment({ points: [{ x: 92.5, y: 128.25 }] });
    order.push("segmented");
    await encoding;
    return order;
  });
  expect(order).toEqual(["segmented", "encoded"]);
});

test("encoding reports its progress and can be aborted in the middle", async ({ bench }) => {
  const result = await bench.evaluate(async () => {
    const blob = await fetchBlob("scene.png");
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const seen: { stage: string; loaded: number; total: number }[] = [];
    const aborted = await sam
      .encode(blob, {
        signal: controller.signal,
        onProgress: (progress) => {
          seen.push(progress);
          if (progress.stage === "encode") controller.abort(reason);
        },
      })
      .then(
        () => "resolved",
        (error: unknown) => (error === reason ? "rejected with the reason" : String(error)),
      );
    const early = await sam
      .encode(blob, { signal: AbortSignal.abort(reason) })
      .catch((error: unknown) => error === reason);
    const image = await sam.encode(blob, { onProgress: (progress) => seen.push(progress) });
    const [mask] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
    const [expected] = await scene.segment({ points: [{ x: 92.5, y: 128.25 }] });
    image.free();
    return { aborted, early, overlap: iou(mask!, expected!), seen };
  });
  expect(result.aborted).toBe("rejected with the reason");
  expect(result.early).toBe(true);
  expect(result.overlap).toBeGreaterThan(0.999);
  const aborted = result.seen.findIndex(({ stage }) => stage === "encode");
  expect(result.seen[aborted + 1], "no progress after the abort").toMatchObject({ stage: "read" });
  expect(result.seen.at(-1)).toEqual({
    stage: "encode",
    loaded: expect.any(Number),
    total: result.seen.at(-1)?.loaded,
  });
});

test("segment can be aborted", async ({ bench }) => {
  const aborted = await bench.evaluate(async () => {
    const controller = new AbortController();
    const asked = scene.segment({ points: [{ x: 92.5, y: 128.25 }] }, { signal: controller.signal });
    controller.abort();
    const reason = await asked.catch((error: unknown) => error);
    return reason === controller.signal.reason && reason instanceof DOMException && reason.name;
  });
  expect(aborted).toBe("AbortError");
});

test("freeing an image rejects what is pending on it, and nothing else", async ({ bench }) => {
  const result = await bench.evaluate(async () => {
    const image = await sam.open(await scene.save());
    const points = [{ x: 92.5, y: 128.25 }];
    const pending = [
      outcome(() => image.segment({ points })),
      outcome(() => image.embedding()),
      outcome(() => image.save()),
      outcome(() => scene.segment({ points })),
    ];
    // The calls above have begun when this turn is over.
    await Promise.resolve();
    image.free();
    image.free();
    return { pending: await Promise.all(pending), later: await outcome(() => image.segment({ points })) };
  });
  const disposed = { ok: false, name: "SamError", code: "disposed" };
  expect(result.pending).toMatchObject([disposed, disposed, disposed, { ok: true }]);
  expect(result.later).toMatchObject(disposed);
});

test("freeing the model rejects what is pending and frees its images", { tag: "@cpu" }, async ({ page, device }) => {
  const result = await page.evaluate(async (device) => {
    const sam = await burnSam.Sam.load({ device });
    const blob = await fetchBlob("scene.png");
    const image = await sam.encode(blob);
    const points = [{ x: 92.5, y: 128.25 }];
    const pending = [outcome(() => sam.encode(blob)), outcome(() => image.segment({ points }))];
    await Promise.resolve();
    let lost = false;
    void sam.lost.then(() => (lost = true));
    sam.free();
    const results = await within(10, Promise.all(pending));
    const later = [
      await outcome(() => sam.encode(blob)),
      await outcome(() => image.segment({ points })),
      await outcome(() => sam.restart()),
    ];
    return { results: [...results, ...later], lost };
  }, device);
  for (const each of result.results) expect(each).toMatchObject({ ok: false, name: "SamError", code: "disposed" });
  expect(result.lost, "freed on purpose is not lost").toBe(false);
  await expect.poll(() => page.workers().length, "Workers left").toBe(0);
});
