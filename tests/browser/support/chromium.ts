import { existsSync } from "node:fs";

const usualPlaces = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:/Program Files/Google/Chrome/Application/chrome.exe",
];

/** The browser of this machine: `cargo xtask test` names it, or installs one. */
export function findChromium(): string {
  const named = process.env["BURN_SAM_CHROMIUM"] ?? process.env["CHROME"];
  const found = named ?? usualPlaces.find((path) => existsSync(path));
  if (found === undefined) throw new Error("No Chromium: name one in BURN_SAM_CHROMIUM, or run `cargo xtask test`.");
  return found;
}

/** No sandbox: it does not start as root in a container. The others keep the browser from talking to anybody. */
const quietArgs = [
  "--no-sandbox",
  "--no-first-run",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** SwiftShader: WebGPU computed on the processor, on every machine alike. */
const webGpuArgs = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

export function launchOptions(device: "cpu" | "webgpu"): { executablePath: string; args: string[] } {
  return { executablePath: findChromium(), args: device === "webgpu" ? [...quietArgs, ...webGpuArgs] : quietArgs };
}
