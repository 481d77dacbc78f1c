/** Tells the second click of a double-click from one that means something. */
import type { Position } from "./view.ts";

/** Milliseconds between the two, as most systems have it. */
const doubleClick = 500;

export class Clicks {
  #last: Position = { x: 0, y: 0 };
  #time = -Infinity;

  /** Is it as good as the one before: soon after it, and no further away than `reach`? `now`: when it was made, not
   * when it is heard of, in milliseconds. */
  repeats({ x, y }: Position, reach: number, now: number): boolean {
    const near = Math.hypot(x - this.#last.x, y - this.#last.y) <= reach;
    const again = near && now - this.#time < doubleClick;
    this.#last = { x, y };
    this.#time = now;
    return again;
  }

  /** Something else has been done since. */
  forget(): void {
    this.#time = -Infinity;
  }
}
