/** The models of the menu, and what is kept of them on this device. */
import { presets, Sam } from "burn-sam";
import type { MenuEntry } from "../page/settings.ts";

/** Bytes of the file that ships with the page. */
const builtInBytes = 5_755_768;

export const menu: readonly MenuEntry[] = [
  { name: "tiny", title: "tiny", bytes: builtInBytes, licence: "MIT OR Apache-2.0" },
  ...presets,
];

/** Names of the menu's models that are kept on this device. */
export async function keptModels(): Promise<ReadonlySet<string>> {
  const kept = await Sam.cached().catch(() => []);
  return new Set(presets.filter(({ url }) => kept.some((each) => each.url === url)).map(({ name }) => name));
}

export async function forgetModels(): Promise<void> {
  await Sam.forget();
}
