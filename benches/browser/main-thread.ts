// What the thread that draws a page was busy with, from a trace. Tracing costs something itself: figures are rather too high.
import type { Browser, Page } from "@playwright/test";

/** From here on a task is a long one, for browsers and people. */
export const LONG_MS = 50;

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of processor time: what else the machine does is not in it. */
  readonly tdur?: number;
}

export function startTracing(browser: Browser, page: Page): Promise<void> {
  return browser.startTracing(page, {
    categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"],
  });
}

/** Milliseconds of processor time that each task took since `startTracing`. */
export async function stopTracing(browser: Browser): Promise<number[]> {
  const trace = await browser.stopTracing();
  const { traceEvents } = JSON.parse(trace.toString("utf8")) as { traceEvents: readonly TraceEvent[] };
  // The last one: the blank page before a visit may have had a thread of its own.
  const frame = traceEvents.findLast(({ name }) => name === "FireAnimationFrame");
  if (frame === undefined) throw new Error("The page drew nothing.");
  const isMain = ({ name, pid, tid }: TraceEvent) => name === "RunTask" && pid === frame.pid && tid === frame.tid;
  return traceEvents.filter(isMain).map(({ tdur = 0 }) => tdur / 1000);
}
