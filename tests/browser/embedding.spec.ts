// The embedding as a tensor, and as a file to open again.
import { expect, test } from "./support/test.ts";

test("the embedding is a tensor", async ({ bench }) => {
  const result = await bench.evaluate(async () => {
    const { data, shape } = await scene.embedding();
    const finite = data.every(Number.isFinite);
    return {
      shape,
      floats: data instanceof Float32Array,
      length: data.length,
      finite,
      flat: data.every((v) => v === data[0]),
    };
  });
  expect(result).toEqual({ shape: [1, 128, 32, 32], floats: true, length: 128 * 32 * 32, finite: true, flat: false });
});

test("a saved image gives the same masks when it is opened again", async ({ bench }) => {
  const result = await bench.evaluate(async () => {
    const prompt = { points: [{ x: 92.5, y: 128.25 }] };
    const file = await scene.save();
    const { data } = await scene.embedding();
    const before = await scene.segment(prompt);
    const same: boolean[] = [];
    for (const form of [file, new Uint8Array(file), new Blob([file])]) {
      const opened = await sam.open(form);
      const embedding = await opened.embedding();
      same.push(opened.width === scene.width && opened.height === scene.height);
      same.push(embedding.data.every((value, i) => value === data[i]));
      opened.free();
    }
    const opened = await sam.open(file);
    const after = await opened.segment(prompt);
    opened.free();
    before.forEach((mask, i) => {
      const other = at(after, i);
      same.push(mask.score === other.score && iou(mask, other) === 1 && sameLogits(mask.logits, other.logits));
    });
    return { isBuffer: file instanceof ArrayBuffer, bytes: file.byteLength, same };
  });
  expect(result.isBuffer).toBe(true);
  expect(result.bytes).toBeGreaterThan(128 * 16 * 16 * 4);
  expect(result.same).toEqual(Array(9).fill(true));
});

test("a file that is not this model's, or damaged, is refused", async ({ bench }) => {
  const results = await bench.evaluate(async () => {
    const file = new Uint8Array(await scene.save());
    const text = new TextDecoder("latin1").decode(file);
    const changed = (position: number) => {
      const copy = file.slice();
      const value = at([...copy.subarray(position, position + 1)], 0);
      // A digit stays a digit.
      copy[position] = value === 0x30 ? 0x31 : 0x30;
      return copy;
    };
    const hash = text.indexOf(sam.info.hash);
    if (hash < 0) throw new Error("the file does not name the model's hash");
    const files: Record<string, ArrayBuffer | Uint8Array | Blob> = {
      "another model's": changed(hash),
      "a changed value": changed(file.length - 1000),
      "a changed header": changed(20),
      "cut in the data": file.slice(0, file.length - 1),
      "cut in the header": file.slice(0, 30),
      "cut in the first bytes": file.slice(0, 3),
      "too long": new Uint8Array([...file, 0]),
      empty: new ArrayBuffer(0),
      "an image": await fetchBlob("scene.png"),
      "not a file": "file" as unknown as Blob,
    };
    const results: Record<string, unknown> = {};
    for (const [name, file] of Object.entries(files)) results[name] = await outcome(() => sam.open(file));
    results["afterwards"] = await outcome(async () => (await sam.open(file)).free());
    return results;
  });
  const { afterwards, ...refused } = results;
  for (const [name, result] of Object.entries(refused)) {
    expect.soft(result, name).toMatchObject({ ok: false, name: "SamError", code: "bad-embedding" });
  }
  expect(afterwards).toEqual({ ok: true });
});
