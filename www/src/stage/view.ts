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

/** Larger by `factor` around a position on the stage that stays where it is; at most `maxScale`, at least `minScale`. */
export function zoom(view: View, at: Position, factor: number, minScale: number, maxScale: number): View {
  const scale = Math.min(Math.max(view.scale * factor, minScale), maxScale);
  const grown = scale / view.scale;
  return { scale, left: at.x - (at.x - view.left) * grown, top: at.y - (at.y - view.top) * grown };
}

export function pan(view: View, dx: number, dy: number): View {
  return { ...view, left: view.left + dx, top: view.top + dy };
}

/** The nearest view that leaves no more than `margin` beside the image, or has it in the middle where it is smaller. */
export function settle(view: View, image: Size, stage: Size, margin: number): View {
  const along = (at: number, length: number, room: number): number => {
    if (length + 2 * margin <= room) return (room - length) / 2;
    return Math.min(Math.max(at, room - length - margin), margin);
  };
  return {
    scale: view.scale,
    left: along(view.left, image.width * view.scale, stage.width),
    top: along(view.top, image.height * view.scale, stage.height),
  };
}

/** The least move that brings a position of the image at least `margin` inside the stage. */
export function reveal(view: View, inImage: Position, stage: Size, margin: number): View {
  const { x, y } = toStage(view, inImage);
  const into = (at: number, room: number): number => Math.min(Math.max(at, margin), room - margin) - at;
  return pan(view, into(x, stage.width), into(y, stage.height));
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

export function isInside({ width, height }: Size, { x, y }: Position): boolean {
  return x >= 0 && y >= 0 && x <= width && y <= height;
}

/** The same proportions with the longer side at most `limit`. */
export function within(size: Size, limit: number): Size {
  const shrink = Math.min(1, limit / Math.max(size.width, size.height));
  return {
    width: Math.max(1, Math.round(size.width * shrink)),
    height: Math.max(1, Math.round(size.height * shrink)),
  };
}
