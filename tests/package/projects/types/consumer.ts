// A project that uses every part of the package with types. `@ts-expect-error`: what must not compile.
import * as burnSam from "burn-sam";
import { Sam, SamError, cutout, toBlob, toCocoRle, toImageData, toPolygons, toRle, toSvgPath } from "burn-sam";
import startModule, { Session } from "burn-sam/wasm";
import type {
  BitmapMask,
  BinaryMask,
  CocoDataset,
  EncodeProgress,
  EverythingRecord,
  LoadOptions,
  LogitsMask,
  Mask,
  Polygon,
  Prompt,
  SamErrorCode,
  SamImage,
  SamInfo,
  SaveProgress,
} from "burn-sam";

export async function load(): Promise<Sam> {
  const options: LoadOptions = {
    model: "tiny",
    device: "auto",
    precision: "auto",
    onProgress: ({ stage, loaded, total }) => {
      const known: "download" | "load" | "compile" = stage;
      console.log(known, loaded / total);
    },
    signal: AbortSignal.timeout(1000),
    integrity: "sha256-",
    cache: false,
    assets: { worker: "worker.js", wasm: { cpu: new URL("https://example.org/cpu.wasm") }, model: "tiny.safetensors" },
    worker: true,
  };
  await Sam.load({ model: new URL("https://example.org/model.safetensors") });
  await Sam.load({ model: new Blob([]) });
  await Sam.load({ model: new ArrayBuffer(8) });
  await Sam.load({ model: new Uint8Array(8) });
  // @ts-expect-error There is no such device.
  await Sam.load({ device: "tpu" });
  // @ts-expect-error A number is not a model.
  await Sam.load({ model: 7 });
  // @ts-expect-error There is no such option.
  await Sam.load({ gpu: true });
  // @ts-expect-error Loading is asynchronous.
  new Sam();
  return Sam.load(options);
}

export async function inspect(sam: Sam): Promise<string> {
  const { model, device, adapter, precision, parameters, imageSize, hash, wasmMemory }: SamInfo = sam.info;
  const known: "webgpu" | "cpu" = device;
  // @ts-expect-error What was loaded does not change.
  sam.info.model = "other";
  const { code } = await sam.lost;
  await sam.restart();
  const onProgress = ({ stage, loaded, total }: SaveProgress) => console.log(stage === "save" && loaded / total);
  const file: Blob = await sam.saveModel({ half: true, signal: AbortSignal.timeout(1000), onProgress });
  console.log(file.size);
  sam.free();
  return [model, known, adapter, precision, parameters * imageSize + wasmMemory, hash, code].join();
}

export async function encode(sam: Sam, video: HTMLVideoElement, frame: VideoFrame): Promise<SamImage> {
  const onProgress = (progress: EncodeProgress): void => console.log(progress.stage === "read");
  await sam.encode("https://example.org/image.jpg", { onProgress, signal: new AbortController().signal });
  await sam.encode(new URL("https://example.org/image.jpg"));
  await sam.encode(new File([], "image.png"));
  await sam.encode(new ImageData(1, 1));
  await sam.encode(await createImageBitmap(frame));
  await sam.encode(document.createElement("canvas"));
  await sam.encode(new OffscreenCanvas(1, 1));
  await sam.encode(new Image());
  await sam.encode(video);
  await sam.encode(frame);
  // @ts-expect-error Bytes without a format are not an image.
  await sam.encode(new Uint8Array(8));
  // @ts-expect-error Neither is a <div>.
  await sam.encode(document.createElement("div"));
  return sam.open(await (await sam.encode(video)).save());
}

