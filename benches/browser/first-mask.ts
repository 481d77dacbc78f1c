// From opening the demo page to the first mask, in a profile that has never seen it and again with what the first visit has
// left. `cargo xtask bench` starts it; progress goes to stderr, the table to stdout.
import { chromium, type Page } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { launchOptions } from "../../tests/browser/support/chromium.ts";
import { serve } from "../../tests/browser/support/server.ts";
import type { Device } from "./protocol.ts";
import { startTracing, stopTracing } from "./main-thread.ts";
import { median } from "./result.ts";

/** Which of the page's own photographs is opened, and where it is clicked: fractions of its sides. */
const SAMPLE = { name: "coffee.jpg", place: [0.5, 0.5] } as const;
const VISITS = ["cold", "warm"] as const;
const BROWSER_START_MS = 3000;
type Visit = (typeof VISITS)[number];

/** Milliseconds, from the navigation on where nothing else is said. */
interface Times {
  /** The model is loaded. */
  readonly ready: number;
  /** The photograph, which was chosen as soon as the page could take it, is encoded. */
  readonly encoded: number;
  /** From the click to the mask. */
  readonly answer: number;
  /** The longest time between two frames of the page until the mask is drawn, and when it began. */
  readonly gap: number;
  readonly gapAt: number;
  /** The longest task on the page's thread, by the clock; 0 where none took 50 ms. */
  readonly task: number;
  /** The same by processor time, where that was traced. */
  readonly busy?: number;
}

/** What the script below keeps for us. */
interface Watch {
  readonly states: Record<string, number>;
  readonly frames: number[];
  readonly tasks: number[];
  clicked: number;
  answered: number;
}
declare global {
  var firstMask: Watch;
}

const { values: options } = parseArgs({
  options: {
    device: { type: "string", default: "all" },
    /** Fresh profiles for each device; figures are medians. */
    rounds: { type: "string", default: "3" },
    adapter: { type: "string", default: "swiftshader" },
    /** Another build of the page, for a comparison. */
    page: { type: "string", default: "www/dist" },
    /** A photograph of one's own in the place of the sample. */
    image: { type: "string" },
    /** Also says how much processor time the longest task took; what is timed by the clock is slowed down a little. */
    trace: { type: "boolean", default: false },
    /** Tells when the page and its Worker fetched what. */
    verbose: { type: "boolean", default: false },
  },
});

/** npm starts scripts in the folder of their package.json. */
const root = resolve("..");
await main();

async function main(): Promise<void> {
  const devices = (["cpu", "webgpu"] as const).filter((device) => ["all", device].includes(options.device));
  const site = await serve(resolve(root, options.page), { headers: () => ({ "Cache-Control": "no-cache" }) });
  const load = loadavg()[0] ?? 0;
  const results = new Map<string, Times[]>();
  let version = "";
  try {
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const device of devices) {
        const profile = mkdtempSync(join(tmpdir(), "burn-sam-visit-"));
        try {
          for (const visit of VISITS) {
            const { times, browser } = await pay(visit, device, profile, site.url);
            version = browser;
            const key = `${device} ${visit}`;
            results.set(key, [...(results.get(key) ?? []), times]);
            process.stderr.write(`${key}: ${JSON.stringify(times, (_, v) => (v > 10 ? Math.round(v) : v))}\n`);
          }
        } finally {
          rmSync(profile, { recursive: true, force: true });
        }
      }
    }
  } finally {
    await site.close();
  }
  console.log(describe(version, load));
  console.log(table(devices, results));
}

/** One visit, in a browser that is started for it. */
async function pay(
  visit: Visit,
  device: Device,
  profile: string,
  url: string,
): Promise<{ times: Times; browser: string }> {
  const context = await chromium.launchPersistentContext(profile, {
    ...launch(device),
    viewport: { width: 1280, height: 800 },
  });
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.on("pageerror", (error) => process.stderr.write(`  the page: ${error.message}\n`));
    await page.addInitScript(watch, options.image === undefined ? SAMPLE.name : null);
    const browser = context.browser();
    if (options.trace && browser) await startTracing(browser, page);
    // A browser that has just been started is busy with itself; a visitor's is not.
    await page.waitForTimeout(BROWSER_START_MS);
    // A visitor without a GPU has not asked for the CPU.
    await page.goto(device === "cpu" ? url : `${url}?device=${device}`);
    if (options.image !== undefined) await page.locator("#file").setInputFiles(resolve(root, options.image));
    await reached(page, "encoded");
    await page.waitForTimeout(200);
    const frame = await page.locator("#frame").boundingBox();
    if (frame === null) throw new Error("the photograph is not shown");
    await page.mouse.click(frame.x + SAMPLE.place[0] * frame.width, frame.y + SAMPLE.place[1] * frame.height);
    await page.waitForFunction(() => firstMask.answered > 0, undefined, { timeout: 120_000 });
    const seen = timesOf(await page.evaluate(() => firstMask));
    const times = options.trace && browser ? { ...seen, busy: Math.max(...(await stopTracing(browser))) } : seen;
    if (options.verbose) await tellRequests(page);
    // What makes the next visit a warm one.
    if (visit === "cold") await page.waitForSelector("body[data-offline=ready]", { timeout: 60_000 });
    return { times, browser: browser?.version() ?? "" };
  } finally {
    await context.close();
  }
}

