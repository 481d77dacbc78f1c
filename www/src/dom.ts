/** The element of `index.html` with this id; the page is broken without it, so its absence throws. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`index.html has no ${kind.name} with the id "${id}"`);
}

/** A 2D context; browsers refuse one only when they are out of memory. */
export function context2d(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (context) return context;
  throw new Error("The browser could not create a canvas.");
}
