/** The models of the menu, and what is kept of them on this device. */
import type { MenuEntry } from "../page/settings.ts";

/** Bytes of the file that ships with the page. */
const builtInBytes = 5_755_768;
/** Where the package keeps what it has downloaded. */
const cacheName = "burn-sam";

export const menu: readonly MenuEntry[] = [{ name: "tiny", bytes: builtInBytes, licence: "MIT OR Apache-2.0" }];

/** Names of the menu's models that are kept on this device. */
export async function keptModels(): Promise<ReadonlySet<string>> {
  return new Set();
}

export async function forgetModels(): Promise<void> {
  await caches.delete(cacheName);
}
