/** Mouse, pen, finger and arrow keys on the stage → points and boxes in image pixels. */
import type { Box, Point } from "burn-sam";
import type { Stage } from "./stage.ts";
import type { Tool } from "./state.ts";
import { clampToImage, toImage, type Position, type Size } from "./view.ts";

export interface Pointing {
  tool(): Tool;
  onPoint(point: Required<Point>): void;
  onBox(box: Box): void;
}

/** CSS pixels: a shorter drag is a click with an unsteady hand. */
const dragThreshold = 6;

interface Drag {
  readonly pointer: number;
  readonly startOnStage: Position;
  /** Right button, Alt or Ctrl: background, whatever the tool. */
  readonly altered: boolean;
  readonly canBox: boolean;
  boxing: boolean;
}

export class StagePointing {
  readonly #stage: Stage;
  readonly #pointing: Pointing;
  #drag: Drag | null = null;
  /** The first corner of a box made with the keyboard, in image pixels. */
  #corner: Position | null = null;

  constructor(stage: Stage, pointing: Pointing) {
    this.#stage = stage;
    this.#pointing = pointing;
    const { element } = stage;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#up(event));
    element.addEventListener("pointercancel", () => this.cancel());
    // The right button is a prompt here.
    element.addEventListener("contextmenu", (event) => {
      if (stage.scene.picture) event.preventDefault();
    });
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("blur", () => stage.show({ crosshair: null }));
  }

  /** Drops a half-made box; returns whether there was one. */
  cancel(): boolean {
    const active = this.#drag !== null || this.#corner !== null;
    this.#drag = null;
    this.#corner = null;
    this.#stage.show({ draft: null });
    return active;
  }

  #down(event: PointerEvent): void {
    const { picture } = this.#stage.scene;
    if (!picture || this.#drag || (event.button !== 0 && event.button !== 2)) return;
    const startOnStage = this.#position(event);
    const boxTool = this.#pointing.tool() === "box";
    this.#corner = null;
    this.#drag = {
      pointer: event.pointerId,
      startOnStage,
      altered: event.button === 2 || event.altKey || event.ctrlKey,
      // A finger's drag scrolls the page unless boxes are asked for.
      canBox: event.button === 0 && (event.pointerType !== "touch" || boxTool),
      boxing: false,
    };
    this.#stage.element.setPointerCapture(event.pointerId);
    this.#stage.show({ crosshair: null });
  }

  #move(event: PointerEvent): void {
    const drag = this.#drag;
    if (!drag || drag.pointer !== event.pointerId) return;
    const now = this.#position(event);
    const distance = Math.hypot(now.x - drag.startOnStage.x, now.y - drag.startOnStage.y);
    drag.boxing ||= drag.canBox && distance >= dragThreshold;
    if (drag.boxing) this.#stage.show({ draft: this.#boxBetween(drag.startOnStage, now) });
  }

  #up(event: PointerEvent): void {
    const drag = this.#drag;
    if (!drag || drag.pointer !== event.pointerId) return;
    this.cancel();
    const { picture } = this.#stage.scene;
    const end = this.#position(event);
    if (drag.boxing) return this.#finishBox(this.#boxBetween(drag.startOnStage, end));
    const inImage = toImage(this.#stage.view, drag.startOnStage);
    const tool = this.#pointing.tool();
    if (!picture || !isInside(picture, inImage) || (tool === "box" && !drag.altered)) return;
    this.#pointing.onPoint({ ...inImage, label: drag.altered || tool === "remove" ? 0 : 1 });
  }

  #key(event: KeyboardEvent): void {
    const { picture, crosshair } = this.#stage.scene;
    if (!picture || event.ctrlKey || event.metaKey) return;
    const centre = { x: picture.width / 2, y: picture.height / 2 };
    const at = crosshair ?? centre;
    const direction = arrows[event.key];
    if (direction) {
      // One step is a fiftieth of the longer side, or with Shift a two-hundredth; the first key shows the crosshair.
      const step = Math.max(picture.width, picture.height) / (event.shiftKey ? 200 : 50);
      const moved = { x: at.x + direction[0] * step, y: at.y + direction[1] * step };
      const next = clampToImage(picture, crosshair ? moved : centre);
      this.#stage.show({ crosshair: next, draft: this.#corner && between(this.#corner, next) });
    } else if (event.key === "Enter") {
      const background = event.shiftKey || event.altKey || this.#pointing.tool() === "remove";
      if (!crosshair) this.#stage.show({ crosshair: at });
      else if (this.#pointing.tool() === "box") this.#placeCorner(at);
      else this.#pointing.onPoint({ ...at, label: background ? 0 : 1 });
    } else if (event.key === "b" || event.key === "B") {
      this.#stage.show({ crosshair: at });
      this.#placeCorner(at);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** The first call starts a box, the second ends it. */
  #placeCorner(at: Position): void {
    const first = this.#corner;
    if (!first) {
      this.#corner = at;
      return;
    }
    this.cancel();
    this.#finishBox(between(first, at));
  }

  #finishBox(box: Box): void {
    if (box[2] > box[0] && box[3] > box[1]) this.#pointing.onBox(box);
  }

  #boxBetween(a: Position, b: Position): Box {
    const { picture } = this.#stage.scene;
    const [from, to] = [toImage(this.#stage.view, a), toImage(this.#stage.view, b)];
    return picture ? between(clampToImage(picture, from), clampToImage(picture, to)) : [0, 0, 0, 0];
  }

  #position(event: PointerEvent): Position {
    const { left, top } = this.#stage.element.getBoundingClientRect();
    const { clientLeft, clientTop } = this.#stage.element;
    return { x: event.clientX - left - clientLeft, y: event.clientY - top - clientTop };
  }
}

const arrows: Readonly<Record<string, readonly [dx: number, dy: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function between(a: Position, b: Position): Box {
  return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];
}

function isInside({ width, height }: Size, { x, y }: Position): boolean {
  return x >= 0 && y >= 0 && x <= width && y <= height;
}
