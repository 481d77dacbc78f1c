/** Colours that lie on photographs, not on the page: they are the same in light and dark. */

/** Of the objects: `[red, green, blue]`, told apart by most people who see few colours too (after Okabe and Ito). */
const palette = [
  [56, 128, 255],
  [240, 138, 0],
  [0, 176, 124],
  [226, 96, 176],
  [120, 190, 240],
  [214, 70, 40],
  [232, 212, 50],
  [142, 100, 235],
] as const;

export function rgbOf(colour: number): readonly [red: number, green: number, blue: number] {
  return palette[colour % palette.length] ?? palette[0];
}

/** As CSS has it; `alpha` from 0 to 1. */
export function colourOf(colour: number, alpha = 1): string {
  return `rgb(${rgbOf(colour).join(" ")} / ${Math.round(alpha * 100)}%)`;
}

export const marks = {
  check: "#ffffff",
  otherCheck: "#d9d6d2",
  dim: "rgb(8 10 16 / 45%)",
  line: "#ffffff",
  halo: "rgb(6 20 60 / 75%)",
  add: "#15803d",
  remove: "#dc2626",
} as const;
