// One file from a server, in order. Where it breaks off it goes on from there, if the server can do that.
import { SamError, describe } from "../errors.js";
import { STALL_MS, badStatus, fetchAny, shorten, withinStall } from "../fetch.js";
import type { Sink } from "./sink.js";

/** What tells one version of a file from another. */
export interface Version {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Size of the file in bytes, where it is known. */
  readonly bytes?: number;
}

export interface Target {
  /** Where the bytes go; may be another after each of them. */
  readonly sink: Sink;
  /** Takes the next bytes. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Begins anew. */
  clear(): void;
  /** Told before bytes of this version of the file come. */
  begin(version: Version): Promise<void>;
}

export interface TransferOptions {
  readonly signal: AbortSignal;
  /** The target has bytes of this version from an earlier visit. */
  readonly partial?: Version | undefined;
  /** What is made of it is checked afterwards: pieces of two versions would be noticed. */
  readonly checked: boolean;
  /** Do not put it into the browser's own cache as well. */
  readonly uncached: boolean;
  /** Pauses before each further attempt, in milliseconds; as many as there are attempts that get no further. */
  readonly pauses?: readonly number[];
  /** A connection that brings no answer, or no byte, for so long has broken off. */
  readonly stallMs?: number;
  readonly report: (loaded: number, total: number) => void;
}

const WHAT = "The model";
const PAUSES = [500, 1000, 2000, 4000, 8000];
/** Answers of a server that is only busy. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** It broke off, and may go on. */
export class Interruption extends Error {
  constructor(override readonly cause: unknown) {
    super(describe(cause));
  }
}

/**
 * Writes the whole file into the target. What is there when it fails stays there. Resolves with whether it was pieced
 * together from several answers.
 */
export async function transfer(url: string, target: Target, options: TransferOptions): Promise<boolean> {
  const { signal, pauses = PAUSES } = options;
  const state = new State(url, target, options);
  // Not since the last attempt: one that begins anew would count as progress each time.
  let best = target.sink.length;
  for (let failures = 0; ;) {
    try {
      await state.attempt();
      return state.isPieced;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Interruption)) throw error;
      failures = target.sink.length > best ? 1 : failures + 1;
      best = Math.max(best, target.sink.length);
      const pause = pauses[failures - 1];
      if (pause === undefined) throw state.giveUp(error);
      await sleep(pause, signal);
    }
  }
}

class State {
  readonly #url: string;
  readonly #target: Target;
  readonly #options: TransferOptions;
  /** What is there comes from several answers. */
  isPieced: boolean;
  /** Of what has been written. */
  #version: Version | undefined;
  /** Something has come in this visit. Before that a failure is told at once. */
  #hasBegun = false;
  /** Requests for a part that were not answered by a server that is there. */
  #unanswered = 0;

  constructor(url: string, target: Target, options: TransferOptions) {
    this.#url = url;
    this.#target = target;
    this.#options = options;
    this.#version = options.partial;
    this.isPieced = options.partial !== undefined;
  }

