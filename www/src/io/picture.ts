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
  /** The whole file name. */
  readonly file: string;
  /** For the screen: as a rule at most `displayLimit` pixels wide and high, whatever the picture's own size. */
  readonly bitmap: ImageBitmap;
  /** A grey one, in the place of a photo that is not there. */
  readonly blank?: true;
}

const displayLimit = 2560;

/** Width and height are those of the picture as displayed: EXIF orientation applied. */
export async function readPicture(given: Blob, name: string): Promise<Picture> {
  const { blob, full } = await decodeAny(given, name);
  const { width, height } = full;
  const shown = within(full, displayLimit);
  const fits = shown.width === width && shown.height === height;
  // To draw all of it again and again only takes longer.
  const bitmap = fits ? full : ((await shrink({ full, ...shown })) ?? (await decode(blob, name)));
  return { blob, name: baseOf(name) || "image", file: name, width, height, bitmap };
}

/** For a picture that comes without a file name: no two are alike, and neither is what is saved of them. */
export function stamped(kind: string, type: string): string {
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  return `${kind}-${stamp}.${/^image\/(\w+)/.exec(type)?.[1] ?? "png"}`;
}

/** A file name without its extension. */
export function baseOf(name: string): string {
  return name.replace(/\.[^.]*$/, "");
}

/** A grey one, for an encoding that came without its picture. */
export async function blankPicture(size: Size, name: string): Promise<Picture> {
  const canvas = new OffscreenCanvas(size.width, size.height);
  const context = canvas.getContext("2d");
  if (!context) throw new PageError("out-of-memory", text.memoryAdvice);
  context.fillStyle = "#8b8783";
  context.fillRect(0, 0, size.width, size.height);
  const picture = await readPicture(await canvas.convertToBlob(), name);
  return { ...picture, file: picture.name, blank: true };
}

interface Decoded {
  /** What the model reads. */
  readonly blob: Blob;
  readonly full: ImageBitmap;
}

async function decodeAny(blob: Blob, name: string): Promise<Decoded> {
  if (blob.size === 0) throw new PageError("bad-image", text.emptyFile(name));
  try {
    return { blob, full: await decode(blob, name) };
  } catch (error) {
    // A drawing has no pixels of its own.
    const drawn = await drawingOf(blob, name);
    if (!drawn) throw error;
    return { blob: drawn, full: await decode(drawn, name) };
  }
}

async function decode(blob: Blob, name: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob);
  } catch {
    throw new PageError("bad-image", text.badImage(name));
  }
}

/** Pixels on the longer side of a drawing: those of icons, and what browsers give to one without a size, are too few. */
const [leastDrawn, drawnSide, mostDrawn] = [512, 1024, 4096];

/** An SVG file as pixels; `null` where it is none. */
async function drawingOf(blob: Blob, name: string): Promise<Blob | null> {
  const isSvg = blob.type.startsWith("image/svg") || /\.svg$/i.test(name);
  if (!isSvg) return null;
  const address = URL.createObjectURL(new Blob([blob], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const [width, height] = [image.naturalWidth || drawnSide, image.naturalHeight || drawnSide];
    const longer = Math.max(width, height);
    const scale = longer < leastDrawn ? drawnSide / longer : Math.min(1, mostDrawn / longer);
    const canvas = new OffscreenCanvas(Math.round(width * scale) || 1, Math.round(height * scale) || 1);
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob();
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** `null` where there is no room or no Worker. `full` is gone afterwards. */
function shrink(shrinking: Shrinking): Promise<ImageBitmap | null> {
  const start = (): Worker => new Worker(new URL("./shrink-worker.ts", import.meta.url), { type: "module" });
  return askWorker(start, shrinking, [shrinking.full]);
}
