import { SamError, describe } from "./errors.js";

/** For so long a server may say nothing: after that the connection is taken for lost. */
export const STALL_MS = 60_000;

/** Rejects where it takes too long, with what `onStall` makes of it: a connection can be lost without a word. */
export async function withinStall<T>(
  waiting: T | Promise<T>,
  stallMs: number,
  onStall = (stall: Error): Error => stall,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stall = new Promise<never>((_, reject) => {
    const giveUp = () => reject(onStall(new Error(`nothing came for ${stallMs / 1000} seconds`)));
    timer = setTimeout(giveUp, stallMs);
  });
  try {
    return await Promise.race([waiting, stall]);
  } finally {
    clearTimeout(timer);
  }
}

/** The answer, whatever its status; `what` begins the sentence where there is none. */
export async function fetchAny(url: string, what: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new SamError(
      "network",
      `${what} could not be fetched from ${shorten(url)}: ${describe(error)}. ` +
        "Is the server there, and does it send Access-Control-Allow-Origin if it is another one?",
      error,
    );
  }
}

export async function fetchOk(url: string, what: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetchAny(url, what, signal === undefined ? {} : { signal });
  if (!response.ok) throw badStatus(response, url, what);
  return response;
}

export function badStatus(response: Response, url: string, what: string): SamError {
  const status = `${response.status} ${response.statusText}`.trim();
  return new SamError("network", `${what} could not be fetched from ${shorten(url)}: the server answered ${status}.`);
}

export function shorten(url: string): string {
  return url.length > 200 ? `${url.slice(0, 200)}…` : url;
}