function launch(device: Device): ReturnType<typeof launchOptions> {
  const { executablePath, args } = launchOptions(device);
  if (device === "cpu" || options.adapter === "swiftshader") return { executablePath, args };
  return { executablePath, args: args.filter((arg) => !arg.includes("swiftshader")) };
}

function reached(page: Page, state: string): Promise<unknown> {
  return page.waitForFunction((state) => firstMask.states[state] !== undefined, state, { timeout: 300_000 });
}

/** In the page, before anything else: chooses the sample, if there is one, and notes the times by the page's own clock. */
function watch(sample: string | null): void {
  const own: Watch = { states: {}, frames: [], tasks: [], clicked: 0, answered: 0 };
  globalThis.firstMask = own;
  const frame = (): void => {
    own.frames.push(performance.now());
    if (own.answered === 0) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) own.tasks.push(duration);
  }).observe({ type: "longtask", buffered: true });
  const look = (): void => {
    const { state, model } = document.body.dataset;
    const stage = document.getElementById("stage");
    if (model !== undefined) own.states["ready"] ??= performance.now();
    if (state !== undefined) own.states[state] ??= performance.now();
    if (own.clicked > 0 && own.answered === 0 && stage?.dataset["area"] !== undefined) {
      requestAnimationFrame(() => (own.answered = performance.now()));
    }
  };
  addEventListener("pointerdown", ({ timeStamp }) => (own.clicked ||= timeStamp), true);
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(look).observe(document.body, { attributes: true, subtree: true });
    look();
    if (sample !== null) document.querySelector<HTMLElement>(`[data-sample="${sample}"]`)?.click();
  });
}

function timesOf({ states, frames, tasks, clicked, answered }: Watch): Times {
  let [gap, gapAt] = [0, 0];
  for (const [i, frame] of frames.entries()) {
    const before = frames[i - 1] ?? frame;
    if (frame - before > gap) [gap, gapAt] = [frame - before, before];
  }
  const { ready = NaN, encoded = NaN } = states;
  return { ready, encoded, answer: answered - clicked, gap, gapAt, task: Math.max(0, ...tasks) };
}

/** When the page and its Worker fetched what, from the navigation on. */
async function tellRequests(page: Page): Promise<void> {
  const list = () =>
    performance.getEntriesByType("resource").map((entry) => {
      const { name, startTime, responseEnd } = entry as PerformanceResourceTiming;
      return { name, start: performance.timeOrigin + startTime, end: performance.timeOrigin + responseEnd };
    });
  const origin = await page.evaluate(() => performance.timeOrigin);
  const all = [
    await page.evaluate(list),
    ...(await Promise.all(page.workers().map((worker) => worker.evaluate(list)))),
  ];
  for (const { name, start, end } of all.flat().sort((a, b) => a.start - b.start)) {
    const file = name.replace(/^.*\//, "");
    process.stderr.write(`  ${(start - origin).toFixed(0)} – ${(end - origin).toFixed(0)} ms ${file}\n`);
  }
}

function describe(version: string, load: number): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const date = new Date().toISOString().slice(0, 16).replace("T", " ");
  const profile = process.env["BURN_SAM_PROFILE"] ?? "unknown";
  return `${date}, commit ${git("rev-parse", "--short", "HEAD")}, ${profile} build; ${cpus()[0]?.model}, ${cpus().length} cores, load ${load.toFixed(1)} before; Chromium ${version}; medians of ${options.rounds}.\n`;
}

function table(devices: readonly Device[], results: ReadonlyMap<string, readonly Times[]>): string {
  const rows = devices.flatMap((device) =>
    VISITS.map((visit) => {
      const all = results.get(`${device} ${visit}`) ?? [];
      const of = (pick: (times: Times) => number) => `${(median(all.map(pick)) ?? NaN).toFixed(0)} ms`;
      const figures = [
        of(({ ready }) => ready),
        of(({ encoded }) => encoded),
        of(({ answer }) => answer),
        of(({ encoded, answer }) => encoded + answer),
        of(({ gap }) => gap),
        of(({ task }) => task),
        ...(options.trace ? [of(({ busy = NaN }) => busy)] : []),
      ];
      return `| ${device === "cpu" ? "CPU" : "WebGPU"}, ${visit} | ${figures.join(" | ")} |`;
    }),
  );
  const columns = [
    "model ready",
    "photograph encoded",
    "click to mask",
    "first mask",
    "longest gap between frames",
    "longest task",
    ...(options.trace ? ["the same, processor time"] : []),
  ];
  const head = [`| demo page | ${columns.join(" | ")} |`, `| --- |${" ---: |".repeat(columns.length)}`];
  return [...head, ...rows].join("\n");
}
