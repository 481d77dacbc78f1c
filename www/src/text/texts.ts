/** The page's words in the visitor's language, and their way into `index.html`. */
import { en, type Texts } from "./en.ts";
import { zh } from "./zh.ts";

export type Language = "en" | "zh";
export const languages: Readonly<Record<Language, Texts>> = { en, zh };

/** The words of the current language. */
export let text: Texts = en;
export let language: Language = "en";

/** The first of the visitor's languages that the page speaks. */
export function preferred(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const name = tag.toLowerCase().split("-")[0];
    if (name === "zh" || name === "en") return name;
  }
  return "en";
}

/** A text that takes no figures; the key itself where there is none, which a test sees to. */
export function plain(key: string): string {
  const value: unknown = Object.hasOwn(text, key) ? text[key as keyof Texts] : undefined;
  return typeof value === "string" ? value : key;
}

/** The attributes of `index.html` that name a text, and what the text becomes. */
const places = {
  "data-t": (element: Element, words: string) => (element.textContent = words),
  "data-t-label": (element: Element, words: string) => element.setAttribute("aria-label", words),
  "data-t-title": (element: Element, words: string) => element.setAttribute("title", words),
} as const;

export function speak(wanted: Language): void {
  language = wanted;
  text = languages[wanted];
  document.documentElement.lang = text.language;
  document.title = text.title;
  translate(document.documentElement);
}

export function translate(root: Element): void {
  for (const [attribute, put] of Object.entries(places)) {
    for (const element of root.querySelectorAll(`[${attribute}]`))
      put(element, plain(element.getAttribute(attribute) ?? ""));
  }
}
