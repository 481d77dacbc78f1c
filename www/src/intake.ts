/** The ways an image comes in: the file dialog, a drop anywhere on the page, the clipboard, the samples. */
import { byId } from "./dom.ts";
import { PageError } from "./messages.ts";

export interface Intake {
  /** `focus`: no button was pressed for it that could keep the focus, so the image takes it. */
  onImage(blob: Blob, name: string, focus: boolean): void;
  onError(error: unknown): void;
}

export function connectIntake(intake: Intake): void {
  connectDialog(intake);
  connectDrop(intake);
  connectPaste(intake);
  connectSamples(intake);
}

function connectDialog(intake: Intake): void {
  const input = byId("file", HTMLInputElement);
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) intake.onImage(file, file.name, false);
    // Choosing the same file again is a change too.
    input.value = "";
  });
  for (const id of ["open", "open-large"]) {
    byId(id, HTMLButtonElement).addEventListener("click", () => input.click());
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
    if (file) intake.onImage(file, file.name, true);
    else
      intake.onError(new PageError("bad-image", "What was dropped is not a file. Save the image first, then drop it."));
  });
}

function connectPaste(intake: Intake): void {
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) intake.onImage(file, file.name || "pasted", true);
    else
      intake.onError(new PageError("bad-image", "There is no image on the clipboard. Copy an image, then paste it."));
  });
}

function connectSamples(intake: Intake): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-sample]")) {
    const name = button.dataset.sample ?? "";
    button.addEventListener("click", () => {
      readSample(name).then((blob) => intake.onImage(blob, name, false), intake.onError);
    });
  }
}

async function readSample(name: string): Promise<Blob> {
  const response = await fetch(new URL(`samples/${name}`, document.baseURI)).catch(() => null);
  if (!response?.ok) throw new PageError("network", `The sample ${name} could not be fetched. Try again.`);
  return response.blob();
}
