/** A Worker: makes an image file of a mask. The answer is the file, or `null` where that failed. */
import { draw, type Drawing } from "./drawing.ts";

addEventListener("message", ({ data }: MessageEvent<Drawing>) => {
  draw(data).then(
    (file) => self.postMessage(file),
    () => self.postMessage(null),
  );
});
