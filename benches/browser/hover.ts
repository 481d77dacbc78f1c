// Hovering over the demo page on the CPU: does the page's thread stay free? The page must have been built; the figures go to
// stdout. Tracing costs something itself, so they are rather too high.
import { chromium, type Page } from "@playwright/test";
import { cpus, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { launchOptions } from "../../tests/browser/support/chromium.ts";
import { serve } from "../../tests/browser/support/server.ts";
import { LONG_MS, startTracing, stopTracing } from "./main-thread.ts";

/** npm starts scripts in the folder of their package.json. */
const root = resolve("..");
const VIEWPORT = { width: 1920, height: 1080 };
/** As fast as a mouse tells of itself. */
const MOVES_PER_SECOND = 125;

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    /** Another build of the page, for a comparison. */
    page: { type: "string", default: "www/dist" },
    image: { type: "string", default: join(root, "www/public/samples/coffee.jpg") },
  },
});

/** What the page counts while the pointer moves. */
interface Seen {
  frames: number;
  previews: number;
  /** Duration of each long task by the clock, in ms. */
  long: number[];
}

const site = await serve(resolve(root, options.page));
const browser = await chromium.launch(launchOptions("cpu"));
try {
  const page = await browser.newPage({ viewport: VIEWPORT });
  await page.goto(`${site.url}?device=cpu`);
  await expectState(page, "ready");
  await page.locator("#file").setInputFiles(resolve(root, options.image));
  await expectState(page, "encoded");
  await page.evaluate(count);
  await startTracing(browser, page);
  const moves = await hover(page, Number(options.seconds));
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen);
  report(moves, seen, await stopTracing(browser));
} finally {
  await browser.close();
  await site.close();
}

async function expectState(page: Page, state: string): Promise<void> {
  await page.locator(`body[data-state="${state}"]`).waitFor({ timeout: 120_000 });
}

/** Runs in the page. */
function count(): void {
  const seen: Seen = { frames: 0, previews: 0, long: [] };
  Object.assign(globalThis, { seen });
  new PerformanceObserver((list) => seen.long.push(...list.getEntries().map(({ duration }) => duration))).observe({
    type: "longtask",
  });
  new MutationObserver((changes) => (seen.previews += changes.length)).observe(document.querySelector("#stage")!, {
    attributeFilter: ["data-preview"],
  });
  const tick = (): void => {
    seen.frames++;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}

/** In loops over the whole image. Returns the number of moves and how long they took. */
async function hover(page: Page, seconds: number): Promise<{ count: number; seconds: number }> {
  const box = await page.locator("#frame").boundingBox();
  if (box === null) throw new Error("The image is not shown.");
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  let count = 0;
  while (elapsed() < seconds) {
    const t = elapsed();
    const [fx, fy] = [0.5 + 0.45 * Math.sin(1.1 * t), 0.5 + 0.45 * Math.sin(1.7 * t)];
    await page.mouse.move(box.x + fx * box.width, box.y + fy * box.height);
    count++;
    const rest = count / MOVES_PER_SECOND - elapsed();
    if (rest > 0) await page.waitForTimeout(1000 * rest);
  }
  return { count, seconds: elapsed() };
}

function report(moves: { count: number; seconds: number }, seen: Seen, processor: readonly number[]): void {
  const busy = processor.reduce((sum, ms) => sum + ms, 0);
  const long = seen.long.filter((ms) => ms > LONG_MS);
  const rows = [
    ["pointer moves per second", (moves.count / moves.seconds).toFixed(0)],
    ["frames per second", (seen.frames / moves.seconds).toFixed(1)],
    ["previews per second", (seen.previews / moves.seconds).toFixed(1)],
    ["page's thread per frame, processor time", `${(busy / seen.frames).toFixed(2)} ms`],
    ["its longest task, processor time", `${Math.max(0, ...processor).toFixed(1)} ms`],
    [`tasks over ${LONG_MS} ms, processor time`, String(processor.filter((ms) => ms > LONG_MS).length)],
    [`tasks over ${LONG_MS} ms, by the clock`, `${long.length}${long.length > 0 ? `: ${long.join(", ")} ms` : ""}`],
  ];
  console.log(
    `${moves.seconds.toFixed(1)} s of hovering at ${VIEWPORT.width} × ${VIEWPORT.height}; ` +
      `${cpus().length} × ${cpus()[0]?.model ?? "?"}, load ${loadavg()[0]?.toFixed(1)}`,
  );
  for (const [what, figure] of rows) console.log(`${(what ?? "").padEnd(46)}${figure}`);
}
