/** A file → something to look at. The model reads the file itself. */
import { PageError } from "../page/errors.ts";
import { within, type Size } from "../stage/view.ts";
import { text } from "../text/texts.ts";
import { askWorker } from "./ask.ts";
import type { Shrinking } from "./shrink-worker.ts";

export interface Picture extends Size {
  readonly blob: Blob;
  /** File name without its extension. */
  readonly name: string;
  /** For the screen: as a rule at most `displayLimit` pixels wide and high, whatever the picture's own size. */
  readonly bitmap: ImageBitmap;
}

const displayLimit = 2560;

/** Width and height are those of the picture as displayed: EXIF orientation applied. */
export async function readPicture(blob: Blob, name: string): Promise<Picture> {
  const full = await decode(blob);
  const { width, height } = full;
  const shown = within(full, displayLimit);
  const fits = shown.width === width && shown.height === height;
  // To draw all of it again and again only takes longer.
  const bitmap = fits ? full : ((await shrink({ full, ...shown })) ?? (await decode(blob)));
  return { blob, name: name.replace(/\.[^.]*$/, "") || "image", width, height, bitmap };
}

/** A grey one, for an encoding that came without its picture. */
export async function blankPicture(size: Size, name: string): Promise<Picture> {
  const canvas = new OffscreenCanvas(size.width, size.height);
  const context = canvas.getContext("2d");
  if (!context) throw new PageError("out-of-memory", text.memoryAdvice);
  context.fillStyle = "#8b8783";
  context.fillRect(0, 0, size.width, size.height);
  return readPicture(await canvas.convertToBlob(), name);
}

async function decode(blob: Blob): Promise<ImageBitmap> {
  if (blob.size === 0) throw new PageError("bad-image", text.emptyFile);
  try {
    return await createImageBitmap(blob);
  } catch {
    throw new PageError("bad-image", text.badImage);
  }
}

/** `null` where there is no room or no Worker. `full` is gone afterwards. */
function shrink(shrinking: Shrinking): Promise<ImageBitmap | null> {
  const start = (): Worker => new Worker(new URL("./shrink-worker.ts", import.meta.url), { type: "module" });
  return askWorker(start, shrinking, [shrinking.full]);
}
