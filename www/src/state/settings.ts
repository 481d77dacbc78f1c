/** What the page remembers between visits, as plain data. */
import type { Device, Precision } from "burn-sam";
import type { Language } from "../text/texts.ts";

/** Which model: by a preset's name, from an address, or from a file that the page has kept. */
export type ModelChoice =
  | { readonly kind: "preset"; readonly name: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "file"; readonly name: string };

export interface Settings {
  /** `null`: the browser's. */
  readonly language: Language | null;
  readonly model: ModelChoice;
  readonly device: Device | "auto";
  readonly precision: Precision | "auto";
  /** Show what a click would give while hovering. */
  readonly preview: boolean;
  /** Fill pinholes and drop specks. */
  readonly tidy: boolean;
  /** Single-key shortcuts. */
  readonly keys: boolean;
  /** Width of a cut-out's soft edge, in pixels. */
  readonly feather: number;
}

export const builtIn: ModelChoice = { kind: "preset", name: "tiny" };

export const defaults: Settings = {
  language: null,
  model: builtIn,
  device: "auto",
  precision: "auto",
  preview: true,
  tidy: true,
  keys: true,
  feather: 0,
};

/** What was written by this or any other version of the page, or by anyone: what is not understood is the default. */
export function readSettings(written: string | null): Settings {
  const given = parse(written);
  const one = <T>(key: keyof Settings, values: readonly T[], otherwise: T): T =>
    values.find((value) => value === given[key]) ?? otherwise;
  return {
    language: one<Language | null>("language", ["en", "zh"], null),
    model: readModel(given["model"]) ?? defaults.model,
    device: one<Settings["device"]>("device", ["webgpu", "cpu"], "auto"),
    precision: one<Settings["precision"]>("precision", ["f16", "f32"], "auto"),
    preview: one("preview", [false], true),
    tidy: one("tidy", [false], true),
    keys: one("keys", [false], true),
    feather: typeof given["feather"] === "number" ? Math.min(Math.max(given["feather"] || 0, 0), 20) : 0,
  };
}

function parse(written: string | null): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(written ?? "{}");
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function readModel(value: unknown): ModelChoice | null {
  if (!isRecord(value)) return null;
  const { kind, name, url } = value;
  if (kind === "url") return typeof url === "string" ? { kind, url } : null;
  return (kind === "preset" || kind === "file") && typeof name === "string" ? { kind, name } : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** From `?model=`: a preset's name or an address. */
export function modelFrom(query: string, presets: readonly string[]): ModelChoice {
  return presets.includes(query) ? { kind: "preset", name: query } : { kind: "url", url: query };
}

export function modelName(model: ModelChoice): string {
  if (model.kind !== "url") return model.name;
  return model.url.split(/[?#]/)[0]?.split("/").at(-1) || model.url;
}
