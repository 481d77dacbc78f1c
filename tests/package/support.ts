import { cpSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, type Page } from "@playwright/test";
import { npm, pack } from "../browser/support/pack.ts";
import { fixtures } from "../browser/support/paths.ts";

const projects = fileURLToPath(new URL("./projects/", import.meta.url));

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

/** A project of somebody else, with the tarball installed. Returns its folder. */
export function makeProject(kind: "app" | "types"): string {
  const folder = mkdtempSync(join(workplace(), `${kind}-`));
  cpSync(join(projects, kind), folder, { recursive: true });
  cpSync(join(fixtures, "scene.png"), join(folder, "scene.png"));
  const manifest = { name: "somebody-elses", version: "1.0.0", private: true, type: "module" };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  // The package has no dependencies: nothing is downloaded.
  npm(["install", "--silent", "--offline", "--no-audit", "--no-fund", tarball()], folder);
  return folder;
}

export function tarball(): string {
  const { name, version } = JSON.parse(readFileSync(join(projects, "../../../pkg/package.json"), "utf8")) as {
    name: string;
    version: string;
  };
  return join(workplace(), "tarball", `${name}-${version}.tgz`);
}

/** Opens the page of the project `app` and waits for its answer; the browser must have nothing to complain about. */
export async function expectMask(page: Page, url: string, options: object = {}): Promise<void> {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.addInitScript((options) => Object.assign(globalThis, { options }), options);
  await page.goto(url);
  await expect.poll(() => page.title(), { timeout: 60_000 }).not.toBe("A project that uses burn-sam");
  // The area of the reference's best mask: `point` in tests/fixtures/tiny_photo.safetensors.
  expect(await page.title()).toBe("tiny cpu 7019");
  expect(complaints).toEqual([]);
}

export { expect, test };
