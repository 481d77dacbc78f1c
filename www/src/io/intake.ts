/** The ways a file comes in: the dialogs, a drop anywhere on the page, the clipboard, the samples. */
import { byId, onClick } from "../page/dom.ts";
import { PageError } from "../page/errors.ts";
import { text } from "../text/texts.ts";
import { stamped } from "./picture.ts";

export interface Intake {
  /** `focus`: no button was pressed for it that could keep the focus, so the image takes it. */
  onImage(blob: Blob, name: string, focus: boolean): void;
  /** A checkpoint. */
  onModel(file: File): void;
  /** A saved image. */
  onSaved(file: File): void;
  onError(error: unknown): void;
  /** Nothing went wrong, but nothing was opened either. */
  onNothing(words: string): void;
}

export type FileKind = "image" | "model" | "saved";

export function kindOf(name: string): FileKind {
  if (/\.(pth|pt|ckpt|bin|safetensors)$/i.test(name)) return "model";
  return /\.bsam$/i.test(name) ? "saved" : "image";
}

export function connectIntake(intake: Intake): void {
  connectDialogs(intake);
  connectDrop(intake);
  connectPaste(intake);
  connectSamples(intake);
}

function take(intake: Intake, file: File, focus: boolean): void {
  const kind = kindOf(file.name);
  if (kind === "model") intake.onModel(file);
  else if (kind === "saved") intake.onSaved(file);
  else intake.onImage(file, file.name, focus);
}

function connectDialogs(intake: Intake): void {
  for (const [inputId, buttonIds] of [
    ["file", ["open", "open-large"]],
    ["saved-file", ["open-saved"]],
    ["model-file", ["choose-model-file"]],
  ] as const) {
    const input = byId(inputId, HTMLInputElement);
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      // What is chosen as a model is read as one, whatever its name; likewise the rest.
      if (file && inputId === "model-file") intake.onModel(file);
      else if (file && inputId === "saved-file") intake.onSaved(file);
      else if (file) take(intake, file, false);
      // Choosing the same file again is a change too.
      input.value = "";
    });
    for (const id of buttonIds) onClick(id, () => input.click());
  }
}

function connectDrop(intake: Intake): void {
  const { body } = document;
  // `dragenter` and `dragleave` come in pairs for each element on the way: the depth tells when the page is left.
  let depth = 0;
  const hover = (change: number): void => {
    depth = Math.max(0, depth + change);
    body.toggleAttribute("data-dropping", depth > 0);
  };
  addEventListener("dragenter", () => hover(1));
  addEventListener("dragleave", () => hover(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    hover(-depth);
    const file = event.dataTransfer?.files[0];
    if (file) take(intake, file, true);
    else intake.onNothing(text.notAFile);
  });
}

function connectPaste(intake: Intake): void {
  addEventListener("paste", (event) => {
    // Words are pasted into fields, not opened.
    if (event.target instanceof HTMLInputElement) return;
    const file = event.clipboardData?.files[0];
    // A picture that was copied out of a page has a name that all such have; a file that was copied has its own.
    const named = file && file.name !== "" && !/^image\.\w+$/.test(file.name);
    if (file) intake.onImage(file, named ? file.name : stamped("pasted", file.type), true);
    else intake.onNothing(text.noPastedImage);
  });
  onClick("from-clipboard", () => {
    readClipboard().then((blob) => {
      if (blob) intake.onImage(blob, stamped("pasted", blob.type), true);
      else intake.onNothing(text.noPastedImage);
    }, intake.onError);
  });
}

/** `null`: there is no image on it. */
async function readClipboard(): Promise<Blob | null> {
  let items: ClipboardItems;
  try {
    items = await navigator.clipboard.read();
  } catch {
    throw new PageError("bad-image", text.clipboardRefused);
  }
  for (const item of items) {
    const type = item.types.find((each) => each.startsWith("image/"));
    if (type) return item.getType(type);
  }
  return null;
}

function connectSamples(intake: Intake): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-sample]")) {
    const name = button.dataset["sample"] ?? "";
    button.addEventListener("click", () => {
      readSample(name).then((blob) => intake.onImage(blob, name, false), intake.onError);
    });
  }
}

async function readSample(name: string): Promise<Blob> {
  const response = await fetch(new URL(`samples/${name}`, document.baseURI)).catch(() => null);
  if (!response?.ok) throw new PageError("network", text.sampleMissing(name));
  return response.blob();
}
