// Everything mode in the package as it is published, on the CPU, for images of several sizes; the figures go to stdout.
import { chromium } from "@playwright/test";
import { cpus, loadavg } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { launchOptions } from "../../tests/browser/support/chromium.ts";
import { serve } from "../../tests/browser/support/server.ts";
import { median } from "./result.ts";

/** npm starts scripts in the folder of their package.json. */
const root = resolve("..");
const SIZES = [
  [320, 240],
  [1800, 1200],
  [4000, 3000],
] as const;
/** For the built-in model, as its model card has it. */
const OPTIONS = { pointsPerSide: 32, predIouThresh: 0.6, stabilityScoreThresh: 0.6 };

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    image: { type: "string", default: "www/public/samples/coffee.jpg" },
    /** Most threads: more than one needs the module with threads. */
    threads: { type: "string", default: "1" },
  },
});

const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const site = await serve(root, { headers: () => isolated });
const browser = await chromium.launch(launchOptions("cpu"));
try {
  const page = await browser.newPage();
  // Any page of the origin that does nothing.
  await page.goto(`${site.url}package.json`);
  const script = `${site.url}pkg/dist/index.js`;
  const adapter = await page.evaluate(
    async ({ script, threads }) => {
      const { Sam } = (await import(script)) as typeof import("burn-sam");
      const sam = await Sam.load({ device: "cpu", threads });
      Object.assign(globalThis, { sam });
      return sam.info.adapter;
    },
    { script, threads: Number(options.threads) },
  );
  console.log(`${adapter}; ${cpus().length} × ${cpus()[0]?.model ?? "?"}, load ${loadavg()[0]?.toFixed(1)}`);
  for (const [width, height] of SIZES) {
    const found = await page.evaluate(everything, {
      url: site.url + options.image,
      size: { width, height },
      rounds: Number(options.rounds),
      options: OPTIONS,
    });
    const seconds = (median(found.map(({ ms }) => ms)) ?? NaN) / 1000;
    console.log(`${width} × ${height}`.padEnd(16), `${seconds.toFixed(1)} s`, `${found[0]?.records} masks`);
  }
} finally {
  await browser.close();
  await site.close();
}

/** Runs in the page. */
async function everything(task: {
  url: string;
  size: { width: number; height: number };
  rounds: number;
  options: typeof OPTIONS;
}): Promise<{ ms: number; records: number }[]> {
  const { sam } = globalThis as unknown as { sam: import("burn-sam").Sam };
  const picture = await createImageBitmap(await (await fetch(task.url)).blob());
  const canvas = new OffscreenCanvas(task.size.width, task.size.height);
  canvas.getContext("2d")?.drawImage(picture, 0, 0, task.size.width, task.size.height);
  const image = await sam.encode(canvas);
  const found = [];
  for (let round = 0; round < task.rounds; round++) {
    const started = performance.now();
    const records = await image.everything({ ...task.options, outputMode: "uncompressed_rle" });
    found.push({ ms: performance.now() - started, records: records.length });
  }
  image.free();
  return found;
}
