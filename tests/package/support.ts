import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, type Page } from "@playwright/test";
import { npm, pack } from "../browser/support/pack.ts";
import { fixtures } from "../browser/support/paths.ts";
import { bestOfPoint } from "../browser/support/safetensors.ts";

const projects = fileURLToPath(new URL("./projects/", import.meta.url));
/** Folders of projects/. Those with a lock file have dependencies besides the package; `app` is the others' page. */
export type Project = "app" | "lint" | "next" | "tour" | "types" | "typescript5" | "vite7" | "webpack";
const usesApp: readonly Project[] = ["vite7", "webpack"];

/** Where everything of this run is made; global-setup.ts removes it. */
export function workplace(): string {
  const folder = process.env["WORKPLACE"];
  if (folder === undefined) throw new Error("WORKPLACE is not set: global-setup.ts does it.");
  return folder;
}

export function makeWorkplace(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "burn-sam-package-")));
  pack(join(folder, "tarball"));
  return folder;
}

/** A project of somebody else, with the tarball installed, for one test. Returns its folder. */
export function makeProject(kind: Project): string {
  const folder = mkdtempSync(join(workplace(), `${kind}-`));
  cpSync(sharedProject(kind), folder, { recursive: true });
  return folder;
}

const installed = new Map<Project, string>();

/** One for all tests of a worker, where what it depends on takes long to install, or to be copied. */
export function sharedProject(kind: Project): string {
  const folder = installed.get(kind) ?? install(kind);
  installed.set(kind, folder);
  return folder;
}

function install(kind: Project): string {
  const folder = mkdtempSync(join(workplace(), `${kind}-installed-`));
  if (usesApp.includes(kind)) cpSync(join(projects, "app"), folder, { recursive: true });
  cpSync(join(projects, kind), folder, { recursive: true });
  mkdirSync(join(folder, "public"));
  for (const name of ["scene.png", "public/scene.png"]) cpSync(join(fixtures, "scene.png"), join(folder, name));
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund"];
  if (existsSync(join(folder, "package-lock.json"))) {
    npm(["ci", "--prefer-offline", ...quiet], folder);
  } else {
    const manifest = { name: "somebody-elses", version: "1.0.0", private: true, type: "module" };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  }
  // The package has no dependencies, and those of the project are locked: nothing is asked of the registry.
  npm(["install", "--offline", ...quiet, tarball()], folder);
  return folder;
}

export function tarball(): string {
  const { name, version } = JSON.parse(readFileSync(join(projects, "../../../pkg/package.json"), "utf8")) as {
    name: string;
    version: string;
  };
  return join(workplace(), "tarball", `${name}-${version}.tgz`);
}

/** The title while the page of a project computes. */
export const UNFINISHED = "A project that uses burn-sam";
/** For a slow machine: the page downloads, compiles, encodes and decodes. */
export const PATIENCE = { timeout: 60_000 };

/** The title of a page that has its answer: the reference's mask. */
export function expectAnswer(title: string): void {
  const { area, score } = bestOfPoint();
  expect(title).toMatch(/^tiny cpu: area \d+, score [\d.]+$/);
  const [actualArea = NaN, actualScore = NaN] = title.match(/[\d.]+/g)?.map(Number) ?? [];
  expect(actualArea, "area of the best mask").toBe(area);
  // The bound of the browser tests (support/parity.ts).
  expect(Math.abs(actualScore - score), `${actualScore} is the score ${score}`).toBeLessThanOrEqual(1e-3);
}

/** Opens the page of a project and waits for its answer, or for the sentence of its error. */
export async function answer(page: Page, url: string): Promise<string> {
  await page.goto(url);
  await expect.poll(() => page.title(), PATIENCE).not.toBe(UNFINISHED);
  return page.title();
}

/** Opens the page of the project `app`, which must have the answer; the browser must have nothing to complain about. */
export async function expectMask(page: Page, url: string, options: object = {}): Promise<void> {
  const complaints = listen(page);
  await page.addInitScript((options) => Object.assign(globalThis, { options }), options);
  expectAnswer(await answer(page, url));
  expect(complaints).toEqual([]);
}

/** The browser's complaints from now on. */
function listen(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return complaints;
}

export { expect, test };
