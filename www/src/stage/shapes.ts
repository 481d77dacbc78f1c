/** Which shapes of the objects are drawn, and in which order. */
import { chosenShape, type State } from "../state/state.ts";
import type { Shape } from "../state/objects.ts";

export interface DrawnShape {
  readonly shape: Shape;
  readonly colour: number;
  /** Of the object being worked on. */
  readonly active: boolean;
}

/**
 * Large ones first: what lies inside another is on top of it. Everything mode shows only what was kept of its regions.
 * `before` itself where nothing has changed.
 */
export function drawnShapes(
  { history, answers, everything }: Pick<State, "history" | "answers" | "everything">,
  before: readonly DrawnShape[],
): readonly DrawnShape[] {
  const { items, active } = history.present;
  const regions = everything.status === "off" ? null : new Set(everything.regions);
  const shapes = items.flatMap((item) => {
    const shape =
      item.hidden || (regions && !(item.region && regions.has(item.region)))
        ? undefined
        : chosenShape({ answers }, item);
    return shape && shape.area > 0 ? [{ shape, colour: item.colour, active: item.id === active }] : [];
  });
  shapes.sort((a, b) => share(b.shape) - share(a.shape));
  const same = shapes.every(({ shape, active }, i) => before[i]?.shape === shape && before[i]?.active === active);
  return same && before.length === shapes.length ? before : shapes;
}

/** Of the image. */
function share({ area, width, height }: Shape): number {
  return area / (width * height);
}
