// What visitors notice without a name for it: contrast and labels (axe), a layout that stays, a page that never stalls.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { answered, click, openDemo, openScene, places, positionOf, screenshot } from "./support/demo.ts";
import { expect, test } from "./support/test.ts";

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
        await page.keyboard.press("h");
        await check("hidden");
        await page.keyboard.press("k");
        await check("hidden-not-chosen");
        await page.keyboard.press("j");
        await page.keyboard.press("h");
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

test.describe("hovering", { tag: "@cpu" }, () => {
  // How free it leaves the page's thread is measured by `npm run hover -w benches`.
  test("asks for one preview at a time, the newest", async ({ page, device }) => {
    await openDemo(page, device);
    await openScene(page);
    await page.locator("#stage").evaluate((stage) => {
      const seen = { previews: 0 };
      Object.assign(globalThis, { seen });
      new MutationObserver((changes) => (seen.previews += changes.length)).observe(stage, {
        attributeFilter: ["data-preview"],
      });
    });
    const [from, to] = [await positionOf(page, [0.1, 0.3]), await positionOf(page, [0.9, 0.8])];
    const moves = 120;
    for (let i = 0; i <= moves; i++) {
      await page.mouse.move(from.x + ((to.x - from.x) * i) / moves, from.y + ((to.y - from.y) * i) / moves);
    }
    await expect(page.locator("#stage")).toHaveAttribute("data-preview", /^\d+$/);
    const { previews } = await page.evaluate(() => (globalThis as unknown as { seen: { previews: number } }).seen);
    // No queue: there are never more answers than moves, and they have come when the pointer rests.
    expect(previews).toBeLessThanOrEqual(moves + 1);
    expect(previews).toBeGreaterThan(0);
  });
});
