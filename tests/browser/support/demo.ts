// The demo page as a visitor handles it. What it shows is read from the attributes that www/src/main.ts documents.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { fixtures, output } from "./paths.ts";
import { demoSite, expect, type Device } from "./test.ts";

export const scene = join(fixtures, "scene.png");

/** A fraction of the image's width, and one of its height. */
export type Place = readonly [x: number, y: number];
/** Places of scene.png. */
export const places = {
  ball: [0.29, 0.53],
  box: [0.7, 0.5],
  leaf: [0.5, 0.88],
  wall: [0.1, 0.2],
} satisfies Record<string, Place>;

/** SwiftShader takes this long, on a slow machine. */
const patience = { timeout: 120_000 };

export async function openDemo(page: Page, device: Device, query = ""): Promise<void> {
  await page.goto(demoSite(`?device=${device}${query}`));
  await expectState(page, "ready");
  await expect(page.locator("body")).toHaveAttribute("data-device", device);
}

export async function openScene(page: Page): Promise<void> {
  const chooser = page.waitForEvent("filechooser");
  await page.locator("#open").click();
  await (await chooser).setFiles(scene);
  await expectState(page, "encoded");
  await expect(page.locator("#stage")).toHaveAttribute("data-image", "320,240");
}

export async function expectState(page: Page, state: string): Promise<void> {
  await expect(page.locator("body")).toHaveAttribute("data-state", state, patience);
}

/** Waits until what was asked is answered. */
export async function answered(page: Page): Promise<void> {
  await expectState(page, "encoded");
  await expect(page.locator("#stage")).toHaveAttribute("data-area", /^\d+$/);
}

/** Position in the window of a fraction of the image. */
export async function positionOf(page: Page, [fx, fy]: Place): Promise<{ x: number; y: number }> {
  const frame = await page.locator("#frame").boundingBox();
  if (frame === null) throw new Error("The image is not shown.");
  return { x: frame.x + fx * frame.width, y: frame.y + fy * frame.height };
}

export async function click(page: Page, place: Place, button: "left" | "right" = "left"): Promise<void> {
  const { x, y } = await positionOf(page, place);
  await page.mouse.click(x, y, { button });
}

export async function drag(page: Page, from: Place, to: Place): Promise<void> {
  const [start, end] = [await positionOf(page, from), await positionOf(page, to)];
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2);
  await page.mouse.move(end.x, end.y);
  await page.mouse.up();
}

export interface Shown {
  readonly score: number;
  readonly area: number;
  readonly token: number;
  readonly candidates: number;
  /** x, y, label of each. */
  readonly points: readonly (readonly number[])[];
  readonly box: readonly number[] | undefined;
}

export async function shown(page: Page): Promise<Shown> {
  const data = await page.locator("#stage").evaluate((stage) => ({ ...(stage as HTMLElement).dataset }));
  const points = data["points"] ?? "";
  return {
    score: Number(data["score"]),
    area: Number(data["area"]),
    token: Number(data["token"]),
    candidates: Number(data["candidates"]),
    points: points === "" ? [] : points.split(" ").map((point) => point.split(",").map(Number)),
    box: data["box"]?.split(",").map(Number),
  };
}

/** A picture for people to look at, in tests/output. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(output, { recursive: true });
  await page.screenshot({ path: join(output, `${name}.png`) });
}
