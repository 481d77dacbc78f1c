/** Figures and states in words. */
import type { Progress } from "burn-sam";
import { chosenMask, isEmpty, type State } from "./state.ts";

const integers = new Intl.NumberFormat("en");

export function formatScore(score: number): string {
  return score.toFixed(2);
}

export function formatCount(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(count < 1e7 ? 2 : 0)} M`;
  return integers.format(count);
}

export function formatBytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function formatTime(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

export function formatProgress({ stage, loaded, total }: Progress): string {
  const percent = total > 0 ? ` · ${Math.floor((100 * loaded) / total)} %` : "";
  switch (stage) {
    case "download":
      return `Downloading the model · ${formatBytes(loaded)}${total > 0 ? ` of ${formatBytes(total)}` : ""}`;
    case "load":
      return `Loading the model${percent}`;
    case "compile":
      return `Preparing the GPU${percent}`;
    case "read":
      return `Reading the image${percent}`;
    default:
      return `Encoding the image${percent}`;
  }
}

const touch = matchMedia("(pointer: coarse)").matches;

/** What is going on, or what to do next. `areaInImage` is the chosen mask's, in pixels of the image. */
export function statusText(state: State, hasPicture: boolean, areaInImage: number): string {
  if (state.model === "failed") return "The model is not running.";
  if (state.model === "loading") return hasPicture ? "The image waits for the model…" : "Loading the model…";
  if (state.image === "none") return "Open an image to begin.";
  if (state.image === "failed") return "This image could not be encoded. Try another one.";
  if (state.image === "encoding") {
    return isEmpty(state.history.present) ? "Encoding the image…" : "The answer comes when the image is encoded…";
  }
  if (isEmpty(state.history.present)) {
    if (state.tool === "box") return "Drag a box around an object.";
    return touch ? "Tap an object." : "Click an object, or drag a box around it.";
  }
  const mask = chosenMask(state);
  if (!mask) return "Looking…";
  if (mask.area === 0) return "Nothing found there. Try another point.";
  return `Score ${formatScore(mask.score)} · ${integers.format(areaInImage)} pixels. Add points to refine.`;
}
