// What visitors notice without a name for it: contrast and labels (axe), a layout that stays, a page that never stalls.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { answered, click, openDemo, openScene, places, positionOf, screenshot } from "./support/demo.ts";
import { expect, print, test } from "./support/test.ts";

async function expectAccessible(page: Page, state: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => ({ id, target, failureSummary })),
  );
  expect.soft(found, state).toEqual([]);
}

test.describe("axe", { tag: "@cpu" }, () => {
  for (const lang of ["en", "zh"] as const) {
    for (const colorScheme of ["light", "dark"] as const) {
      test(`finds nothing in ${lang}, ${colorScheme}`, async ({ browser, device }) => {
        // axe needs a page of a context of its own.
        const context = await browser.newContext({ colorScheme });
        const page = await context.newPage();
        await openDemo(page, device, `&lang=${lang}`);
        const check = async (state: string): Promise<void> => {
          await screenshot(page, `demo-${lang}-${colorScheme}-${state}`);
          await expectAccessible(page, `${state}, ${lang}, ${colorScheme}`);
        };
        await check("start");
        await openScene(page);
        await check("image");
        await click(page, places.ball);
        await answered(page);
        await page.keyboard.press("n");
        await click(page, places.box);
        await answered(page);
        await check("objects");
        for (const [opener, state] of [
          ["#open-more", "sources"],
          ["#more-exports", "exports"],
          ["#settings", "settings"],
          ["#help", "help"],
        ] as const) {
          await page.locator(opener).click();
          await check(state);
          await page.keyboard.press("Escape");
        }
        await context.close();
      });
    }
  }
});

test.describe("nothing jumps", { tag: "@cpu" }, () => {
  for (const [name, width, height] of [
    ["desktop", 1280, 800],
    ["phone", 360, 740],
  ] as const) {
    for (const lang of ["en", "zh"] as const) {
      test(`on a ${name} in ${lang}`, async ({ page, device }) => {
        await page.setViewportSize({ width, height });
        await page.addInitScript(() => {
          const moved: string[] = [];
          Object.assign(globalThis, { moved });
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries() as (PerformanceEntry & {
              value: number;
              hadRecentInput: boolean;
              sources: { node: Node | null }[];
            })[]) {
              if (entry.hadRecentInput) continue;
              const nodes = entry.sources.map(({ node }) =>
                node instanceof Element ? `${node.tagName}#${node.id}` : "?",
              );
              moved.push(`${entry.value} ${nodes.join(" ")}`);
            }
          }).observe({ type: "layout-shift", buffered: true });
        });
        await openDemo(page, device, `&lang=${lang}`);
        await page.waitForTimeout(700);
        await openScene(page);
        // Long enough after the input that the browser counts what moves now.
        await page.waitForTimeout(700);
        await click(page, places.ball);
        await answered(page);
        await page.waitForTimeout(700);
        expect(await page.evaluate(() => (globalThis as unknown as { moved: string[] }).moved)).toEqual([]);
      });
    }
  }
});

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of processor time: what else the machine does is not in it. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** Processor time in ms of each task of the page's thread. */
function tasksOf(trace: Buffer): number[] {
  const { traceEvents } = JSON.parse(trace.toString("utf8")) as { traceEvents: readonly TraceEvent[] };
  const busy = traceEvents.filter(({ name }) => name === "FireAnimationFrame");
  const isMain = ({ pid, tid }: TraceEvent) => busy.some((frame) => frame.pid === pid && frame.tid === tid);
  return traceEvents.filter((event) => event.name === "RunTask" && isMain(event)).map(({ tdur = 0 }) => tdur / 1000);
}

test.describe("hovering", { tag: "@cpu" }, () => {
  test.use({ viewport: { width: 1920, height: 1080 } });

  test("leaves the page's thread free: previews come from the Worker, newest first, one at a time", async ({
    page,
    device,
    browser,
  }) => {
    await openDemo(page, device);
    await openScene(page);
    await page.evaluate(() => {
      const seen = { long: 0, frames: 0, previews: 0 };
      Object.assign(globalThis, { seen });
      new PerformanceObserver((list) => (seen.long += list.getEntries().length)).observe({ type: "longtask" });
      new MutationObserver((changes) => (seen.previews += changes.length)).observe(document.querySelector("#stage")!, {
        attributeFilter: ["data-preview"],
      });
      const tick = (): void => {
        seen.frames++;
        requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    });
    const [from, to] = [await positionOf(page, [0.1, 0.3]), await positionOf(page, [0.9, 0.8])];
    const moves = 120;
    await browser.startTracing(page, {
      categories: ["toplevel", "disabled-by-default-devtools.timeline", "devtools.timeline"],
    });
    const started = performance.now();
    for (let i = 0; i <= moves; i++) {
      await page.mouse.move(from.x + ((to.x - from.x) * i) / moves, from.y + ((to.y - from.y) * i) / moves);
    }
    await expect(page.locator("#stage")).toHaveAttribute("data-preview", /^\d+$/);
    const seconds = (performance.now() - started) / 1000;
    const { long, frames, previews } = await page.evaluate(
      () => (globalThis as unknown as { seen: { long: number; frames: number; previews: number } }).seen,
    );
    const tasks = tasksOf(await browser.stopTracing());
    const busy = tasks.reduce((sum, task) => sum + task, 0);
    print(
      `hovering at 1080p: ${moves} moves, ${previews} previews, ${frames} frames in ${seconds.toFixed(1)} s; the page's ` +
        `thread: ${(busy / frames).toFixed(1)} ms of processor time for a frame, longest task ${Math.max(...tasks).toFixed(1)} ms; ` +
        `${long} tasks took 50 ms or more by the clock, which counts what else this machine did`,
    );
    // No queue: there are never more answers than moves, and they have come when the pointer rests.
    expect(previews).toBeLessThanOrEqual(moves + 1);
    expect(previews).toBeGreaterThan(0);
  });
});
