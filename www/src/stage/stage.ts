/** Draws the picture, the objects, the prompts and the crosshair, at the screen's own pixels. */
import type { Box } from "burn-sam";
import type { Picture } from "../io/picture.ts";
import { byId, context2d } from "../page/dom.ts";
import { noPrompts, type Prompts, type Shape } from "../state/objects.ts";
import type { Stroke } from "../state/strokes.ts";
import { drawBox, drawChecks, drawCrosshair, drawDim, drawHovered, drawPoint, drawShape, drawStrokes } from "./draw.ts";
import { colourOf } from "./palette.ts";
import type { RegionMap } from "./regions.ts";
import type { DrawnShape } from "./shapes.ts";
import { fit, pan, reveal, settle, toStage, zoom, type Position, type Size, type View } from "./view.ts";

export interface Scene {
  readonly picture: Picture | null;
  /** Of every object to be seen. */
  readonly shapes: readonly DrawnShape[];
  /** Of the active object. */
  readonly prompts: Prompts;
  readonly colour: number;
  /** The box being dragged. */
  readonly draft: Box | null;
  /** The stroke being painted. */
  readonly stroke: Stroke | null;
  /** Where the brush hovers, in image pixels, and its radius in these. */
  readonly brush: (Position & { readonly radius: number }) | null;
  /** Where the keyboard's crosshair is, in image pixels. */
  readonly crosshair: Position | null;
  /** What a click here would give. */
  readonly preview: Shape | null;
  /** Everything mode: what was found, and the index of what is under the pointer. */
  readonly regions: RegionMap | null;
  readonly highlight: number;
}

const emptyScene: Scene = {
  picture: null,
  shapes: [],
  prompts: noPrompts,
  colour: 0,
  draft: null,
  stroke: null,
  brush: null,
  crosshair: null,
  preview: null,
  regions: null,
  highlight: -1,
};

/** What changes with every move of the pointer: the rest is not drawn anew for it. */
const hovered: readonly (keyof Scene)[] = ["preview", "highlight", "brush"];

/** CSS pixels per image pixel: more shows nothing but squares. */
const maxScale = 40;

export class Stage {
  readonly element = byId("stage", HTMLElement);
  /** Told of every change of the view. */
  onView: () => void = () => undefined;
  readonly #frame = byId("frame", HTMLElement);
  readonly #picture = byId("picture", HTMLCanvasElement);
  readonly #overlay = byId("overlay", HTMLCanvasElement);
  readonly #preview = byId("preview", HTMLCanvasElement);
  readonly #brushTip = byId("brush-tip", HTMLElement);
  /** For brush strokes; made when there are some. */
  #layer: HTMLCanvasElement | null = null;
  #scene: Scene = emptyScene;
  #view: View = { scale: 1, left: 0, top: 0 };
  /** Is the view the one that shows the whole image, and stays so when the stage changes its size? */
  #fitted = true;
  #pictureStale = true;
  #overlayStale = true;
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

  get fitted(): boolean {
    return this.#fitted;
  }

  /** Takes the focus and shows it until the next click: browsers show it of themselves only after a key. */
  focus(): void {
    this.element.toggleAttribute("data-focused", true);
    this.element.focus({ preventScroll: true });
  }

  show(changes: Partial<Scene>): void {
    const { picture } = this.#scene;
    const changed = (Object.keys(changes) as (keyof Scene)[]).filter((key) => this.#scene[key] !== changes[key]);
    if (changed.length === 0) return;
    this.#scene = { ...this.#scene, ...changes };
    this.#overlayStale ||= changed.some((key) => !hovered.includes(key));
    if (this.#scene.picture !== picture) {
      this.#fitted = true;
      this.#layOut();
    } else this.#redraw();
  }

  /** `at`: on the stage; its middle if absent. */
  zoom(factor: number, at: Position = this.#middle): void {
    const { picture } = this.#scene;
    if (!picture) return;
    const least = this.#fit(picture).scale;
    const next = zoom(this.#view, at, factor, least, Math.max(maxScale, least));
    this.#look(next, next.scale <= least * 1.001);
  }

  pan(dx: number, dy: number): void {
    if (this.#scene.picture && !this.#fitted) this.#look(pan(this.#view, dx, dy), false);
  }

  reveal(inImage: Position): void {
    if (!this.#fitted) this.#look(reveal(this.#view, inImage, this.#size, 24), false);
  }

  fit(): void {
    this.#look(this.#view, true);
  }

  get #size(): Size {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  get #middle(): Position {
    return { x: this.element.clientWidth / 2, y: this.element.clientHeight / 2 };
  }

  get #margin(): number {
    return Math.min(24, this.element.clientWidth * 0.03);
  }

  #fit(picture: Picture): View {
    return fit(picture, this.#size, this.#margin);
  }

  #look(view: View, fitted: boolean): void {
    const { picture } = this.#scene;
    if (!picture) return;
    this.#fitted = fitted;
    this.#view = fitted ? this.#fit(picture) : settle(view, picture, this.#size, this.#margin);
    const { scale, left, top } = this.#view;
    Object.assign(this.#frame.style, {
      left: `${left}px`,
      top: `${top}px`,
      width: `${picture.width * scale}px`,
      height: `${picture.height * scale}px`,
    });
    this.#pictureStale = true;
    this.#overlayStale = true;
    this.#redraw();
    this.onView();
  }

