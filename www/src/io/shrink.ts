/** A Worker: makes one bitmap smaller. On the page's own thread, 12 megapixels would block it for a dozen frames. */
import type { Size } from "../stage/view.ts";

/** Where it is to be small, and what. The answer is the new bitmap, or `null` where there is no room for it. */
export interface Shrinking extends Size {
  readonly full: ImageBitmap;
}

addEventListener("message", ({ data }: MessageEvent<Shrinking>) => void shrink(data));

async function shrink({ full, width, height }: Shrinking): Promise<void> {
  const options = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" } as const;
  const bitmap = await createImageBitmap(full, options).catch(() => null);
  self.postMessage(bitmap, { transfer: bitmap ? [bitmap] : [] });
}
