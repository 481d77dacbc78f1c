/** Where the picture lies on the stage. Stage coordinates are CSS pixels from the stage's top left corner. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Position {
  readonly x: number;
  readonly y: number;
}

export interface View {
  /** CSS pixels per image pixel. */
  readonly scale: number;
  readonly left: number;
  readonly top: number;
}

/** The largest view that shows the whole image, centred, with some room around it; small images grow, but not to mush. */
export function fit(image: Size, stage: Size, margin: number, maxScale = 4): View {
  const width = Math.max(1, stage.width - 2 * margin);
  const height = Math.max(1, stage.height - 2 * margin);
  const scale = Math.min(width / image.width, height / image.height, maxScale);
  return {
    scale,
    left: (stage.width - image.width * scale) / 2,
    top: (stage.height - image.height * scale) / 2,
  };
}

export function toImage(view: View, onStage: Position): Position {
  return { x: (onStage.x - view.left) / view.scale, y: (onStage.y - view.top) / view.scale };
}

export function toStage(view: View, inImage: Position): Position {
  return { x: inImage.x * view.scale + view.left, y: inImage.y * view.scale + view.top };
}

/** The nearest position inside the image. */
export function clampToImage(image: Size, { x, y }: Position): Position {
  return { x: Math.min(Math.max(x, 0), image.width), y: Math.min(Math.max(y, 0), image.height) };
}

/** The same proportions with the longer side at most `limit`. */
export function within(size: Size, limit: number): Size {
  const shrink = Math.min(1, limit / Math.max(size.width, size.height));
  return {
    width: Math.max(1, Math.round(size.width * shrink)),
    height: Math.max(1, Math.round(size.height * shrink)),
  };
}
