/** Zooming and panning with the wheel, two fingers, the space bar or the middle button. */
import { byId } from "../page/dom.ts";
import { positionOn } from "./pointing.ts";
import type { Stage } from "./stage.ts";
import type { Position } from "./view.ts";

/** One notch of a wheel is 100 to 120 pixels: it zooms by a quarter. */
const perPixel = 0.0021;
const lineHeight = 16;
const step = 1.4;

export class StageGestures {
  readonly #stage: Stage;
  /** Fingers, and a mouse that pans, by pointer id. */
  readonly #down = new Map<number, Position>();
  #space = false;
  /** Two fingers were down, and not all have left since. */
  #pinching = false;
  #panning = false;

  constructor(stage: Stage) {
    this.#stage = stage;
    const { element } = stage;
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    // Captured: it must be known who has the pointer before it is taken for a prompt.
    element.addEventListener("pointerdown", (event) => this.#press(event), { capture: true });
    element.addEventListener("pointermove", (event) => this.#move(event), { capture: true });
    for (const type of ["pointerup", "pointercancel"] as const) {
      element.addEventListener(type, (event) => this.#release(event));
    }
    // A second finger is ours, whatever the browser does with the first.
    for (const type of ["touchstart", "touchmove"] as const) {
      element.addEventListener(type, (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
    }
    addEventListener("keydown", (event) => {
      if (event.key === " " && !isControl(event.target)) this.#hold(event);
    });
    addEventListener("keyup", (event) => event.key === " " && this.#setSpace(false));
    addEventListener("blur", () => this.#setSpace(false));
    byId("zoom-in", HTMLButtonElement).addEventListener("click", () => stage.zoom(step));
    byId("zoom-out", HTMLButtonElement).addEventListener("click", () => stage.zoom(1 / step));
    byId("zoom-fit", HTMLButtonElement).addEventListener("click", () => stage.fit());
  }

  /** Is the pointer panning or pinching, so that it sets no prompts? */
  get taken(): boolean {
    return this.#pinching || this.#space || this.#panning;
  }

  zoomIn(): void {
    this.#stage.zoom(step);
  }

  zoomOut(): void {
    this.#stage.zoom(1 / step);
  }

  #hold(event: KeyboardEvent): void {
    if (!this.#stage.scene.picture) return;
    event.preventDefault();
    this.#setSpace(true);
  }

  #setSpace(held: boolean): void {
    this.#space = held;
    this.#stage.element.toggleAttribute("data-panning", held || this.#panning);
  }

  #wheel(event: WheelEvent): void {
    if (!this.#stage.scene.picture) return;
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? lineHeight : 1;
    if (event.shiftKey) return this.#stage.pan(-(event.deltaX + event.deltaY) * unit, 0);
    // A pinch on a touchpad arrives as a wheel with Ctrl, in small steps.
    const speed = event.ctrlKey ? 6 * perPixel : perPixel;
    const limited = Math.max(-240, Math.min(240, event.deltaY * unit));
    this.#stage.zoom(Math.exp(-limited * speed), positionOn(this.#stage, event));
  }

  #press(event: PointerEvent): void {
    if (!this.#stage.scene.picture) return;
    const mouse = event.pointerType !== "touch";
    if (mouse && event.button !== 1 && !(this.#space && event.button === 0)) return;
    if (mouse) {
      this.#panning = true;
      this.#setSpace(this.#space);
      event.preventDefault();
      this.#stage.element.setPointerCapture(event.pointerId);
    }
    this.#down.set(event.pointerId, positionOn(this.#stage, event));
    if (this.#down.size > 1) this.#pinching = true;
  }

  #move(event: PointerEvent): void {
    const before = this.#down.get(event.pointerId);
    if (!before) return;
    const now = positionOn(this.#stage, event);
    const [other] = [...this.#down].filter(([id]) => id !== event.pointerId);
    this.#down.set(event.pointerId, now);
    if (this.#pinching && other) {
      const [, fixed] = other;
      const spread = distance(now, fixed) / Math.max(1, distance(before, fixed));
      // Where the middle was: the view then goes with it.
      this.#stage.zoom(spread, middle(before, fixed));
      this.#stage.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    } else if (this.#panning || this.#stage.element.dataset["drag"] === "pan") {
      this.#stage.pan(now.x - before.x, now.y - before.y);
    }
  }

  #release(event: PointerEvent): void {
    this.#down.delete(event.pointerId);
    if (this.#down.size > 0) return;
    this.#pinching = false;
    this.#panning = false;
    this.#setSpace(this.#space);
  }
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("button, input, select, textarea, summary, a, dialog") !== null;
}

function distance(a: Position, b: Position): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function middle(a: Position, b: Position): Position {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
