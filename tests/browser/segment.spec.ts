// Prompts and options of image.segment(), on scene.png: a ball on the left, a box on the right.
// What a device has no part in, and what parity.spec.ts covers on each, runs on the CPU only.
import { expect, test } from "./support/test.ts";

const ball = { x: 92.5, y: 128.25 };

test("three candidates, best first, with box and area", { tag: "@cpu" }, async ({ bench }) => {
  const masks = await bench.evaluate(async (ball) => {
    const masks = await scene.segment({ points: [ball] });
    return masks.map(({ score, token, bbox, area, data, width, height, logits }) => {
      const rows = Array.from({ length: height }, (_, y) => data.subarray(y * width, (y + 1) * width));
      const [x, y, w, h] = bbox;
      const inBox = rows
        .slice(y, y + h)
        .reduce((sum, row) => sum + row.subarray(x, x + w).reduce((a, b) => a + b, 0), 0);
      const touches =
        rows[y]?.includes(1) &&
        rows[y + h - 1]?.includes(1) &&
        rows.some((row) => row[x]) &&
        rows.some((row) => row[x + w - 1]);
      const { length } = data.filter((value) => value > 1);
      return {
        score,
        token,
        area,
        counted: data.reduce((a, b) => a + b, 0),
        inBox,
        touches,
        strange: length,
        side: logits.width,
      };
    });
  }, ball);
  expect(masks).toHaveLength(3);
  expect(masks.map(({ token }) => token).sort()).toEqual([1, 2, 3]);
  expect(masks.map(({ score }) => score)).toEqual(masks.map(({ score }) => score).sort((a, b) => b - a));
  for (const { area, counted, inBox, touches, strange, side } of masks) {
    expect(area).toBeGreaterThan(1000);
    expect([counted, inBox, touches, strange, side]).toEqual([area, area, true, 0, 128]);
  }
});

test("multimask: false gives the single mask of token 0", { tag: "@cpu" }, async ({ bench }) => {
  const masks = await bench.evaluate(async (ball) => {
    const masks = await scene.segment({ points: [ball] }, { multimask: false });
    return masks.map(({ token, area }) => ({ token, area }));
  }, ball);
  expect(masks).toEqual([{ token: 0, area: expect.any(Number) }]);
});

test("a box is the same from any two opposite corners", { tag: "@cpu" }, async ({ bench }) => {
  const { overlap, same } = await bench.evaluate(async () => {
    const [x0, y0, x1, y1] = [47, 91, 145, 189];
    const [one] = await scene.segment({ box: [x0, y0, x1, y1] }, { multimask: false });
    const [other] = await scene.segment({ box: [x1, y0, x0, y1] }, { multimask: false });
    const { width, height } = scene;
    const data = Uint8Array.from({ length: width * height }, (_, i) =>
      Math.hypot((i % width) + 0.5 - 96, Math.floor(i / width) + 0.5 - 140) < 48 ? 1 : 0,
    );
    const disc = { width, height, data };
    return { overlap: iou(at([one!], 0), disc), same: iou(one!, other!) };
  });
  expect(same).toBe(1);
  expect(overlap, "IoU with the ball as it was drawn").toBeGreaterThan(0.8);
});

test("an earlier answer's logits refine it", { tag: "@cpu" }, async ({ bench }) => {
  const { before, after, overlap } = await bench.evaluate(async (ball) => {
    const [first] = await scene.segment({ points: [ball] });
    const again = await scene.segment(
      { points: [ball, { x: 120, y: 160 }], mask: first!.logits },
      { multimask: false },
    );
    return { before: first!.score, after: again[0]!.score, overlap: iou(first!, again[0]!) };
  }, ball);
  expect(after).toBeGreaterThan(before);
  expect(overlap).toBeGreaterThan(0.6);
});

test("a binary mask of the image is a prompt", async ({ bench }) => {
  const { kept, clamped, small } = await bench.evaluate(async () => {
    const [first] = await scene.segment({ box: [47, 91, 145, 189] }, { multimask: false });
    const refine = async (mask: { data: Uint8Array | Uint8ClampedArray; width: number; height: number }) =>
      at(await scene.segment({ points: [{ x: 92.5, y: 128.25 }], mask }, { multimask: false }), 0);
    const kept = await refine(first!);
    const clamped = await refine({ ...first!, data: new Uint8ClampedArray(first!.data).fill(255, 0, 0) });
    const [half] = await scene.segment({ box: [47, 91, 145, 189] }, { multimask: false, size: [160, 120] });
    return { kept: iou(kept, first!), clamped: iou(kept, clamped), small: iou(kept, await refine(half!)) };
  });
  expect(kept).toBeGreaterThan(0.8);
  expect(clamped).toBe(1);
  expect(small, "a mask of half the resolution says about the same").toBeGreaterThan(0.95);
});

