/** The live preview: of all positions the pointer has been at, only the newest is asked, and never two at a time. */
import type { Point, SamImage } from "burn-sam";
import { toPrompt, type Item, type Shape } from "../state/objects.ts";
import { within } from "../stage/view.ts";

/** What is under the pointer is seen well enough with this many pixels. */
const previewLimit = 512;

export interface Question {
  readonly image: SamImage;
  readonly item: Item;
  readonly point: Required<Point>;
}

export class Hover {
  readonly #show: (shape: Shape | null) => void;
  #wanted: Question | null = null;
  #asked: Question | null = null;

  constructor(show: (shape: Shape | null) => void) {
    this.#show = show;
  }

  /** `null`: nothing is pointed at, and what is shown goes. */
  ask(question: Question | null): void {
    this.#wanted = question;
    if (!question) this.#show(null);
    else if (!this.#asked) void this.#answer();
  }

  async #answer(): Promise<void> {
    while (this.#wanted && this.#wanted !== this.#asked) {
      const question = this.#wanted;
      this.#asked = question;
      const shape = await preview(question);
      // The newest answer is shown even when the pointer has moved on: the next is on its way.
      if (this.#wanted) this.#show(shape);
    }
    this.#asked = null;
  }
}

/** A preview that fails is none: the click itself will say what is wrong. */
async function preview({ image, item, point }: Question): Promise<Shape | null> {
  try {
    const options = { size: within(image, previewLimit), latest: true };
    const [best] = await image.segment(toPrompt(item, image, point), options);
    return best ?? null;
  } catch {
    return null;
  }
}
