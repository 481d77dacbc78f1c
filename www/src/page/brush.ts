/** How large the brush is. */
import { byId } from "./dom.ts";

const input = byId("brush", HTMLInputElement);
const label = byId("brush-size", HTMLElement);

/** In image pixels: the slider's hundredths of a tenth of the image. */
export function brushRadius(image: { readonly width: number; readonly height: number } | null): number {
  const longer = image ? Math.max(image.width, image.height) : 1000;
  return Math.max(0.75, (input.valueAsNumber / 1000) * longer);
}

export function scaleBrush(factor: number): void {
  input.valueAsNumber = Math.round(input.valueAsNumber * factor + Math.sign(factor - 1));
}

export function showBrush(visible: boolean): void {
  label.hidden = !visible;
}
