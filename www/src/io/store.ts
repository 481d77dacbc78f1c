/** What the page keeps on this device: settings, and the checkpoint file that was chosen last. */
import { readSettings, type Settings } from "../state/settings.ts";

const settingsKey = "burn-sam";
const folderName = "burn-sam-page";
const fileName = "checkpoint";

/** Private windows and sandboxed frames have no storage: nothing is remembered there. */
export function recallSettings(): Settings {
  try {
    return readSettings(localStorage.getItem(settingsKey));
  } catch {
    return readSettings(null);
  }
}

export function keepSettings(settings: Settings): void {
  try {
    localStorage.setItem(settingsKey, JSON.stringify(settings));
  } catch {
    // Nothing to be done, and nothing that works now depends on it.
  }
}

/** Resolves to whether there was room for it. */
export async function keepCheckpoint(file: Blob): Promise<boolean> {
  try {
    const folder = await openFolder(true);
    const handle = await folder.getFileHandle(fileName, { create: true });
    await file.stream().pipeTo(await handle.createWritable());
    return true;
  } catch {
    await forgetCheckpoint();
    return false;
  }
}

export async function recallCheckpoint(): Promise<Blob | null> {
  try {
    const folder = await openFolder(false);
    return await (await folder.getFileHandle(fileName)).getFile();
  } catch {
    return null;
  }
}

export async function forgetCheckpoint(): Promise<void> {
  try {
    await (await navigator.storage.getDirectory()).removeEntry(folderName, { recursive: true });
  } catch {
    // It was not there.
  }
}

async function openFolder(create: boolean): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(folderName, { create });
}
