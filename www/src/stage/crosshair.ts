/** The stage without a pointer: arrow keys move a crosshair, Enter clicks there, B sets the corners of a box. */
import type { Box, Point } from "burn-sam";
import type { Tool } from "../state/state.ts";
import { boxBetween } from "./pointing.ts";
import type { Stage } from "./stage.ts";
import { clampToImage, type Position } from "./view.ts";

export interface Crosshair {
  tool(): Tool;
  /** `at`: when it was clicked, in milliseconds. */
  onPoint(point: Required<Point>, at: number): void;
  onBox(box: Box): void;
  /** Where it is now; `null`: gone. */
  onMove(point: Required<Point> | null): void;
}

const arrows: Readonly<Record<string, readonly [dx: number, dy: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class StageCrosshair {
  readonly #stage: Stage;
  readonly #crosshair: Crosshair;
  /** The first corner of a box, in image pixels. */
  #corner: Position | null = null;

  constructor(stage: Stage, crosshair: Crosshair) {
    this.#stage = stage;
    this.#crosshair = crosshair;
    stage.element.addEventListener("keydown", (event) => this.#key(event));
    stage.element.addEventListener("blur", () => this.#hide());
    stage.element.addEventListener("pointerdown", () => (this.#corner = null));
  }

  /** Drops a half-made box; returns whether there was one. */
  cancel(): boolean {
    const active = this.#corner !== null;
    this.#corner = null;
    this.#stage.show({ draft: null });
    return active;
  }

  #hide(): void {
    if (this.#stage.scene.crosshair) this.#crosshair.onMove(null);
    this.#stage.show({ crosshair: null });
  }

  #key(event: KeyboardEvent): void {
    const { picture, crosshair } = this.#stage.scene;
    if (!picture || event.ctrlKey || event.metaKey) return;
    const centre = { x: picture.width / 2, y: picture.height / 2 };
    const at = crosshair ?? centre;
    const direction = arrows[event.key];
    const background = event.shiftKey || event.altKey || this.#crosshair.tool() === "remove";
    if (direction) {
      // One step is a fiftieth of the longer side, or with Shift a two-hundredth; the first key shows the crosshair.
      const step = Math.max(picture.width, picture.height) / (event.shiftKey ? 200 : 50);
      const moved = { x: at.x + direction[0] * step, y: at.y + direction[1] * step };
      const next = clampToImage(picture, crosshair ? moved : centre);
      this.#stage.reveal(next);
      this.#stage.show({ crosshair: next, draft: this.#corner && boxBetween(this.#corner, next) });
      this.#crosshair.onMove({ ...next, label: this.#crosshair.tool() === "remove" ? 0 : 1 });
    } else if (event.key === "Enter") {
      if (!crosshair) this.#stage.show({ crosshair: at });
      else if (this.#crosshair.tool() === "box") this.#placeCorner(at);
      else this.#crosshair.onPoint({ ...at, label: background ? 0 : 1 }, event.timeStamp);
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
    const box = boxBetween(first, at);
    if (box[2] > box[0] && box[3] > box[1]) this.#crosshair.onBox(box);
  }
}
