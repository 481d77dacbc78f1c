/** Mouse, pen and finger on the stage → points, boxes and strokes in image pixels, and where the pointer hovers. */
import type { Box, Point } from "burn-sam";
import type { Tool } from "../state/state.ts";
import type { Stroke } from "../state/strokes.ts";
import type { Stage } from "./stage.ts";
import { clampToImage, isInside, toImage, type Position } from "./view.ts";

export interface Pointing {
  tool(): Tool;
  /** Is everything but a click of no use? */
  clicksOnly(): boolean;
  /** The brush's radius in image pixels. */
  radius(): number;
  /** Is the pointer taken for something else: panning, pinching? */
  taken(): boolean;
  /** `at`: when it was clicked, in milliseconds. */
  onPoint(point: Required<Point>, at: number): void;
  onBox(box: Box): void;
  onStroke(stroke: Stroke): void;
  /** `null`: the pointer left the image, or is busy. */
  onHover(point: Required<Point> | null): void;
}

/** CSS pixels: a shorter drag is a click with an unsteady hand. */
const dragThreshold = 6;

interface Drag {
  readonly pointer: number;
  readonly startOnStage: Position;
  /** Right button, Alt or Ctrl: background, whatever the tool. */
  readonly altered: boolean;
  readonly kind: "click" | "box" | "stroke";
  moved: boolean;
}

export function boxBetween(a: Position, b: Position): Box {
  return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];
}

export class StagePointing {
  readonly #stage: Stage;
  readonly #pointing: Pointing;
  #drag: Drag | null = null;

  constructor(stage: Stage, pointing: Pointing) {
    this.#stage = stage;
    this.#pointing = pointing;
    const { element } = stage;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#up(event));
    element.addEventListener("pointercancel", () => this.cancel());
    element.addEventListener("pointerleave", () => this.#leave());
    // The right button is a prompt here.
    element.addEventListener("contextmenu", (event) => {
      if (stage.scene.picture) event.preventDefault();
    });
  }

  /** Drops a half-made box or stroke; returns whether there was one. */
  cancel(): boolean {
    const active = this.#drag !== null;
    this.#drag = null;
    this.#stage.show({ draft: null, stroke: null });
    return active;
  }

  #down(event: PointerEvent): void {
    const { picture } = this.#stage.scene;
    if (this.#pointing.taken()) return void this.cancel();
    if (!picture || this.#drag || (event.button !== 0 && event.button !== 2)) return;
    const tool = this.#pointing.tool();
    const brush = tool === "brush" || tool === "erase";
    // A finger's drag scrolls the page or moves the image, unless boxes are asked for.
    const dragged = event.pointerType !== "touch" || tool === "box";
    const boxes = event.button === 0 && !brush && dragged && !this.#pointing.clicksOnly();
    this.#drag = {
      pointer: event.pointerId,
      startOnStage: positionOn(this.#stage, event),
      altered: event.button === 2 || event.altKey || event.ctrlKey,
      kind: brush ? "stroke" : boxes ? "box" : "click",
      moved: false,
    };
    this.#stage.element.setPointerCapture(event.pointerId);
    this.#stage.show({ crosshair: null });
    this.#pointing.onHover(null);
    if (brush) this.#paint(event);
  }

  #move(event: PointerEvent): void {
    const drag = this.#drag;
    if (this.#pointing.taken()) return this.#leave();
    if (!drag) return this.#hover(event);
    if (drag.pointer !== event.pointerId) return;
    const now = positionOn(this.#stage, event);
    const distance = Math.hypot(now.x - drag.startOnStage.x, now.y - drag.startOnStage.y);
    drag.moved ||= distance >= dragThreshold;
    if (drag.kind === "stroke") this.#paint(event);
    else if (drag.kind === "box" && drag.moved) this.#stage.show({ draft: this.#box(drag.startOnStage, now) });
  }

  #up(event: PointerEvent): void {
    const drag = this.#drag;
    if (!drag || drag.pointer !== event.pointerId) return;
    const { stroke, picture } = this.#stage.scene;
    this.cancel();
    if (drag.kind === "stroke") {
      if (stroke) this.#pointing.onStroke(stroke);
      return;
    }
    if (drag.kind === "box" && drag.moved) {
      const box = this.#box(drag.startOnStage, positionOn(this.#stage, event));
      if (box[2] > box[0] && box[3] > box[1]) this.#pointing.onBox(box);
      return;
    }
    const inImage = toImage(this.#stage.view, drag.startOnStage);
    const tool = this.#pointing.tool();
    if (!picture || !isInside(picture, inImage) || (tool === "box" && !drag.altered)) return;
    // A finger that moved wanted to scroll; a mouse that moved, to draw what cannot be drawn now.
    if (drag.moved && (event.pointerType === "touch" || this.#pointing.clicksOnly())) return;
    this.#pointing.onPoint({ ...inImage, label: drag.altered || tool === "remove" ? 0 : 1 }, event.timeStamp);
  }

  /** Adds to the stroke where the pointer has been since the last event. */
  #paint(event: PointerEvent): void {
    const { picture, stroke } = this.#stage.scene;
    if (!picture) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    const path = [...(stroke?.path ?? [])];
    for (const each of passed.length > 0 ? passed : [event]) {
      const at = toImage(this.#stage.view, positionOn(this.#stage, each));
      path.push(Math.round(at.x * 10) / 10, Math.round(at.y * 10) / 10);
    }
    const radius = stroke?.radius ?? this.#pointing.radius();
    const erase = stroke?.erase ?? (this.#pointing.tool() === "erase" || (this.#drag?.altered ?? false));
    const tip = { x: path.at(-2) ?? 0, y: path.at(-1) ?? 0 };
    this.#stage.show({ stroke: { erase, radius, path }, brush: { ...tip, radius } });
  }

  #hover(event: PointerEvent): void {
    const { picture } = this.#stage.scene;
    if (!picture || event.pointerType === "touch") return;
    const at = toImage(this.#stage.view, positionOn(this.#stage, event));
    const tool = this.#pointing.tool();
    const brush = tool === "brush" || tool === "erase";
    this.#stage.show({ brush: brush ? { ...at, radius: this.#pointing.radius() } : null });
    const wanted = !brush && tool !== "box" && isInside(picture, at);
    this.#pointing.onHover(wanted ? { ...at, label: event.altKey || tool === "remove" ? 0 : 1 } : null);
  }

  #leave(): void {
    this.#stage.show({ brush: null });
    this.#pointing.onHover(null);
  }

  #box(a: Position, b: Position): Box {
    const { picture } = this.#stage.scene;
    if (!picture) return [0, 0, 0, 0];
    const [from, to] = [toImage(this.#stage.view, a), toImage(this.#stage.view, b)];
    return boxBetween(clampToImage(picture, from), clampToImage(picture, to));
  }
}

export function positionOn({ element }: Stage, event: MouseEvent): Position {
  const { left, top } = element.getBoundingClientRect();
  return { x: event.clientX - left - element.clientLeft, y: event.clientY - top - element.clientTop };
}
