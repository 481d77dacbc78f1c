import { SamError, describe } from "../errors.js";
import type { LoadParams } from "../protocol.js";
import type { LoadProgress } from "../types.js";

const CACHE_NAME = "burn-sam";
/** What tells whether a kept file is still the server's. Other origins often show only the latter two. */
const VALIDATORS = ["ETag", "Last-Modified", "Content-Length"];

type Request = Pick<LoadParams, "model" | "integrity" | "cache">;

/** The checkpoint's bytes, from the caller's file, from an earlier visit or from the network. */
export async function readCheckpoint(
  { model, integrity, cache }: Request,
  signal: AbortSignal,
  onProgress: (progress: LoadProgress) => void,
): Promise<Uint8Array> {
  if (model.kind === "blob") {
    const bytes = await readBlob(model.blob);
    await verify(bytes, integrity, "the given file");
    onProgress({ stage: "download", loaded: bytes.length, total: bytes.length });
    return bytes;
  }
  const store = cache && /^https?:/.test(model.url) ? await openCache() : undefined;
  const kept = await recall(store, model.url, integrity);
  if (kept !== undefined) {
    onProgress({ stage: "download", loaded: kept.length, total: kept.length });
    return kept;
  }
  const { bytes, headers } = await download(model.url, signal, onProgress);
  await verify(bytes, integrity, model.url);
  await keep(store, model.url, bytes, headers);
  return bytes;
}

/** Forgets a kept file: it turned out not to be a checkpoint, or none that can be read. */
export async function forgetCheckpoint({ model }: Request): Promise<void> {
  if (model.kind === "url") await (await openCache())?.delete(model.url).catch(() => false);
}

async function readBlob(blob: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(error);
    throw new SamError("bad-checkpoint", `The file could not be read (was it changed?): ${describe(error)}`, error);
  }
}

async function download(
  url: string,
  signal: AbortSignal,
  onProgress: (progress: LoadProgress) => void,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; headers: Headers }> {
  const response = await fetchOk(url, "The model", signal);
  const total = Number(response.headers.get("Content-Length") ?? 0);
  try {
    let bytes = new Uint8Array(total || 2 ** 20);
    let loaded = 0;
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
      if (loaded + part.value.length > bytes.length) {
        // The length is unknown, or it is that of the compressed file.
        const larger = new Uint8Array(Math.max(2 * bytes.length, loaded + part.value.length));
        larger.set(bytes.subarray(0, loaded));
        bytes = larger;
      }
      bytes.set(part.value, loaded);
      loaded += part.value.length;
      onProgress({ stage: "download", loaded, total: loaded > total ? 0 : total });
    }
    return { bytes: bytes.subarray(0, loaded), headers: response.headers };
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(error);
    throw new SamError("network", `The download of ${url} broke off: ${describe(error)}. Try again.`, error);
  }
}

/** `what` begins the sentence when it fails. */
export async function fetchOk(url: string, what: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw new SamError(
      "network",
      `${what} could not be fetched from ${shorten(url)}: ${describe(error)}. ` +
        "Is the server there, and does it send Access-Control-Allow-Origin if it is another one?",
      error,
    );
  }
  if (response.ok) return response;
  const status = `${response.status} ${response.statusText}`.trim();
  throw new SamError("network", `${what} could not be fetched from ${shorten(url)}: the server answered ${status}.`);
}

function shorten(url: string): string {
  return url.length > 200 ? `${url.slice(0, 200)}…` : url;
}

async function verify(bytes: Uint8Array, integrity: string | undefined, what: string): Promise<void> {
  if (integrity === undefined) return;
  const actual = await digest(bytes);
  if (actual === integrity) return;
  throw new SamError(
    "integrity",
    `${what} is not the expected file: its integrity is "${actual}", not "${integrity}".`,
  );
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = await sha256(bytes);
  if (hash === undefined) {
    throw new SamError("unsupported", "Integrity can only be checked on a page served by https or from localhost.");
  }
  return `sha256-${btoa(String.fromCharCode(...hash))}`;
}

/** Undefined on a page served by plain http, where browsers offer no cryptography. */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const hash = await globalThis.crypto?.subtle?.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return hash === undefined ? undefined : new Uint8Array(hash);
}

/** Browsers without it, private windows and sandboxed frames go without. */
async function openCache(): Promise<Cache | undefined> {
  try {
    return await globalThis.caches?.open(CACHE_NAME);
  } catch {
    return undefined;
  }
}

/** The kept file, if it is still the right one. */
async function recall(
  store: Cache | undefined,
  url: string,
  integrity: string | undefined,
): Promise<Uint8Array | undefined> {
  try {
    const kept = await store?.match(url);
    if (kept === undefined) return undefined;
    if (integrity === undefined && (await isOutdated(url, kept.headers))) return undefined;
    const bytes = new Uint8Array(await kept.arrayBuffer());
    return integrity === undefined || (await digest(bytes)) === integrity ? bytes : undefined;
  } catch {
    // Whatever is wrong with the store, there is still the network.
    return undefined;
  }
}

/** Asks the server, but takes no answer for a no: that is how it works offline. */
async function isOutdated(url: string, kept: Headers): Promise<boolean> {
  try {
    const response = await fetch(url, { method: "HEAD", cache: "no-cache" });
    if (!response.ok) return false;
    const name = VALIDATORS.find((each) => kept.has(each) && response.headers.has(each));
    return name !== undefined && kept.get(name) !== response.headers.get(name);
  } catch {
    return false;
  }
}

async function keep(
  store: Cache | undefined,
  url: string,
  bytes: Uint8Array<ArrayBuffer>,
  headers: Headers,
): Promise<void> {
  const kept = new Headers();
  for (const name of VALIDATORS) {
    const value = headers.get(name);
    if (value !== null) kept.set(name, value);
  }
  // No room is no reason to fail: the model is simply downloaded again next time.
  await store?.put(url, new Response(bytes, { headers: kept })).catch(() => undefined);
}

function tooLarge(cause: RangeError): SamError {
  return new SamError("out-of-memory", "The browser has no memory for a checkpoint of this size.", cause);
}