test("extra tokens take part, as rows or concatenated", async ({ bench }) => {
  const result = await bench.evaluate(async (ball) => {
    const points = [ball];
    const rows = [0, 1].map((row) => Array.from({ length: 128 }, (_, i) => Math.sin(i * (row + 1))));
    const [without] = await scene.segment({ points });
    const [withRows] = await scene.segment({ points, tokens: rows });
    const [concatenated] = await scene.segment({ points, tokens: Float32Array.from(rows.flat()) });
    return {
      takesPart: !sameLogits(without!.logits, withRows!.logits),
      same: sameLogits(withRows!.logits, concatenated!.logits),
      wrongLength: await outcome(() => scene.segment({ points, tokens: new Float32Array(100) })),
    };
  }, ball);
  expect(result).toMatchObject({ takesPart: true, same: true, wrongLength: { code: "bad-prompt" } });
});

test("logits above the threshold are the mask", async ({ bench }) => {
  const differences = await bench.evaluate(async (ball) => {
    const prompt = { points: [ball] };
    const logits = await scene.segment(prompt, { output: "logits" });
    const differences: number[] = [];
    for (const threshold of [0, 1.5]) {
      const masks = await scene.segment(prompt, { threshold });
      masks.forEach(({ data }, i) => {
        const values = at(logits, i).data;
        if (values.length !== data.length) throw new Error("other sizes");
        differences.push(values.reduce((sum, value, j) => sum + ((value > threshold ? 1 : 0) !== data[j] ? 1 : 0), 0));
      });
    }
    return differences;
  }, ball);
  expect(differences).toEqual([0, 0, 0, 0, 0, 0]);
});

test("a bitmap is the mask, ready to draw", { tag: "@cpu" }, async ({ bench }) => {
  const result = await bench.evaluate(async (ball) => {
    const [mask] = await scene.segment({ points: [ball] }, { multimask: false });
    const [drawn] = await scene.segment({ points: [ball] }, { multimask: false, output: "bitmap" });
    const [, context] = canvasOf(drawn!.width, drawn!.height);
    context.drawImage(drawn!.data, 0, 0);
    const { data } = context.getImageData(0, 0, drawn!.width, drawn!.height);
    const wrong = mask!.data.findIndex((value, i) => [0, 1, 2, 3].some((c) => data[4 * i + c] !== 255 * value));
    const { data: bitmap, area } = drawn!;
    return {
      isBitmap: bitmap instanceof ImageBitmap,
      size: [bitmap.width, bitmap.height],
      wrong,
      area: area - mask!.area,
    };
  }, ball);
  expect(result).toEqual({ isBitmap: true, size: [320, 240], wrong: -1, area: 0 });
});

test("another resolution on request", { tag: "@cpu" }, async ({ bench }) => {
  const { sizes, ratios } = await bench.evaluate(async (ball) => {
    const [full] = await scene.segment({ points: [ball] }, { multimask: false });
    const [small] = await scene.segment({ points: [ball] }, { multimask: false, size: [160, 120] });
    const [large] = await scene.segment({ points: [ball] }, { multimask: false, size: { width: 640, height: 480 } });
    return {
      sizes: [small!, large!].map(({ width, height, data }) => [width, height, data.length]),
      ratios: [full!.area / small!.area, large!.area / full!.area],
    };
  }, ball);
  expect(sizes).toEqual([
    [160, 120, 160 * 120],
    [640, 480, 640 * 480],
  ]);
  for (const ratio of ratios) expect(Math.abs(ratio / 4 - 1)).toBeLessThan(0.05);
});

test("a batch of prompts answers as each of them alone", async ({ bench }) => {
  const { lengths, overlaps, none } = await bench.evaluate(async () => {
    const prompts = [
      { points: [{ x: 92.5, y: 128.25 }] },
      { points: [{ x: 222, y: 120 }] },
      { box: [183, 63, 287, 169] as const },
      { points: [{ x: 160, y: 212 }], box: [110, 190, 210, 232] as const },
    ];
    const batch = await scene.segment(prompts);
    const overlaps: number[] = [];
    for (const [i, prompt] of prompts.entries()) {
      const masks = await scene.segment(prompt);
      masks.forEach((mask, j) => overlaps.push(iou(mask, at(at(batch, i), j))));
    }
    return { lengths: batch.map(({ length }) => length), overlaps, none: await scene.segment([]) };
  });
  expect(lengths).toEqual([3, 3, 3, 3]);
  for (const overlap of overlaps) expect(overlap).toBeGreaterThan(0.999);
  expect(none).toEqual([]);
});

