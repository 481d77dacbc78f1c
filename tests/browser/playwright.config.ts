import { defineConfig } from "@playwright/test";
import { launchOptions } from "./support/chromium.ts";
import { output } from "./support/paths.ts";
import type { DeviceOption } from "./support/test.ts";

export default defineConfig<object, DeviceOption>({
  testDir: ".",
  outputDir: `${output}/traces`,
  globalSetup: "./support/global-setup.ts",
  reporter: "list",
  // One after another: they compute, and what they measure must not be disturbed.
  workers: 1,
  fullyParallel: false,
  forbidOnly: process.env["CI"] !== undefined,
  projects: [
    {
      name: "cpu",
      timeout: 90_000,
      grepInvert: /@webgpu/,
      use: { device: "cpu", launchOptions: launchOptions("cpu") },
    },
    {
      name: "webgpu",
      // SwiftShader is hundreds of times slower than a GPU: it runs what depends on the device, not what does not.
      timeout: 300_000,
      grepInvert: /@cpu/,
      use: { device: "webgpu", launchOptions: launchOptions("webgpu") },
    },
  ],
});
