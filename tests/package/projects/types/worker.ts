// What a project for Workers only compiles as well: its types know no elements of a page.
import { Sam, cutout, toCocoJson, toImageData, toPolygons } from "burn-sam";
import type { EverythingOptions, ImageSource, LoadOptions, Mask, Prompt, SegmentOptions } from "burn-sam";

type IsAny<T> = 0 extends 1 & T ? true : false;
export const sourceIsAny: IsAny<ImageSource> = false;

export async function outline(file: File, frame: VideoFrame): Promise<Blob> {
  using sam = await Sam.load({ worker: false });
  const image = await sam.encode(file);
  const [best] = await image.segment({ points: [{ x: 1, y: 1 }] });
  const [masks] = await image.segment([{}]);
  await sam.encode(frame);
  // @ts-expect-error This is no image.
  await sam.encode(7);
  console.log(masks === undefined || toPolygons(masks[0]));
  return cutout(file, best);
}

/** Answers have memory of their own: a file can be made of it. */
export function pixels(mask: Mask): [Blob, ImageData] {
  const { data, width } = mask;
  return [new Blob([data]), new ImageData(new Uint8ClampedArray(data.buffer), width)];
}

/** Where the types are exact, an option that may be undefined can be passed on. */
export function passOn(
  signal?: AbortSignal,
  onProgress?: () => void,
  device?: "cpu",
  color?: [number, number, number],
) {
  const assets = {
    worker: undefined,
    wasm: { cpu: undefined, threads: undefined },
    presets: { "sam-vit-b": undefined },
  };
  const load: LoadOptions = { signal, onProgress, device, model: undefined, threads: undefined, assets };
  const prompt: Prompt = { points: undefined, box: undefined, mask: undefined, tokens: undefined };
  const segment: SegmentOptions = { signal, size: undefined, output: undefined, latest: undefined };
  const everything: EverythingOptions = { signal, onProgress, pointGrids: undefined, outputMode: undefined };
  const mask = { data: new Uint8Array(1), width: 1, height: 1 };
  toImageData(mask, { color });
  toCocoJson(mask, [{ mask, category: undefined }], { fileName: undefined, tolerance: undefined });
  return { load, prompt, segment, everything };
}
