/** Draws the picture, the mask, the prompts and the crosshair, at the screen's own pixels. */
import type { Box, Mask } from "burn-sam";
import { byId, context2d } from "./dom.ts";
import { traceContours } from "./outline.ts";
import type { Picture } from "./picture.ts";
import type { Prompts } from "./state.ts";
import { fit, toStage, type Position, type Size, type View } from "./view.ts";

export interface Scene {
  readonly picture: Picture | null;
  readonly mask: Mask | undefined;
  readonly prompts: Prompts;
  /** The box being dragged. */
  readonly draft: Box | null;
  /** Where the keyboard's crosshair is, in image pixels. */
  readonly crosshair: Position | null;
}

/** These lie on photographs, not on the page: they are the same in light and dark. */
const colours = {
  dim: "rgb(8 10 16 / 45%)",
  tint: "rgb(56 128 255 / 26%)",
  line: "#ffffff",
  halo: "rgb(6 20 60 / 75%)",
  add: "#15803d",
  remove: "#dc2626",
} as const;

export class Stage {
  readonly element = byId("stage", HTMLElement);
  readonly #frame = byId("frame", HTMLElement);
  readonly #picture = byId("picture", HTMLCanvasElement);
  readonly #overlay = byId("overlay", HTMLCanvasElement);
  #scene: Scene = { picture: null, mask: undefined, prompts: { points: [], box: null }, draft: null, crosshair: null };
  #view: View = { scale: 1, left: 0, top: 0 };
  #pictureStale = true;
  #frameRequest = 0;

