// Without a bundler: files as they are, from a server.
import { forbidding, frames, framingSite, othersTypes, sites } from "./sites.ts";
import { answer, expect, expectMask, test } from "./support.ts";

for (const [name, open] of Object.entries(sites)) {
  test(name, async ({ page }) => {
    await expectMask(page, await open());
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(/isolated|such a page/.test(name));
  });
}

for (const [name, { open, missing }] of Object.entries(forbidding)) {
  test(`${name}: the error says what is missing`, async ({ page }) => {
    const title = await answer(page, await open());
    expect(title).toMatch(/^unsupported: /);
    expect(title).toContain(missing);
  });
}

test("Trusted Types without this package's: the error says what is missing", async ({ page }) => {
  const title = await answer(page, await othersTypes());
  expect(title).toMatch(/^unsupported: /);
  expect(title).toContain("`trusted-types burn-sam`");
});

for (const [name, frame] of Object.entries(frames)) {
  test(`an iframe ${name}`, async ({ page }) => {
    await expectMask(page, await framingSite(frame));
  });
}
