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
  use: { launchOptions: launchOptions("cpu") },
});
