/**
 * Which image is on the stage. Opening another loses nothing: the images before stay, with their objects, and undo goes
 * back to them where nothing else is left to undo.
 */
import { baseOf, blankPicture, readPicture, type Picture } from "../io/picture.ts";
import type { Engine } from "../model/engine.ts";
import type { History } from "../state/history.ts";
import { isBlank, type Objects } from "../state/objects.ts";
import type { State } from "../state/state.ts";
import { text } from "../text/texts.ts";
import { showNotice, type Offer } from "./alert.ts";
import { byId } from "./dom.ts";

export interface PictureActions {
  state(): State;
  /** Ends what is under way on the image that is left. */
  leave(): void;
  /** Another image is shown, with these objects, or with none. */
  show(history: History<Objects> | undefined): void;
  /** Shows that the stage has the focus. */
  focus(): void;
  say(words: string): void;
  fail(error: unknown): void;
}

interface Opened {
  readonly picture: Picture;
  /** Its encoding, where it came with one. */
  readonly saved: Blob | undefined;
}

/** Images with objects that can be gone back to: large photographs take 50 MB each. */
const MOST_LEFT = 8;

/** An image that was left, and its objects. */
interface Left extends Opened {
  readonly history: History<Objects>;
}

export class Pictures {
  readonly #engine: Engine;
  readonly #actions: PictureActions;
  #shown: Opened | null = null;
  /** The last one is gone back to first. */
  #before: readonly Left[] = [];
  #after: readonly Left[] = [];
  /** Counts opened files: a slow one must not replace a later one. */
  #turn = 0;
  /** What is shown or can be gone back to. */
  #held = new Set<Picture>();

  constructor(engine: Engine, actions: PictureActions) {
    this.#engine = engine;
    this.#actions = actions;
  }

  get current(): Picture | null {
    return this.#shown?.picture ?? null;
  }

  get canGoBack(): boolean {
    return this.#before.length > 0;
  }

  get canGoForward(): boolean {
    return this.#after.length > 0;
  }

  /** The objects of the images that were left. */
  get left(): Objects[] {
    return [...this.#before, ...this.#after].map((left) => left.history.present);
  }

  /** Resolves to what is shown now; `null`: it cannot be read, or another one was opened meanwhile. */
  async open(read: () => Promise<Picture>, focus: boolean, saved?: Blob): Promise<Picture | null> {
    const turn = ++this.#turn;
    let picture: Picture;
    try {
      picture = await read();
    } catch (error) {
      if (turn === this.#turn) this.#actions.fail(error);
      return null;
    }
    if (turn !== this.#turn) {
      // An encoding of a picture that is here gives that one.
      if (!this.#held.has(picture)) picture.bitmap.close();
      return null;
    }
    const [left] = this.#leave();
    this.#after = [];
    if (left?.history.present.items.some((item) => !isBlank(item)))
      this.#before = [...this.#before, left].slice(-MOST_LEFT);
    if (!left) leaveWelcome();
    if (focus) this.#actions.focus();
    this.#show({ picture, saved });
    if (left && this.#before.at(-1) === left) this.#actions.say(text.undoBrings(left.picture.name));
    return picture;
  }

  /**
   * The encoding of the picture that is shown, or of one that is not there: the file does not say of which, so that its
   * name has to, or the visitor.
   */
  async openSaved(file: File): Promise<void> {
    const shown = this.current?.blank ? null : this.current;
    let [fits, blank] = [false, false];
    const read = async (): Promise<Picture> => {
      const size = await this.#engine.sizeOfSaved(file);
      fits = shown?.width === size.width && shown.height === size.height;
      blank = !fits || ![baseOf(file.name), photoOf(file.name)].includes(shown?.name ?? "");
      return shown && !blank ? shown : blankPicture(size, file.name);
    };
    const opened = await this.open(read, false, file);
    if (!opened) return;
    if (!blank) return this.#actions.say(text.savedOf(file.name, opened.name));
    const offers: Offer[] = [];
    if (shown && fits) {
      // Read anew: what was left may be gone.
      const overlay = (): void => void this.open(() => readPicture(shown.blob, shown.file), false, file);
      offers.push({ label: text.isOf(shown.name), run: overlay });
    }
    showNotice(text.noPhoto(file.name), text.noPhotoText, offers);
  }

  back(): void {
    const before = this.#before.at(-1);
    if (!before) return;
    this.#turn++;
    this.#before = this.#before.slice(0, -1);
    this.#after = [...this.#after, ...this.#leave()];
    this.#show(before, before.history);
  }

  forward(): void {
    const after = this.#after.at(-1);
    if (!after) return;
    this.#turn++;
    this.#before = [...this.#before, ...this.#leave()];
    this.#after = this.#after.slice(0, -1);
    this.#show(after, after.history);
  }

  /** What is left: nothing before the first image. */
  #leave(): readonly Left[] {
    this.#actions.leave();
    return this.#shown ? [{ ...this.#shown, history: this.#actions.state().history }] : [];
  }

  #show({ picture, saved }: Opened, history?: History<Objects>): void {
    const shown = { picture, saved };
    this.#shown = shown;
    this.#actions.show(history);
    const held = new Set([shown, ...this.#before, ...this.#after].map((one) => one.picture));
    for (const old of this.#held) if (!held.has(old)) old.bitmap.close();
    this.#held = held;
    void this.#engine.open(picture, saved);
  }
}

/** The name of the photo that an encoding is of; browsers number files that are there already. */
function photoOf(name: string): string {
  return baseOf(name).replace(/ ?\(\d+\)$/, "");
}

/** The samples move from the middle of the empty stage into the panel. */
function leaveWelcome(): void {
  document.body.toggleAttribute("data-picture", true);
  const panel = byId("more-samples", HTMLElement);
  panel.append(byId("samples", HTMLElement));
  panel.hidden = false;
  const stage = byId("stage", HTMLElement);
  stage.tabIndex = 0;
  // What had the focus may be gone; the image is what comes next.
  stage.focus({ preventScroll: true });
}
