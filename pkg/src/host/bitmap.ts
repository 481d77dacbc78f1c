import type { SentMask } from "../protocol.js";
import type { WireMask } from "./wasm.js";

/** The mask as a bitmap, white on transparent, made here so that the page's thread does not stop for it. */
export async function withBitmap(mask: WireMask): Promise<SentMask> {
  const { width, height, data } = mask;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) if (data[i] !== 0) pixels[i] = 0xffffffff;
  return { ...mask, data: await createImageBitmap(image) };
}
