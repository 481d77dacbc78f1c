/** The browser of this machine: `cargo xtask test` finds or installs one, and names it. */
export function findChromium(): string {
  const named = process.env["BURN_SAM_CHROMIUM"] ?? process.env["CHROME"];
  if (named === undefined) throw new Error("No Chromium: run `cargo xtask test`, or name one in CHROME.");
  return named;
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
