// image.everything() on scene.png, compared with what the reference's generator finds with the same weights.
import type { EverythingRecord } from "burn-sam";
import { Fixture, type EverythingCase } from "./support/safetensors.ts";
import { expect, print, test } from "./support/test.ts";

const cases = new Fixture("everything").index.scene;

/** The reference's names → ours. */
function toOptions({ options }: EverythingCase): Record<string, unknown> {
  const camel = (name: string) => name.replace(/_./g, (part) => part.charAt(1).toUpperCase());
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [camel(name), value]));
}

function expectRecords(records: readonly EverythingRecord[], { records: expected }: EverythingCase): void {
  expect(records.map(({ pointCoords }) => pointCoords)).toEqual(expected.map(({ point_coords }) => point_coords));
  expect(records.map(({ cropBox }) => cropBox)).toEqual(expected.map(({ crop_box }) => crop_box));
  for (const [i, { area, bbox, predictedIou, stabilityScore }] of records.entries()) {
    const reference = expected[i]!;
    const scores = Math.max(
      Math.abs(predictedIou - reference.predicted_iou),
      Math.abs(stabilityScore - reference.stability_score),
    );
    expect.soft(scores, `record ${i}: scores`).toBeLessThanOrEqual(1e-3);
    expect.soft(Math.abs(area / reference.area - 1), `record ${i}: area`).toBeLessThanOrEqual(1e-3);
    const shift = Math.max(...bbox.map((value, j) => Math.abs(value - (reference.bbox[j] ?? NaN))));
    expect.soft(shift, `record ${i}: box`).toBeLessThanOrEqual(1);
  }
}

test("everything in the scene: the reference's records in its order", { tag: "@cpu" }, async ({ bench }) => {
  for (const one of cases) {
    const { records, progress, seconds } = await bench.evaluate(async (options) => {
      const progress: { done: number; total: number; candidates: number; fits: boolean }[] = [];
      const started = performance.now();
      const records = await scene.everything({
        ...options,
        onProgress: ({ done, total, candidates }) => {
          const fits = candidates.every(({ mask }) => mask.data.length === mask.width * mask.height);
          progress.push({ done, total, candidates: candidates.length, fits });
        },
      });
      return { records, progress, seconds: (performance.now() - started) / 1000 };
    }, toOptions(one));
    print(`${one.name}: ${records.length} records in ${seconds.toFixed(2)} s`);
    expectRecords(records, one);
    expect(progress.map(({ done }) => done)).toEqual(progress.map(({ done }) => done).sort((a, b) => a - b));
    expect(progress.at(-1)).toMatchObject({ done: progress[0]!.total, total: progress[0]!.total });
    expect(progress.reduce((sum, { candidates }) => sum + candidates, 0)).toBeGreaterThanOrEqual(records.length);
    expect(progress.every(({ fits }) => fits)).toBe(true);
  }
});

test("a few points give the same on every device", async ({ bench }) => {
  const records = await bench.evaluate(async () => {
    const options = { pointsPerSide: 2, predIouThresh: 0.5, stabilityScoreThresh: 0.3 } as const;
    const found = await scene.everything(options);
    const runs = await scene.everything({ ...options, pointsPerBatch: 1, outputMode: "uncompressed_rle" });
    return found.map((record, i) => {
      const { width, height, data } = record.segmentation;
      const inside = at(runs, i).segmentation.counts.filter((_, j) => j % 2 === 1);
      return { size: [width, height], area: record.area, ones: data.filter(Boolean).length, runs: inside };
    });
  });
  expect(records.length).toBeGreaterThan(0);
  for (const { size, area, ones, runs } of records) {
    expect([size, ones]).toEqual([[320, 240], area]);
    expect(runs.reduce((sum, run) => sum + run, 0)).toBe(area);
  }
});

test("everything can be aborted within a batch", { tag: "@cpu" }, async ({ bench }) => {
  const result = await bench.evaluate(async () => {
    const controller = new AbortController();
    const reason = new Error("seen enough");
    const seen: number[] = [];
    const rejected = await scene
      .everything({
        pointsPerSide: 64,
        pointsPerBatch: 8,
        signal: controller.signal,
        onProgress: ({ done }) => {
          seen.push(done);
          controller.abort(reason);
        },
      })
      .catch((error: unknown) => error === reason);
    // Answered after the batch that was under way.
    const [mask] = await scene.segment({ points: [{ x: 92.5, y: 128.25 }] });
    return { rejected, seen, area: mask!.area };
  });
  expect(result).toMatchObject({ rejected: true, seen: [8] });
  expect(result.area).toBeGreaterThan(1000);
});

test("crops are the same from every kind of source", { tag: "@cpu" }, async ({ bench }) => {
  const { same, opened, small } = await bench.evaluate(
    async (options) => {
      const bitmap = await fetchBitmap("scene.png");
      const [canvas, context] = canvasOf(320, 240);
      context.drawImage(bitmap, 0, 0);
      const pixels = context.getImageData(0, 0, 320, 240);
      const answers: unknown[] = [];
      for (const source of ["scene.png", bitmap, canvas, pixels]) {
        const image = await sam.encode(source);
        answers.push(await image.everything({ ...options, outputMode: "coco_rle" }));
        image.free();
      }
      const file = await scene.save();
      const image = await sam.open(file);
      const opened = await outcome(() => image.everything({ cropNLayers: 1 }));
      image.free();
      const small = await outcome(() => scene.everything({ cropNLayers: 2, cropNPointsDownscaleFactor: 32 }));
      const texts = answers.map((answer) => JSON.stringify(answer));
      return { same: texts.every((text) => text === texts[0]) && texts[0]!.length > 100, opened, small };
    },
    toOptions(cases.find(({ name }) => name === "crops")!),
  );
  expect(same).toBe(true);
  expect(opened).toMatchObject({ code: "bad-prompt", message: expect.stringMatching(/^options\.cropNLayers is 1/) });
  expect(small).toMatchObject({
    code: "bad-prompt",
    message: expect.stringMatching(/options\.cropNPointsDownscaleFactor is 32/),
  });
});
