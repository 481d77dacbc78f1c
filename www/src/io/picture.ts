/** A file → something to look at. The model reads the file itself. */
import { PageError } from "../page/errors.ts";
import { within, type Size } from "../stage/view.ts";
import { text } from "../text/texts.ts";

export interface Picture extends Size {
  readonly blob: Blob;
  /** File name without its extension. */
  readonly name: string;
  /** For the screen: at most `displayLimit` pixels wide and high, whatever the picture's own size. */
  readonly bitmap: ImageBitmap;
}

const displayLimit = 2560;

/** Width and height are those of the picture as displayed: EXIF orientation applied. */
export async function readPicture(blob: Blob, name: string): Promise<Picture> {
  const full = await decode(blob);
  const { width, height } = full;
  const shown = within(full, displayLimit);
  let bitmap = full;
  if (shown.width !== width || shown.height !== height) {
    const options = { resizeWidth: shown.width, resizeHeight: shown.height, resizeQuality: "high" } as const;
    bitmap = await createImageBitmap(full, options).finally(() => full.close());
  }
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
