/** The list of objects: choose, rename, hide, delete. */
import { isBlank, type Item } from "../state/objects.ts";
import { chosenShape, type State } from "../state/state.ts";
import { colourOf } from "../stage/palette.ts";
import { formatScore, nameOf } from "../text/format.ts";
import { text } from "../text/texts.ts";
import { byId, element, icon, onClick, setText } from "./dom.ts";

export interface ObjectActions {
  add(): void;
  select(id: number): void;
  rename(id: number, name: string): void;
  hide(id: number): void;
  delete(id: number): void;
}

interface Row {
  readonly root: HTMLLIElement;
  readonly choose: HTMLButtonElement;
  readonly swatch: HTMLElement;
  readonly name: HTMLElement;
  /** Says what the figure is, to those who do not see where it stands. */
  readonly scored: HTMLElement;
  readonly score: HTMLElement;
  readonly rename: HTMLButtonElement;
  readonly hide: HTMLButtonElement;
  readonly remove: HTMLButtonElement;
}

export class ObjectList {
  readonly #list = byId("objects", HTMLUListElement);
  readonly #count = byId("objects-count", HTMLElement);
  readonly #new: HTMLButtonElement;
  readonly #actions: ObjectActions;
  readonly #rows = new Map<number, Row>();
  #items: readonly Item[] = [];
  /** The object whose name is being written. */
  #renaming: number | null = null;
  #lastActive: number | null = null;

  constructor(actions: ObjectActions) {
    this.#actions = actions;
    this.#new = onClick("new-object", actions.add);
  }

  show(state: State): void {
    const { items, active } = state.history.present;
    this.#items = items;
    setText(this.#count, items.length > 1 ? String(items.length) : "");
    this.#new.disabled = state.image === "none" || items.some((item) => item.id === active && isBlank(item));
    for (const [id, row] of this.#rows) {
      if (items.some((item) => item.id === id)) continue;
      this.#keepFocus(row, items);
      row.root.remove();
      this.#rows.delete(id);
    }
    items.forEach((item, index) => {
      const row = this.#rows.get(item.id) ?? this.#newRow(item.id);
      this.#fill(row, item, item.id === active, state);
      if (this.#list.children[index] !== row.root)
        this.#list.insertBefore(row.root, this.#list.children[index] ?? null);
    });
    // At first there is nothing to scroll, and to look would lay out the page in the middle of its start.
    if (this.#lastActive !== null && active !== this.#lastActive) this.#reveal(this.#rows.get(active));
    this.#lastActive = active;
  }

  /** Begins to write the name of an object. */
  rename(id: number): void {
    const row = this.#rows.get(id);
    const item = this.#items.find((each) => each.id === id);
    if (!row || !item || this.#renaming !== null) return;
    this.#renaming = id;
    const input = element("input");
    input.type = "text";
    input.maxLength = 80;
    input.value = nameOf(item);
    input.setAttribute("aria-label", text.nameOfObject);
    row.choose.hidden = true;
    row.choose.after(input);
    input.focus();
    input.select();
    const end = (keep: boolean): void => {
      if (this.#renaming !== id) return;
      this.#renaming = null;
      const hadFocus = document.activeElement === input;
      const name = input.value.trim();
      input.remove();
      row.choose.hidden = false;
      if (hadFocus) row.choose.focus();
      // The number's own name is no name: it follows the language.
      if (keep) this.#actions.rename(id, name === text.objectName(id) ? "" : name);
    };
    input.addEventListener("blur", () => end(true));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      end(event.key === "Enter");
    });
  }

  #newRow(id: number): Row {
    const root = element("li");
    const choose = element("button");
    const swatch = element("span");
    const name = element("span");
    const score = element("span");
    const scored = element("span");
    choose.type = "button";
    choose.className = "choose";
    swatch.className = "swatch";
    name.className = "name";
    score.className = "score";
    scored.className = "unseen";
    choose.append(swatch, name, scored, score);
    const button = (picture: string, run: () => void): HTMLButtonElement => {
      const created = element("button");
      created.type = "button";
      created.className = "quiet small";
      created.append(icon(picture));
      created.addEventListener("click", run);
      return created;
    };
    const rename = button("pen", () => this.rename(id));
    const hide = button("eye", () => this.#actions.hide(id));
    const remove = button("bin", () => this.#actions.delete(id));
    root.append(choose, rename, hide, remove);
    choose.addEventListener("click", () => this.#actions.select(id));
    choose.addEventListener("dblclick", () => this.rename(id));
    const row = { root, choose, swatch, name, scored, score, rename, hide, remove };
    this.#rows.set(id, row);
    return row;
  }

  #fill(row: Row, item: Item, active: boolean, state: State): void {
    const name = nameOf(item);
    const shape = chosenShape(state, item);
    row.root.toggleAttribute("data-hidden", item.hidden);
    row.choose.setAttribute("aria-pressed", String(active));
    row.swatch.style.background = colourOf(item.colour);
    setText(row.name, name);
    // A long one is cut.
    row.choose.title = name;
    setText(row.scored, shape ? ` ${text.withScore} ` : " ");
    setText(row.score, shape ? formatScore(shape.score) : isBlank(item) ? text.emptyObject : "…");
    for (const button of [row.rename, row.hide, row.remove]) button.disabled = state.image === "none";
    label(row.rename, text.rename(name), text.renameTitle);
    label(row.hide, item.hidden ? text.show(name) : text.hide(name));
    label(row.remove, text.delete(name));
    row.hide.querySelector("use")?.setAttribute("href", item.hidden ? "#i-eye-off" : "#i-eye");
  }

  /** Scrolls the list, and only that: the page stays where the visitor is. */
  #reveal(row: Row | undefined): void {
    if (!row) return;
    const [inner, outer] = [row.root.getBoundingClientRect(), this.#list.getBoundingClientRect()];
    this.#list.scrollTop += Math.min(0, inner.top - outer.top) + Math.max(0, inner.bottom - outer.bottom);
  }

  /** The button that deleted the row had the focus: the next row's takes it. */
  #keepFocus(row: Row, items: readonly Item[]): void {
    if (!row.root.contains(document.activeElement)) return;
    const next = row.root.nextElementSibling ?? row.root.previousElementSibling;
    const target = next?.querySelector<HTMLButtonElement>("button:last-child");
    if (target && items.length > 0) target.focus();
    else this.#new.focus();
  }
}

function label(button: HTMLButtonElement, words: string, title = words): void {
  button.setAttribute("aria-label", words);
  button.title = title;
}
