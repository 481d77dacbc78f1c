/** A picture from the camera. */
import { byId, onClick } from "../page/dom.ts";
import { nameOfError } from "../page/errors.ts";
import { text } from "../text/texts.ts";
import { stamped } from "./picture.ts";

/** Returns what opens the dialog. The camera runs only while it is open. */
export function connectCamera(onImage: (blob: Blob, name: string) => void): () => void {
  const dialog = byId("camera-dialog", HTMLDialogElement);
  const video = byId("camera-video", HTMLVideoElement);
  const reason = byId("camera-reason", HTMLElement);
  let stream: MediaStream | null = null;
  /** Counts openings: the answer to an earlier one may come late. */
  let opening = 0;
  const shoot = onClick("camera-shoot", () => {
    void take(video).then((blob) => {
      dialog.close();
      if (blob) onImage(blob, stamped("camera", blob.type));
    });
  });
  const stop = (): void => {
    opening++;
    if (stream) end(stream);
    stream = null;
    video.srcObject = null;
  };
  dialog.addEventListener("close", stop);
  return () => {
    reason.textContent = text.cameraStarting;
    shoot.disabled = true;
    for (const each of [video, shoot]) each.hidden = false;
    dialog.showModal();
    const turn = ++opening;
    start().then(
      async (started) => {
        // It was closed while the visitor was asked.
        if (turn !== opening) return end(started);
        stream = started;
        video.srcObject = started;
        await video.play().catch(() => undefined);
        if (turn !== opening) return;
        reason.textContent = "";
        shoot.disabled = false;
        shoot.focus();
      },
      (error: unknown) => {
        if (turn !== opening) return;
        reason.textContent = explain(error);
        // There is nothing to see, and nothing to press.
        for (const each of [video, shoot]) each.hidden = true;
      },
    );
  };
}

function end(stream: MediaStream): void {
  stream.getTracks().forEach((track) => track.stop());
}

/** Undefined on pages of plain http, where browsers have no camera for them. */
async function start(): Promise<MediaStream> {
  const devices: MediaDevices | undefined = navigator.mediaDevices;
  if (!devices) throw new DOMException("", "SecurityError");
  return devices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } }, audio: false });
}

function explain(error: unknown): string {
  switch (nameOfError(error)) {
    case "NotAllowedError":
      return text.cameraDenied;
    case "NotFoundError":
    case "OverconstrainedError":
      return text.cameraMissing;
    case "SecurityError":
      return text.cameraInsecure;
    default:
      return text.cameraBusy;
  }
}

async function take(video: HTMLVideoElement): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve));
}