  #layOut(): void {
    const { picture } = this.#scene;
    this.#frame.hidden = !picture;
    // Two canvases of an empty stage's size would only delay the page's first frame.
    if (!picture) return;
    const { width, height } = this.#size;
    for (const canvas of [this.#picture, this.#overlay]) {
      const [w, h] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
      // Setting a size blanks the canvas, even the same one.
      if (canvas.width !== w) canvas.width = w;
      if (canvas.height !== h) canvas.height = h;
    }
    this.#look(this.#view, this.#fitted);
    this.#pictureStale = true;
    this.#overlayStale = true;
    // A resized canvas is blank until it is drawn: not waiting for the next frame avoids a flash.
    this.#draw();
  }

  #redraw(): void {
    this.#frameRequest ||= requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    cancelAnimationFrame(this.#frameRequest);
    this.#frameRequest = 0;
    if (!this.#scene.picture) return;
    if (this.#pictureStale) this.#drawPicture();
    this.#pictureStale = false;
    if (this.#overlayStale) this.#drawOverlay();
    this.#overlayStale = false;
    this.#drawHovered();
  }

  #drawHovered(): void {
    const { picture, preview, regions, highlight, brush, colour } = this.#scene;
    const { scale } = this.#view;
    const lit = regions?.shapes[highlight];
    const shape = lit ?? (preview && preview.area > 0 ? preview : null);
    const fill = lit ? "rgb(255 255 255 / 30%)" : colourOf(colour, 0.25);
    if (picture) drawHovered(this.#preview, shape, fill, picture.width * scale);
    this.#brushTip.hidden = !brush;
    if (!brush) return;
    const { x, y } = toStage(this.#view, brush);
    const radius = Math.max(2, brush.radius * scale);
    Object.assign(this.#brushTip.style, {
      width: `${2 * radius}px`,
      height: `${2 * radius}px`,
      transform: `translate(${x - radius}px, ${y - radius}px)`,
    });
  }

  #drawOverlay(): void {
    const { picture, shapes, prompts, colour, draft, stroke, crosshair } = this.#scene;
    const context = this.#clear(this.#overlay);
    if (!picture) return;
    const view = this.#view;
    if (this.#scene.regions) this.#drawRegions(context, picture, this.#scene.regions);
    else if (shapes.length > 0) {
      const drawn = shapes.map(({ shape }) => shape);
      drawDim(context, view, picture, drawn);
    }
    for (const { shape, colour, active } of shapes) drawShape(context, view, picture, shape, colour, active);
    const strokes = stroke ? [...prompts.strokes, stroke] : prompts.strokes;
    // Between strokes the answer is what matters, and paint would hide it.
    if (strokes.length > 0 && (stroke || !shapes.some(({ active }) => active))) {
      this.#layer ??= document.createElement("canvas");
      this.#layer.width = this.#overlay.width;
      this.#layer.height = this.#overlay.height;
      drawStrokes(context, this.#clear(this.#layer), view, strokes, colour);
    }
    const box = draft ?? prompts.box;
    if (box) drawBox(context, view, box);
    for (const point of prompts.points) drawPoint(context, toStage(view, point), point.label);
    if (crosshair) drawCrosshair(context, toStage(view, crosshair));
  }

  #drawRegions(context: CanvasRenderingContext2D, picture: Picture, regions: RegionMap): void {
    const { left, top, scale } = this.#view;
    context.save();
    context.fillStyle = "rgb(8 10 16 / 25%)";
    context.fillRect(left, top, picture.width * scale, picture.height * scale);
    context.drawImage(regions.canvas, left, top, picture.width * scale, picture.height * scale);
    context.restore();
  }

  /** An empty canvas whose unit is the CSS pixel. */
  #clear(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
    const context = context2d(canvas);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
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
    // Pixels of the picture that are much larger than the screen's are to be seen as such.
    context.imageSmoothingEnabled = scale < 6;
    // Even an image one pixel wide is to be seen.
    const width = Math.max(1, picture.width * scale);
    const height = Math.max(1, picture.height * scale);
    // Photographs hide it; what is transparent is to be seen as such.
    if (picture.blob.type !== "image/jpeg") drawChecks(context, left, top, width, height);
    context.drawImage(picture.bitmap, left, top, width, height);
  }
}