  async attempt(): Promise<void> {
    const target = this.#target;
    if (target.sink.length > 0 && !this.#mayContinue()) target.clear();
    if (target.sink.length === 0) return this.#pour(await this.#ask());
    if (target.sink.length === this.#version?.bytes) return;
    const response = await this.#askForRest();
    if (response !== undefined) await this.#pour(response);
  }

  giveUp(cause: Interruption): SamError {
    const loaded = this.#target.sink.length;
    const kept = this.#mayContinue() && loaded > 0 ? `; ${loaded} bytes are here, and it goes on from there` : "";
    const text = `The download of ${shorten(this.#url)} broke off: ${cause.message}. Try again${kept}.`;
    return new SamError("network", text, cause.cause);
  }

  #mayContinue(): boolean {
    return mayContinue(this.#version ?? {}, this.#options.checked);
  }

  async #ask(): Promise<Response> {
    const response = await this.#fetch({});
    if (!response.ok) throw badStatus(response, this.#url, WHAT);
    await this.#begin(versionOf(response));
    return response;
  }

  /** The answer that goes on where the target ends, or that begins anew; undefined where nothing is missing. */
  async #askForRest(): Promise<Response | undefined> {
    const target = this.#target;
    const start = target.sink.length;
    const response = await this.#fetchRest(start);
    if (response === undefined) {
      target.clear();
      return this.#ask();
    }
    if (response.status === 416 && this.#isWhole(response, start)) return undefined;
    if (response.status === 206 && this.#continues(response, start)) {
      this.isPieced = true;
      return response;
    }
    if (response.status >= 400 && response.status !== 416) {
      const error = badStatus(response, this.#url, WHAT);
      throw this.#hasBegun && PASSING.has(response.status) ? new Interruption(error) : error;
    }
    // Another version, another part, or a server that has no parts: from the start.
    target.clear();
    if (response.status === 200) {
      await this.#begin(versionOf(response));
      return response;
    }
    void response.body?.cancel();
    return this.#ask();
  }

  /** Undefined where the server does not let this page ask for a part. */
  async #fetchRest(start: number): Promise<Response | undefined> {
    const headers: Record<string, string> = { Range: `bytes=${start}-` };
    const { etag } = this.#version ?? {};
    // To another origin it would need the server's leave; the answer is compared in any case.
    if (etag !== undefined && isStrong(etag) && isSameOrigin(this.#url)) headers["If-Range"] = etag;
    try {
      return await this.#fetch({ headers });
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (error instanceof Interruption) throw error;
      const isThere = await this.#fetch({ method: "HEAD" }).then(
        ({ ok }) => ok,
        () => false,
      );
      if (!isThere && !this.#hasBegun) throw error;
      this.#unanswered = isThere ? this.#unanswered + 1 : 0;
      if (this.#unanswered > 1) return undefined;
      throw new Interruption(error instanceof SamError ? error.cause : error);
    }
  }

  /** Nothing follows, says the server. Where nobody knows the size, that may as well be a file that got shorter. */
  #isWhole(response: Response, start: number): boolean {
    const known = this.#version?.bytes;
    return (contentRange(response)?.total ?? known) === start && (known ?? 0) <= start;
  }

  #continues(response: Response, start: number): boolean {
    const version = versionOf(response);
    const known = this.#version ?? {};
    const range = contentRange(response);
    // Other origins often do not show the range; then the length must fit.
    const fits =
      range === undefined
        ? known.bytes !== undefined && known.bytes === start + (version.bytes ?? NaN)
        : range.start === start && isSame(known.bytes, range.total);
    return fits && isSame(known.etag, version.etag) && isSame(known.lastModified, version.lastModified);
  }

  async #begin(version: Version): Promise<void> {
    this.#version = version;
    this.isPieced = false;
    await this.#target.begin(version);
  }

  async #pour(response: Response): Promise<void> {
    const { report, signal, stallMs = STALL_MS } = this.#options;
    const target = this.#target;
    const total = this.#version?.bytes ?? 0;
    const reader = response.body?.getReader();
    try {
      for (;;) {
        const part = await withinStall(reader?.read(), stallMs).catch((error: unknown) => {
          throw new Interruption(error);
        });
        if (part?.value === undefined) break;
        signal.throwIfAborted();
        this.#hasBegun = true;
        await target.write(part.value as Uint8Array<ArrayBuffer>);
        report(target.sink.length, target.sink.length > total ? 0 : total);
      }
    } catch (error) {
      void reader?.cancel().catch(() => undefined);
      throw error;
    }
    // A server may say the length of what it has compressed: then there is more than it said.
    if (target.sink.length < total) throw new Interruption(new Error(`${target.sink.length} of ${total} bytes came`));
  }

  /** An answer of any status; an Interruption where none comes. */
  async #fetch(init: RequestInit): Promise<Response> {
    const { signal, uncached, stallMs = STALL_MS } = this.#options;
    signal.throwIfAborted();
    const controller = new AbortController();
    // For the body, too, which is read later.
    signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
    const cache = uncached ? { cache: "no-store" as const } : {};
    const asking = fetchAny(this.#url, WHAT, { ...init, ...cache, signal: controller.signal });
    return withinStall(asking, stallMs, (stall) => {
      controller.abort(stall);
      return new Interruption(stall);
    });
  }
}

function versionOf({ headers }: Response): Version {
  const etag = headers.get("ETag");
  const lastModified = headers.get("Last-Modified");
  const length = Number(headers.get("Content-Length") ?? NaN);
  // Of a compressed answer the length says nothing.
  const isKnown = Number.isInteger(length) && length >= 0 && !headers.has("Content-Encoding");
  return {
    ...(etag === null ? {} : { etag }),
    ...(lastModified === null ? {} : { lastModified }),
    ...(isKnown ? { bytes: length } : {}),
  };
}

/** Of `bytes 10-99/100` or `bytes *\/100`; undefined where the header is not shown. */
function contentRange({ headers }: Response): { start: number; total: number | undefined } | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get("Content-Range") ?? "");
  if (match === null) return undefined;
  return { start: Number(match[1] ?? NaN), total: match[2] === "*" ? undefined : Number(match[2]) };
}

/** Without anything that tells versions apart, what comes may not be of the file that was begun. */
export function mayContinue({ etag, lastModified }: Version, checked: boolean): boolean {
  return checked || isStrong(etag) || lastModified !== undefined;
}

function isStrong(etag: string | undefined): boolean {
  return etag !== undefined && !etag.startsWith("W/");
}

function isSame<T extends string | number>(known: T | undefined, now: T | undefined): boolean {
  return known === undefined || now === undefined || known === now;
}

function isSameOrigin(url: string): boolean {
  return new URL(url).origin === globalThis.location?.origin;
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
}
