// What must not compile, and what the unions of the package come down to.
import { Sam, cutout, toBlob, toCocoRle, toImageData, toRle } from "burn-sam";
import type {
  BitmapMask,
  Device,
  EncodeProgress,
  LoadProgress,
  LogitsMask,
  Mask,
  MaskFor,
  Output,
  Preset,
  SamErrorCode,
  SamImage,
  SamInfo,
  SegmentOptions,
} from "burn-sam";

export async function loading(controller: AbortController): Promise<void> {
  // @ts-expect-error There is no such precision.
  await Sam.load({ precision: "f64" });
  // @ts-expect-error The signal, not what makes it.
  await Sam.load({ signal: controller });
  // @ts-expect-error A hash is a string.
  await Sam.load({ integrity: 7 });
  // @ts-expect-error The cache is used or not.
  await Sam.load({ cache: "force-cache" });
  // @ts-expect-error The Worker's address is one of the assets.
  await Sam.load({ worker: "worker.js" });
  // @ts-expect-error There is no such asset.
  await Sam.load({ assets: { script: "worker.js" } });
  // @ts-expect-error There is no wasm for such a device.
  await Sam.load({ assets: { wasm: { gpu: "gpu.wasm" } } });
  // @ts-expect-error A misspelt name of a device's file.
  await Sam.load({ assets: { wasm: { threads: undefined, gpus: undefined } } });
  // @ts-expect-error The options are one object.
  await Sam.load("tiny");
  // @ts-expect-error A callback of another kind of progress.
  await Sam.load({ onProgress: (progress: EncodeProgress) => console.log(progress.stage) });
  // @ts-expect-error A preset has one of the known names.
  const preset: Preset = "mobile_sam";
  console.log(preset);
}

export function progress({ stage }: LoadProgress): boolean {
  // @ts-expect-error Images are encoded, models are not.
  return stage === "encode";
}

export async function segmenting(sam: Sam, image: SamImage): Promise<void> {
  // @ts-expect-error An image comes from encode.
  await sam.segment({});
  // @ts-expect-error A prompt is an object.
  await image.segment("cat");
  // @ts-expect-error Points are several.
  await image.segment({ point: { x: 0, y: 0 } });
  // @ts-expect-error A point has names.
  await image.segment({ points: [[0, 0]] });
  // @ts-expect-error Coordinates are numbers.
  await image.segment({ points: [{ x: "0", y: 0 }] });
  // @ts-expect-error A box is a list.
  await image.segment({ box: { x: 0, y: 0, width: 1, height: 1 } });
  // @ts-expect-error A size has two sides.
  await image.segment({}, { size: 256 });
  // @ts-expect-error One threshold.
  await image.segment({}, { threshold: [0] });
  // @ts-expect-error There is no such option.
  await image.segment({}, { multimaskOutput: true });
  // @ts-expect-error Three candidates, or one.
  await image.segment({}, { multimask: 3 });
  // @ts-expect-error Names are those of JavaScript.
  await image.everything({ points_per_side: 32 });
  // @ts-expect-error There is no such mode.
  await image.everything({ outputMode: "png" });
  // @ts-expect-error Several prompts have a list of masks each.
  console.log((await image.segment([{}]))[0].area);
  // @ts-expect-error One prompt has one list.
  console.log((await image.segment({}))[0]?.[0]);
  // @ts-expect-error What was saved is bytes.
  await sam.open("file");
}

/** The type of `data` follows the option, and is a union where that is only known at run time. */
export async function outputs(image: SamImage, output: Output): Promise<void> {
  const [bitmap] = await image.segment({}, { output: "bitmap" });
  const [logits] = await image.segment({}, { output: "logits" });
  const [mask] = await image.segment({}, { output: "mask" });
  const [any] = await image.segment({}, { output });
  if (bitmap === undefined || logits === undefined || mask === undefined || any === undefined) return;
  const exact: [BitmapMask, LogitsMask, Mask, MaskFor<Output>] = [bitmap, logits, mask, any];
  // @ts-expect-error It may be any of the three.
  const bytes: Uint8Array = any.data;
  const closed: Uint8Array | Float32Array | undefined = any.data instanceof ImageBitmap ? undefined : any.data;
  // @ts-expect-error A bitmap has no bytes to write down.
  toRle(bitmap);
  // @ts-expect-error Neither have logits.
  toCocoRle(logits);
  // @ts-expect-error Nor is a list of masks a mask.
  await toBlob([mask]);
  // @ts-expect-error An answer does not change.
  mask.area = 0;
  // @ts-expect-error Not in its parts either.
  mask.bbox[0] = 0;
  // @ts-expect-error A colour has three numbers or four.
  toImageData(mask, { color: [255, 0] });
  // @ts-expect-error Cropped or not.
  await cutout("image.jpg", mask, { crop: "tight" });
  // @ts-expect-error The image comes first.
  await cutout(mask, "image.jpg");
  // @ts-expect-error The options of one output are not those of another.
  const options: SegmentOptions<"mask"> = { output: "logits" };
  console.log(exact, bytes, closed, options);
}

/** Every code and every device, or this does not compile. */
export function inWords(code: SamErrorCode, device: Device): string {
  const where: Record<Device, string> = { webgpu: "GPU", cpu: "CPU" };
  switch (code) {
    case "no-webgpu":
    case "unsupported":
      return `no ${where[device]}`;
    case "device-lost":
    case "out-of-memory":
      return "try again";
    case "bad-checkpoint":
    case "bad-image":
    case "bad-prompt":
    case "bad-embedding":
      return "wrong input";
    case "network":
    case "integrity":
      return "wrong download";
    case "superseded":
    case "disposed":
    case "not-implemented":
    case "internal":
      return "";
    default: {
      const none: never = code;
      return none;
    }
  }
}

export function information(info: SamInfo): void {
  // @ts-expect-error What was loaded is known, not what was asked for.
  const device: "auto" = info.device;
  // @ts-expect-error A getter.
  info.wasmMemory = 0;
  console.log(device);
}
