/** Image files that are made of masks. */
import { cutout, toBlob, type BinaryMask, type CutoutOptions } from "burn-sam";

export interface Drawing {
  readonly mask: BinaryMask;
  /** What the mask is cut out of; `null`: the mask alone is drawn. */
  readonly image: Blob | null;
  readonly options?: CutoutOptions;
}

export function draw({ mask, image, options }: Drawing): Promise<Blob> {
  return image ? cutout(image, mask, options) : toBlob(mask);
}
