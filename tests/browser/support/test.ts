import { test as base, expect, type ConsoleMessage, type Page } from "@playwright/test";
import type {} from "../site/page.ts";

export type Device = "cpu" | "webgpu";

/** Options of a project. */
export interface DeviceOption {
  device: Device;
}

interface WorkerFixtures extends DeviceOption {
  /** A page with a model (`sam`) and scene.png encoded (`scene`), shared by the tests of a worker: leave it as it was. */
  bench: Page;
  /** What all pages have complained about. */
  complaints: string[];
}

interface TestFixtures {
  /** A page of its own, with nothing loaded. */
  page: Page;
  /** Complaints of the browser that this test provokes. */
  expectComplaint: (pattern: RegExp) => void;
}

export const site = (path = ""): string => new URL(path, address("SITE_URL")).href;
/** Another origin that serves the same files; only open.png with CORS. */
export const otherSite = (path = ""): string => new URL(path, address("OTHER_URL")).href;
export const demoSite = (path = ""): string => new URL(path, address("DEMO_URL")).href;
export const siteFolder = (): string => address("SITE_FOLDER");

function address(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: global-setup.ts does it.`);
  return value;
}

/** A line in the output of the test run. */
export function print(line: string): void {
  console.log(`    ${line}`);
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  device: ["cpu", { option: true, scope: "worker" }],

  complaints: [
    async ({}, use) => {
      await use([]);
    },
    { scope: "worker" },
  ],

  // Automatic: a complaint of the browser fails the test even where nothing else goes wrong.
  expectComplaint: [
    async ({ complaints }, use) => {
      complaints.length = 0;
      const expected: RegExp[] = [];
      await use((pattern) => expected.push(pattern));
      const rest = complaints.filter((complaint) => !expected.some((pattern) => pattern.test(complaint)));
      expect(rest, "errors in the browser's console").toEqual([]);
    },
    { auto: true },
  ],

  page: async ({ page, complaints, expectComplaint: _ }, use) => {
    listen(page, complaints);
    await openSite(page);
    await use(page);
  },

  bench: [
    async ({ browser, device, complaints }, use) => {
      const context = await browser.newContext();
      const page = await context.newPage();
      listen(page, complaints);
      await openSite(page);
      const adapter = await page.evaluate(async (device) => {
        globalThis.sam = await burnSam.Sam.load({ device });
        globalThis.scene = await sam.encode(await fetchBlob("scene.png"));
        return `${sam.info.model} on ${sam.info.device}: ${sam.info.adapter}`;
      }, device);
      print(adapter);
      await use(page);
      await context.close();
    },
    // Compiling and encoding on a slow machine.
    { scope: "worker", timeout: 300_000 },
  ],
});

export { expect };

/** The page of site.ts, ready to be driven. */
export async function openSite(page: Page, path = ""): Promise<void> {
  // Its script has run when the page has loaded.
  await page.goto(site(path));
  expect(await page.evaluate(() => typeof burnSam), "the package in the page").toBe("object");
}

function listen(page: Page, complaints: string[]): void {
  page.on("console", (message: ConsoleMessage) => {
    if (message.type() === "error") complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
}
