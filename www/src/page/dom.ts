/** The element of `index.html` with this id; the page is broken without it, so its absence throws. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`index.html has no ${kind.name} with the id "${id}"`);
}

/** A 2D context; browsers refuse one only when they are out of memory. */
export function context2d(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (context) return context;
  throw new Error("The browser could not create a canvas.");
}

export function element<K extends keyof HTMLElementTagNameMap>(tag: K, words = ""): HTMLElementTagNameMap[K] {
  const created = document.createElement(tag);
  created.textContent = words;
  return created;
}

/** One of the sprite's pictures. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.classList.add("icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function onClick(id: string, run: () => void): HTMLButtonElement {
  const button = byId(id, HTMLButtonElement);
  button.addEventListener("click", run);
  return button;
}

/** `undefined` and `null` remove the attribute. */
export function setData(target: HTMLElement, values: Readonly<Record<string, string | null | undefined>>): void {
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === null) delete target.dataset[key];
    else if (target.dataset[key] !== value) target.dataset[key] = value;
  }
}

/** Only where it differs: an unchanged text is neither laid out nor announced again. */
export function setText(target: Element, words: string): void {
  if (target.textContent !== words) target.textContent = words;
}
