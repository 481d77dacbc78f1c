import { defineConfig } from "@playwright/test";
import { launchOptions } from "../browser/support/chromium.ts";
import { output } from "../browser/support/paths.ts";

export default defineConfig({
  testDir: ".",
  outputDir: `${output}/traces-package`,
  globalSetup: "./global-setup.ts",
  reporter: "list",
  workers: 1,
  timeout: 120_000,
  forbidOnly: process.env["CI"] !== undefined,
  // A stage of `cargo xtask test` each.
  projects: [
    { name: "package", testIgnore: ["bundlers.spec.ts", "browsers.spec.ts"] },
    { name: "bundlers", testMatch: "bundlers.spec.ts", timeout: 300_000 },
    { name: "browsers", testMatch: "browsers.spec.ts" },
  ],
  use: { launchOptions: launchOptions("cpu") },
});
