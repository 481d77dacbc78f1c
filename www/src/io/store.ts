/** What the page remembers between visits. */
import { readSettings, type Settings } from "../state/settings.ts";

const settingsKey = "burn-sam";

export interface Remembered extends Settings {
  /** Which file the model is read from, as `keyOf` calls it; `null`: from none. */
  readonly file: string | null;
}

/** Private windows and sandboxed frames have no storage: nothing is remembered there. */
export function recallSettings(): Remembered {
  let written: string | null = null;
  try {
    written = localStorage.getItem(settingsKey);
  } catch {
    // Nothing was written.
  }
  return { ...readSettings(written), file: readFile(written) };
}

export function keepSettings(settings: Remembered): void {
  try {
    localStorage.setItem(settingsKey, JSON.stringify(settings));
  } catch {
    // Nothing to be done, and nothing that works now depends on it.
  }
}

/** Written in one piece with the model's name, so that the two belong together. */
function readFile(written: string | null): string | null {
  try {
    const value: unknown = JSON.parse(written ?? "null");
    if (typeof value !== "object" || value === null || !("file" in value)) return null;
    return typeof value.file === "string" ? value.file : null;
  } catch {
    return null;
  }
}
