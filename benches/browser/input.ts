// What both engines are given.

/** One point on the object, as a part of the image's side. */
export const PROMPT = { x: 0.4, y: 0.6 };

const MEAN = [123.675, 116.28, 103.53] as const;
const STD = [58.395, 57.12, 57.375] as const;

/** A photograph, stretched to the encoder's square: resizing is not what is compared. */
export async function squareImage(url: string, side: number): Promise<ImageData> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const context = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("no canvas");
  context.drawImage(await createImageBitmap(await response.blob()), 0, 0, side, side);
  return context.getImageData(0, 0, side, side);
}

/** The reference's preprocessing of such an image: `[1, 3, S, S]`. */
export function normalise({ data, width, height }: ImageData): Float32Array {
  const pixels = width * height;
  const result = new Float32Array(3 * pixels);
  for (let channel = 0; channel < 3; channel++) {
    const [mean, std] = [MEAN[channel] ?? NaN, STD[channel] ?? NaN];
    for (let i = 0; i < pixels; i++) {
      result[channel * pixels + i] = ((data[4 * i + channel] ?? NaN) - mean) / std;
    }
  }
  return result;
}
