/** Figures and states in words. */
import type { Progress } from "burn-sam";
import { activeItem, isBlank, isEmpty, type Item } from "../state/objects.ts";
import { chosenShape, type State } from "../state/state.ts";
import { text } from "./texts.ts";

/** An estimate of a share, which the model may put a little above all of it. */
export function formatScore(score: number): string {
  return Math.min(Math.max(score, 0), 1).toFixed(2);
}

export function formatCount(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(count < 1e7 ? 2 : 0)} M`;
  return formatInteger(count);
}

/** As `Intl.NumberFormat` does it, the first of which costs a page most of a frame. */
function formatInteger(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

export function formatTime(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

export function formatProgress({ stage, loaded, total }: Progress): string {
  const percent = total > 0 ? ` · ${Math.floor((100 * loaded) / total)} %` : "";
  switch (stage) {
    case "download": {
      const bytes = total > 0 ? text.ofTotal(formatBytes(loaded), formatBytes(total)) : formatBytes(loaded);
      return `${text.progressDownload} · ${bytes}`;
    }
    case "load":
      return `${text.progressLoad}${percent}`;
    case "compile":
      return `${text.progressCompile}${percent}`;
    case "read":
      return `${text.progressRead}${percent}`;
    case "save":
      return `${text.progressSave}${percent}`;
    case "everything":
      return `${text.progressEverything}${percent}`;
    default:
      return `${text.progressEncode}${percent}`;
  }
}

export function nameOf({ id, name }: Pick<Item, "id" | "name">): string {
  return name || text.objectName(id);
}

/** Below it an answer is rather a guess. */
const unsure = 0.5;

/**
 * What is going on, or what to do next. `areaInImage` is the chosen mask's, in pixels of the image; `rough`: there are
 * better models.
 */
export function statusText(state: State, hasPicture: boolean, areaInImage: number, rough: boolean): string {
  const item = activeItem(state.history.present);
  if (state.model === "failed") return text.statusFailed;
  if (state.model === "loading") return hasPicture ? text.statusWaits : text.statusLoading;
  if (state.image === "none") return text.statusOpen;
  if (state.image === "failed") return text.statusImageFailed;
  if (state.image === "encoding") return isEmpty(item.prompts) ? text.statusEncoding : text.statusEncodingAsked;
  const { status, regions, done, total } = state.everything;
  if (status === "running") return text.statusFinding(regions.length, total > 0 ? Math.floor((100 * done) / total) : 0);
  const touch = matchMedia("(pointer: coarse)").matches;
  if (status === "done") return regions.length > 0 ? text.statusFound(regions.length, touch) : text.statusFoundNone;
  if (isBlank(item)) {
    if (state.tool === "box") return text.statusBox;
    if (state.tool === "brush" || state.tool === "erase") return text.statusBrush;
    return touch ? text.statusTap : text.statusClick;
  }
  const shape = chosenShape(state, item);
  if (!shape) return text.statusLooking;
  if (shape.area === 0) return text.statusNothing;
  if (rough && shape !== item.region && shape.score < unsure) return text.statusUnsure(formatScore(shape.score));
  const pixels = formatInteger(areaInImage);
  return shape === item.region ? text.statusRegion(pixels) : text.statusScore(formatScore(shape.score), pixels);
}
