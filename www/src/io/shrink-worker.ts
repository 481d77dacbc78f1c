/** A Worker: makes a bitmap smaller. The answer is the new one, or `null` where there is no room for it. */
import type { Size } from "../stage/view.ts";

export interface Shrinking extends Size {
  readonly full: ImageBitmap;
}

addEventListener("message", ({ data }: MessageEvent<Shrinking>) => void shrink(data));

async function shrink({ full, width, height }: Shrinking): Promise<void> {
  const options = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" } as const;
  const bitmap = await createImageBitmap(full, options).catch(() => null);
  self.postMessage(bitmap, { transfer: bitmap ? [bitmap] : [] });
}