  constructor() {
    new ResizeObserver(() => this.#layOut()).observe(this.element);
    for (const type of ["blur", "pointerdown"]) {
      this.element.addEventListener(type, () => this.element.removeAttribute("data-focused"));
    }
    // Zooming the page and moving it to another screen change the pixel density, not always the stage's size.
    addEventListener("resize", () => this.#layOut());
  }

  get view(): View {
    return this.#view;
  }

  get scene(): Scene {
    return this.#scene;
  }

  /** Takes the focus and shows it until the next click: browsers show it of themselves only after a key. */
  focus(): void {
    this.element.toggleAttribute("data-focused", true);
    this.element.focus({ preventScroll: true });
  }

  show(change: Partial<Scene>): void {
    const { picture } = this.#scene;
    this.#scene = { ...this.#scene, ...change };
    if (this.#scene.picture !== picture) this.#layOut();
    else this.#redraw();
  }

  #layOut(): void {
    const stage: Size = { width: this.element.clientWidth, height: this.element.clientHeight };
    for (const canvas of [this.#picture, this.#overlay]) {
      canvas.width = Math.round(stage.width * devicePixelRatio);
      canvas.height = Math.round(stage.height * devicePixelRatio);
    }
    const { picture } = this.#scene;
    this.#frame.hidden = !picture;
    if (picture) {
      this.#view = fit(picture, stage, Math.min(24, stage.width * 0.03));
      const { scale, left, top } = this.#view;
      Object.assign(this.#frame.style, {
        left: `${left}px`,
        top: `${top}px`,
        width: `${picture.width * scale}px`,
        height: `${picture.height * scale}px`,
      });
    }
    this.#pictureStale = true;
    // A resized canvas is blank until it is drawn: not waiting for the next frame avoids a flash.
    this.#draw();
  }

  #redraw(): void {
    this.#frameRequest ||= requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    cancelAnimationFrame(this.#frameRequest);
    this.#frameRequest = 0;
    if (this.#pictureStale) this.#drawPicture();
    this.#pictureStale = false;
    const { picture, mask, prompts, draft, crosshair } = this.#scene;
    const context = this.#clear(this.#overlay);
    if (!picture) return;
    if (mask && mask.area > 0) this.#drawMask(context, picture, mask);
    const box = draft ?? prompts.box;
    if (box) this.#drawBox(context, box);
    for (const point of prompts.points) drawPoint(context, toStage(this.#view, point), point.label);
    if (crosshair) drawCrosshair(context, toStage(this.#view, crosshair));
  }

  /** An empty canvas whose unit is the CSS pixel. */
  #clear(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
    const context = context2d(canvas);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    return context;
  }

  #drawPicture(): void {
    const context = this.#clear(this.#picture);
    const { picture } = this.#scene;
    if (!picture) return;
    const { scale, left, top } = this.#view;
    context.imageSmoothingQuality = "high";
    // Even an image one pixel wide is to be seen.
    const width = Math.max(1, picture.width * scale);
    const height = Math.max(1, picture.height * scale);
    context.drawImage(picture.bitmap, left, top, width, height);
  }

  #drawMask(context: CanvasRenderingContext2D, picture: Size, mask: Mask): void {
    const { scale, left, top } = this.#view;
    const contours = contoursOf(mask);
    context.save();
    context.translate(left, top);
    context.scale((scale * picture.width) / mask.width, (scale * picture.height) / mask.height);
    const outside = new Path2D();
    outside.rect(0, 0, mask.width, mask.height);
    outside.addPath(contours);
    context.fillStyle = colours.dim;
    context.fill(outside, "evenodd");
    context.fillStyle = colours.tint;
    context.fill(contours, "evenodd");
    const onePixel = mask.width / (scale * picture.width);
    context.lineJoin = "round";
    strokeTwice(context, contours, 2 * onePixel, 1.5 * onePixel);
    context.restore();
  }

  #drawBox(context: CanvasRenderingContext2D, [x0, y0, x1, y1]: Box): void {
    const from = toStage(this.#view, { x: x0, y: y0 });
    const to = toStage(this.#view, { x: x1, y: y1 });
    const path = new Path2D();
    path.rect(from.x, from.y, to.x - from.x, to.y - from.y);
    context.save();
    context.lineWidth = 3.5;
    context.strokeStyle = colours.halo;
    context.stroke(path);
    context.setLineDash([7, 5]);
    context.lineWidth = 2;
    context.strokeStyle = colours.line;
    context.stroke(path);
    context.restore();
  }
}

const contourPaths = new WeakMap<Mask, Path2D>();

/** The outline in mask pixels, traced once for each mask. */
export function contoursOf(mask: Mask): Path2D {
  let path = contourPaths.get(mask);
  if (!path) {
    path = new Path2D();
    for (const contour of traceContours(mask)) {
      path.moveTo(contour[0] ?? 0, contour[1] ?? 0);
      for (let i = 2; i < contour.length; i += 2) path.lineTo(contour[i] ?? 0, contour[i + 1] ?? 0);
      path.closePath();
    }
    contourPaths.set(mask, path);
  }
  return path;
}

/** A light line in a dark one can be seen on anything. */
function strokeTwice(context: CanvasRenderingContext2D, path: Path2D, width: number, halo: number): void {
  context.lineWidth = width + 2 * halo;
  context.strokeStyle = colours.halo;
  context.stroke(path);
  context.lineWidth = width;
  context.strokeStyle = colours.line;
  context.stroke(path);
}

function drawPoint(context: CanvasRenderingContext2D, { x, y }: Position, label: 0 | 1): void {
  context.save();
  context.translate(x, y);
  context.shadowColor = "rgb(0 0 0 / 55%)";
  context.shadowBlur = 6 * devicePixelRatio;
  context.fillStyle = colours.line;
  context.beginPath();
  context.arc(0, 0, 10, 0, 2 * Math.PI);
  context.fill();
  context.shadowColor = "transparent";
  context.fillStyle = label === 1 ? colours.add : colours.remove;
  context.beginPath();
  context.arc(0, 0, 8, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = colours.line;
  context.fillRect(-4.5, -1, 9, 2);
  if (label === 1) context.fillRect(-1, -4.5, 2, 9);
  context.restore();
}

function drawCrosshair(context: CanvasRenderingContext2D, { x, y }: Position): void {
  const path = new Path2D();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    path.moveTo(x + 5 * dx, y + 5 * dy);
    path.lineTo(x + 18 * dx, y + 18 * dy);
  }
  context.save();
  context.lineCap = "round";
  strokeTwice(context, path, 2, 1.5);
  context.restore();
}
