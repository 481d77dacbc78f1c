/** The three candidates, as small pictures with their scores, and the choice between them. */
import type { Picture } from "../io/picture.ts";
import { contoursOf } from "../stage/draw.ts";
import type { Shape } from "../state/objects.ts";
import { formatScore } from "../text/format.ts";
import { byId, context2d, setText } from "./dom.ts";

interface Crop {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

export class Candidates {
  readonly #buttons = [0, 1, 2].map((index) => byId(`candidate-${index}`, HTMLButtonElement));
  #drawn: readonly Shape[] = [];

  constructor(onChoose: (index: number) => void) {
    this.#buttons.forEach((button, index) => button.addEventListener("click", () => onChoose(index)));
  }

  show(picture: Picture | null, masks: readonly Shape[], chosen: number): void {
    const crop = picture && masks.length > 0 && masks !== this.#drawn ? cropAround(masks, picture) : null;
    this.#buttons.forEach((button, index) => {
      const mask = masks[index];
      button.disabled = !mask;
      button.setAttribute("aria-pressed", String(mask !== undefined && index === chosen));
      const score = button.querySelector(".score");
      if (score) setText(score, mask ? formatScore(mask.score) : "–");
      const canvas = button.querySelector("canvas");
      if (canvas && !mask && canvas.width > 0) canvas.width = 0;
    });
    this.#drawn = masks;
    if (picture && crop) void this.#draw(picture, masks, crop);
  }

  /** One after another, when the chosen mask is on the screen: the outlines of three at once may take longer than a frame. */
  async #draw(picture: Picture, masks: readonly Shape[], crop: Crop): Promise<void> {
    for (const [index, mask] of masks.entries()) {
      await nextFrame();
      if (this.#drawn !== masks) return;
      const canvas = this.#buttons[index]?.querySelector("canvas");
      if (canvas) drawThumbnail(canvas, picture, mask, crop);
    }
  }
}

/** Resolves after the next frame, in a task of its own. */
function nextFrame(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/** One square for all candidates, so that they can be compared: around the largest, with some room. In mask pixels. */
function cropAround(masks: readonly Shape[], picture: Picture): Crop {
  const boxes = masks.filter(({ area }) => area > 0).map(({ bbox }) => bbox);
  const [width, height] = [masks[0]?.width ?? picture.width, masks[0]?.height ?? picture.height];
  if (boxes.length === 0) return { x: 0, y: 0, side: Math.max(width, height) };
  const left = Math.min(...boxes.map(([x]) => x));
  const top = Math.min(...boxes.map(([, y]) => y));
  const right = Math.max(...boxes.map(([x, , w]) => x + w));
  const bottom = Math.max(...boxes.map(([, y, , h]) => y + h));
  const wanted = Math.max(right - left, bottom - top) * 1.25;
  const side = Math.max(Math.min(width, height) / 5, Math.min(wanted, Math.min(width, height)));
  const place = (middle: number, length: number): number => Math.min(Math.max(0, middle - side / 2), length - side);
  return { x: place((left + right) / 2, width), y: place((top + bottom) / 2, height), side };
}

function drawThumbnail(canvas: HTMLCanvasElement, picture: Picture, mask: Shape, crop: Crop): void {
  const pixels = 224;
  canvas.width = pixels;
  canvas.height = pixels;
  const context = context2d(canvas);
  const scale = pixels / crop.side;
  context.scale(scale, scale);
  context.translate(-crop.x, -crop.y);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture.bitmap, 0, 0, mask.width, mask.height);
  const contours = contoursOf(mask);
  const outside = new Path2D();
  outside.rect(0, 0, mask.width, mask.height);
  outside.addPath(contours);
  context.fillStyle = "rgb(8 10 16 / 62%)";
  context.fill(outside, "evenodd");
  context.lineWidth = 4 / scale;
  context.strokeStyle = "#ffffff";
  context.stroke(contours);
}