test("a batch that is given up stops, and other calls get in between", { tag: "@cpu" }, async ({ bench }) => {
  const result = await bench.evaluate(async () => {
    const prompts = Array.from({ length: 500 }, (_, i) => ({ points: [{ x: i % 320, y: i % 240 }] }));
    const time = async (work: () => Promise<unknown>): Promise<number> => {
      const started = performance.now();
      await work();
      return performance.now() - started;
    };
    const few = await time(() => scene.segment(prompts.slice(0, 50), { size: [32, 24] }));
    const controller = new AbortController();
    const given = outcome(() => scene.segment(prompts, { size: [32, 24], signal: controller.signal }));
    const between = await time(() => scene.segment({ points: [{ x: 92.5, y: 128.25 }] }));
    controller.abort();
    const afterwards = await time(() => scene.segment({ points: [{ x: 92.5, y: 128.25 }] }));
    return { given: await given, few, between, afterwards };
  });
  expect(result.given).toMatchObject({ ok: false, name: "AbortError" });
  expect(result.between, "a call in the middle of 500 prompts, against 50 of them").toBeLessThan(result.few);
  expect(result.afterwards, "a call after the abort, against 50 prompts").toBeLessThan(result.few);
});

test("an empty list of points counts as absent", { tag: "@cpu" }, async ({ bench }) => {
  const same = await bench.evaluate(async () => {
    const box = [47, 91, 145, 189] as const;
    const pairs = [
      [await scene.segment({ points: [], box }), await scene.segment({ box })],
      [await scene.segment({ points: [] }), await scene.segment({})],
    ] as const;
    return pairs.map(([a, b]) => sameLogits(at(a, 0).logits, at(b, 0).logits));
  });
  expect(same).toEqual([true, true]);
});

test("points and boxes may lie outside the image", async ({ bench }) => {
  const finite = await bench.evaluate(async () => {
    const prompts = [
      { points: [{ x: -1000, y: 5000 }] },
      { points: [{ x: 1e30, y: -1e30 }] },
      { box: [-50, -50, 400, 300] as const },
      { box: [400, 300, 500, 600] as const },
      {
        points: [
          { x: 92.5, y: 128.25 },
          { x: -5, y: 250, label: 0 as const },
        ],
        box: [-10, 91, 145, 500] as const,
      },
    ];
    const answers = await scene.segment(prompts);
    return answers.flat().every(({ score, logits }) => Number.isFinite(score) && logits.data.every(Number.isFinite));
  });
  expect(finite).toBe(true);
});

test("a newer call overtakes the latest one", async ({ bench }) => {
  const results = await bench.evaluate(async (ball) => {
    const ask = (x: number) => outcome(() => scene.segment({ points: [{ x, y: ball.y }] }, { latest: true }));
    return Promise.all([ask(92), ask(93), ask(94)]);
  }, ball);
  expect(results).toMatchObject([{ code: "superseded" }, { code: "superseded" }, { ok: true }]);
});

test("what is drawn and written of a mask", { tag: "@cpu" }, async ({ bench }) => {
  const result = await bench.evaluate(async (ball) => {
    const [mask] = await scene.segment({ points: [ball] }, { multimask: false });
    const { toRle, toCocoRle, toImageData, toBlob, cutout } = burnSam;
    const rle = toRle(mask!);
    const image = toImageData(mask!, { color: [1, 2, 3, 4] });
    const file = await toBlob(mask!);
    const source = await fetchBlob("scene.png");
    const whole = await createImageBitmap(await cutout(source, mask!));
    const cropped = await createImageBitmap(await cutout(source, mask!, { crop: true }));
    const [, context] = canvasOf(whole.width, whole.height);
    context.drawImage(whole, 0, 0);
    const { data } = context.getImageData(0, 0, whole.width, whole.height);
    return {
      rle: [
        rle.size,
        rle.counts.reduce((a, b) => a + b, 0),
        rle.counts.reduce((a, b, i) => a + (i % 2 ? b : 0), 0) - mask!.area,
      ],
      coco: typeof toCocoRle(mask!).counts,
      image: [...image.data.subarray(4 * mask!.data.indexOf(1), 4 * mask!.data.indexOf(1) + 4)],
      file: [file.type, file.size > 100],
      whole: [whole.width, whole.height],
      cropped: [cropped.width - mask!.bbox[2], cropped.height - mask!.bbox[3]],
      wrongAlpha: mask!.data.findIndex((value, i) => data[4 * i + 3] !== 255 * value),
    };
  }, ball);
  expect(result).toEqual({
    rle: [[240, 320], 320 * 240, 0],
    coco: "string",
    image: [1, 2, 3, 4],
    file: ["image/png", true],
    whole: [320, 240],
    cropped: [0, 0],
    wrongAlpha: -1,
  });
});
