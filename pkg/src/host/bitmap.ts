import { discard } from "../bitmaps.js";
import { SamError } from "../errors.js";
import type { SentMask } from "../protocol.js";
import type { WireMask } from "./wasm.js";

/** The masks as bitmaps, white on transparent, made here so that the page's thread does not stop for it. */
export async function withBitmaps(answers: readonly (readonly WireMask[])[]): Promise<SentMask[][]> {
  const made: SentMask[][] = answers.map(() => []);
  try {
    for (const [i, masks] of answers.entries()) for (const mask of masks) made[i]?.push(await withBitmap(mask));
    return made;
  } catch (error) {
    discard(made);
    throw error;
  }
}

async function withBitmap(mask: WireMask): Promise<SentMask> {
  const { width, height, data } = mask;
  try {
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) if (data[i] !== 0) pixels[i] = 0xffffffff;
    return { ...mask, data: await createImageBitmap(image) };
  } catch (error) {
    const text = `The browser has no memory for a bitmap of ${width} × ${height}: ask for a smaller size.`;
    throw new SamError("out-of-memory", text, error);
  }
}
