// Narrow and low windows: nothing collides, nothing is cut, and what matters is on the screen.
import { answered, click, openDemo, openScene, places, screenshot } from "./support/demo.ts";
import { expect, test } from "./support/test.ts";

/** The longest that the status line says. */
const advice = {
  en: "Score 0.43, unsure. Add points or try a larger model.",
  zh: "得分 0.43，把握不大。请添加点，或换用更大的模型。",
};

test.describe("in a narrow window", { tag: "@cpu" }, () => {
  for (const lang of ["en", "zh"] as const) {
    for (const width of [320, 340, 360, 861, 900, 1181] as const) {
      test(`of ${width} pixels nothing collides in ${lang}`, async ({ page, device }) => {
        await page.setViewportSize({ width, height: 740 });
        await openDemo(page, device, `&lang=${lang}`);
        const buttons = await page.locator("header > button:visible, header > .split, header > h1").evaluateAll((all) =>
          all.map((each) => {
            const { left, right } = each.getBoundingClientRect();
            return [left, right] as const;
          }),
        );
        for (const [i, [left]] of buttons.entries())
          if (i > 0) expect(left, `item ${i} of the header`).toBeGreaterThanOrEqual(buttons[i - 1]![1]);
        expect(buttons.at(-1)![1]).toBeLessThanOrEqual(width);
        await openScene(page);
        await click(page, places.ball);
        await answered(page);
        const cut = await page.locator("#status").evaluate((status, words) => {
          status.textContent = words;
          return status.scrollHeight - status.clientHeight;
        }, advice[lang]);
        expect(cut, "pixels of the status that are cut").toBeLessThanOrEqual(1);
        await screenshot(page, `demo-cpu-${lang}-${width}`);
      });
    }
  }
});

test.describe("in a low window", { tag: "@cpu" }, () => {
  for (const height of [560, 585] as const) {
    test(`of ${height} pixels the download is on the screen`, async ({ page, device }) => {
      await page.setViewportSize({ width: 1280, height });
      await openDemo(page, device);
      await openScene(page);
      const reached = await page.locator("#cutout").evaluate((button) => {
        const { left, top, bottom } = button.getBoundingClientRect();
        return [top + 2, bottom - 2].every((y) => button.contains(document.elementFromPoint(left + 20, y)));
      });
      expect(reached).toBe(true);
      await screenshot(page, `demo-cpu-1280x${height}`);
    });
  }
});