export async function segment(image: SamImage, previous: Mask): Promise<BinaryMask> {
  const prompt: Prompt = {
    points: [
      { x: 1, y: 2 },
      { x: 1, y: 2, label: 0 },
    ],
    box: [0, 0, 10, 10],
    mask: previous.logits,
    tokens: [[1, 2, 3]],
  };
  const one: Mask[] = await image.segment(prompt);
  const many: Mask[][] = await image.segment([prompt, { mask: previous }]);
  const logits: LogitsMask[] = await image.segment(prompt, { output: "logits", multimask: false });
  const bitmaps: BitmapMask[][] = await image.segment([prompt], { output: "bitmap", size: [10, 10] });
  await image.segment({}, { size: { width: 10, height: 10 }, threshold: 1, latest: true });
  const bytes: Uint8Array = one[0]!.data;
  const floats: Float32Array = logits[0]!.data;
  const bitmap: ImageBitmap = bitmaps[0]![0]!.data;
  const [x, y, width, height] = many[0]![0]!.bbox;
  const token: 0 | 1 | 2 | 3 = one[0]!.token;
  console.log(bytes, floats, bitmap.width, x + y + width + height, token);
  // @ts-expect-error A box has four numbers.
  await image.segment({ box: [0, 0, 10] });
  // @ts-expect-error Labels are 0 and 1.
  await image.segment({ points: [{ x: 0, y: 0, label: 2 }] });
  // @ts-expect-error A point has two coordinates.
  await image.segment({ points: [{ x: 0 }] });
  // @ts-expect-error Logits know their size.
  await image.segment({ mask: new Float32Array(8) });
  // @ts-expect-error There is no such output.
  await image.segment({}, { output: "png" });
  // @ts-expect-error Without an output there are no floats.
  const wrong: Float32Array = one[0]!.data;
  const { data, shape } = await image.embedding();
  console.log(wrong, data.length, shape.length);
  const [found] = await image.everything({
    onProgress: ({ done, total, candidates }) => console.log(done / total, candidates[0]?.mask.data),
  });
  const pixels: Uint8Array | Uint8ClampedArray = found!.segmentation.data;
  const [compact] = await image.everything({ pointsPerSide: 16, outputMode: "coco_rle" });
  const text: string = compact!.segmentation.counts;
  const record: EverythingRecord = compact!;
  console.log(pixels, text, record.stabilityScore);
  // @ts-expect-error There is no such form.
  await image.everything({ outputMode: "png" });
  // @ts-expect-error The names are not the reference's.
  await image.everything({ points_per_side: 16 });
  image.free();
  return one[0]!;
}

export async function draw(mask: BinaryMask): Promise<unknown[]> {
  const files: Blob[] = [
    await toBlob(mask, { type: "image/webp" }),
    await cutout("image.jpg", mask, { crop: true, feather: 2 }),
  ];
  const counts: readonly number[] = toRle(mask).counts;
  const compressed: string = toCocoRle(mask).counts;
  return [files, counts, compressed, toImageData(mask, { color: [1, 2, 3] }), toPolygons(mask), toSvgPath(mask)];
}

export function tools(mask: Mask, logits: LogitsMask, records: EverythingRecord[], image: SamImage): string {
  const { area, boundingBox, fromCocoRle, fromRle, intersect, stability, subtract, toCocoJson, union } = burnSam;
  const both: BinaryMask = intersect(union(mask, fromRle(toRle(mask))), subtract(mask, fromCocoRle(toCocoRle(mask))));
  const [outer, ...holes]: Polygon = toPolygons(both, { tolerance: 1 })[0]!;
  const corners: readonly (readonly [x: number, y: number])[] = outer;
  const numbers: number[] = [
    area(both),
    ...boundingBox(both),
    stability(logits),
    stability(mask.logits, { offset: 0.5 }),
  ];
  const named = [mask, ...records, { mask: both, category: "leaf" }];
  const data: CocoDataset = toCocoJson(image, named, { segmentation: "polygons", tolerance: 2, fileName: "leaf.jpg" });
  // @ts-expect-error A mask of 0 and 1 has no logits to measure.
  stability(both);
  // @ts-expect-error Logits are not pixels.
  area(mask.logits);
  // @ts-expect-error There is no such form.
  toCocoJson(image, [mask], { segmentation: "polygon" });
  // @ts-expect-error Run lengths know their size.
  fromRle([0, 4]);
  // @ts-expect-error Compressed run lengths are a text.
  fromCocoRle(toRle(mask));
  return JSON.stringify([corners, holes, numbers, data, toSvgPath(mask, { tolerance: 0.5 })]);
}

/** The module without what is around it. */
export async function bare(response: Response, checkpoint: Uint8Array): Promise<number> {
  await startModule({ module_or_path: response });
  const read = (offset: number, length: number): Uint8Array => checkpoint.subarray(offset, offset + length);
  return (await Session.load({ size: checkpoint.length, read }, {})).info.parameters;
}

export function explain(error: unknown): SamErrorCode | undefined {
  if (!(error instanceof SamError)) return undefined;
  if (error.code === "no-webgpu") return "no-webgpu";
  // @ts-expect-error There is no such code.
  if (error.code === "no-gpu") return undefined;
  return error.code;
}

export async function dispose(): Promise<void> {
  using sam = await Sam.load();
  using image = await sam.encode("image.jpg");
  console.log(image.width, image.height);
}
