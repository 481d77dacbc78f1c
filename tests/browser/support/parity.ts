// Compares the masks of the page with those that PyTorch computed from the same weights (tools/fixtures).
import type { Page } from "@playwright/test";
import { expect, print } from "./test.ts";
import type { EndToEnd, Fixture } from "./safetensors.ts";

const MIN_IOU = 0.99;
const MAX_SCORE_ERROR = 1e-3;
/** Of the largest logit. */
const MAX_LOGIT_ERROR = 1e-3;

/** Runs one case on `globalThis.subject`, prints how near it comes, and checks that this is near enough. */
export async function checkCase(
  page: Page,
  fixture: Fixture,
  entry: EndToEnd,
  size: readonly [number, number],
): Promise<void> {
  const expected = expectedMasks(fixture, entry, size);
  const prompt = readPrompt(fixture, entry);
  const masks = await page.evaluate(
    async ({ prompt: { mask, ...rest }, multimask }) => {
      const logits = mask && { data: mask.data, width: mask.side, height: mask.side };
      const masks = await subject.segment(logits ? { ...rest, mask: logits } : rest, { multimask });
      return masks.map(({ score, token, width, height, data, logits }) => ({
        ...{ score, token, width, height, data },
        lowRes: logits.data,
      }));
    },
    { prompt, multimask: entry.multimask },
  );
  expect(masks.map(({ token }) => token).sort()).toEqual(entry.multimask ? [1, 2, 3] : [0]);
  for (const { score, token, width, height, data, lowRes } of masks) {
    const reference = expected.get(token);
    if (reference === undefined) throw new Error(`The fixture has no mask for token ${token}.`);
    expect([width, height]).toEqual(size);
    const iou = iouOf(data, reference.mask);
    const scoreError = Math.abs(score - reference.score);
    const logitError = largestError(lowRes, reference.lowRes);
    print(
      `${entry.name.padEnd(20)} token ${token}: IoU ${iou.toFixed(6)}, score ${score.toFixed(4)} (error ` +
        `${scoreError.toExponential(1)}), low-res logits' error ${logitError.toExponential(1)} of the largest`,
    );
    expect.soft(iou, `IoU of token ${token}`).toBeGreaterThanOrEqual(MIN_IOU);
    expect.soft(scoreError, `error of token ${token}'s score`).toBeLessThanOrEqual(MAX_SCORE_ERROR);
    expect.soft(logitError, `error of token ${token}'s logits`).toBeLessThanOrEqual(MAX_LOGIT_ERROR);
  }
}

function readPrompt(fixture: Fixture, { name, parts }: EndToEnd) {
  const tensor = (part: string): number[] => [...fixture.floats(`e2e/${name}/${part}`)];
  const prompt: {
    points?: { x: number; y: number; label: 0 | 1 }[];
    box?: [number, number, number, number];
    mask?: { data: Float32Array; side: number };
  } = {};
  if (parts.includes("points")) {
    const coordinates = tensor("points");
    const labels = fixture.integers(`e2e/${name}/labels`);
    prompt.points = [...labels].map((label, i) => ({
      x: coordinates[2 * i] ?? NaN,
      y: coordinates[2 * i + 1] ?? NaN,
      label: label === 1 ? 1 : 0,
    }));
  }
  if (parts.includes("box")) prompt.box = tensor("box") as [number, number, number, number];
  if (parts.includes("mask_input")) {
    const data = fixture.floats(`e2e/${name}/mask_input`);
    prompt.mask = { data, side: Math.sqrt(data.length) };
  }
  return prompt;
}

/** By token: several masks are those of the tokens 1 to 3, a single one is that of token 0. */
function expectedMasks(fixture: Fixture, { name, multimask }: EndToEnd, [width, height]: readonly [number, number]) {
  const scores = [...fixture.floats(`e2e/${name}/iou`)];
  const lowRes = fixture.floats(`e2e/${name}/low_res`);
  const length = lowRes.length / scores.length;
  return new Map(
    scores.map((score, i) => [
      multimask ? i + 1 : 0,
      {
        score,
        lowRes: lowRes.subarray(i * length, (i + 1) * length),
        mask: fixture.mask(`e2e/${name}/runs/${i}`, width * height),
      },
    ]),
  );
}

function iouOf(a: Uint8Array, b: Uint8Array): number {
  let [both, either] = [0, 0];
  a.forEach((value, i) => {
    both += value & (b[i] ?? 0);
    either += value | (b[i] ?? 0);
  });
  return both / either;
}

function largestError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let [error, scale] = [0, 0];
  expected.forEach((value, i) => {
    error = Math.max(error, Math.abs((actual[i] ?? NaN) - value));
    scale = Math.max(scale, Math.abs(value));
  });
  return error / scale;
}
