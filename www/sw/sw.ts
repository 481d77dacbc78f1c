/**
 * The service worker: after the first visit the page works without a network. Every build has a cache of its own, so that
 * a page that is open keeps the files it began with; a new build waits until that page is closed, or says `"activate"`.
 */

interface Manifest {
  /** Changes with any file. */
  readonly version: string;
  /** What every visit needs, relative to this script. */
  readonly files: readonly string[];
  /** What a device needs besides, once it is used. */
  readonly devices: Readonly<Record<string, readonly string[]>>;
}

/** A device's files are kept at once; whether they were is the answer on the message's port. */
type Message = "activate" | { readonly device: string };

export declare const self: ServiceWorkerGlobalScope;

/** The build writes the list in the place of this word. */
const manifest = JSON.parse("__MANIFEST__") as Manifest;
const prefix = "burn-sam-page-";
const cacheName = prefix + manifest.version;
const scope = new URL("./", self.location.href).href;

self.addEventListener("install", (event) => event.waitUntil(keep(manifest.files)));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("message", (event) => {
  const message: Message = event.data;
  if (message === "activate") event.waitUntil(self.skipWaiting());
  else event.waitUntil(keepFor(message.device, event.ports[0]));
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  // Others' files, questions about files, and parts of files are not ours to answer.
  if (request.method !== "GET" || !request.url.startsWith(scope) || request.headers.has("Range")) return;
  event.respondWith(answer(request));
});

/** A file whose name changes with its content. */
function isHashed(url: string): boolean {
  return url.startsWith(`${scope}assets/`);
}

/** Only what is missing is fetched; an older build may have it. */
async function keep(files: readonly string[]): Promise<void> {
  const cache = await caches.open(cacheName);
  await Promise.all(
    files.map(async (file) => {
      const url = new URL(file, scope).href;
      if (await cache.match(url)) return;
      const known = isHashed(url) ? await caches.match(url) : undefined;
      await cache.put(url, direct(known ?? (await download(url))));
    }),
  );
}

/** What has a hash in its name never changes: the page has just fetched most of it, the model too, and it is not fetched twice. */
async function download(url: string): Promise<Response> {
  if (isHashed(url)) {
    const response = await fetch(url, { cache: "force-cache" });
    if (response.ok) return response;
  }
  // An old one may be in the browser's own cache.
  const response = await fetch(url, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response;
}

async function keepFor(device: string, port: MessagePort | undefined): Promise<void> {
  try {
    await keep(manifest.devices[device] ?? []);
    port?.postMessage(true);
  } catch {
    port?.postMessage(false);
  }
}

/**
 * Browsers refuse a redirected answer where a page is opened, and many hosts redirect `index.html` to the folder: what is
 * kept is the same answer without its history.
 */
function direct(response: Response): Response {
  if (!response.redirected) return response;
  const { body, headers, status } = response;
  return new Response(body, { headers, status });
}

async function takeOver(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(prefix) && name !== cacheName).map((name) => caches.delete(name)),
  );
  await self.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(isPage(request) ? new URL("index.html", scope).href : request.url);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok && isHashed(request.url)) await cache.put(request.url, direct(response.clone()));
  return response;
}

/** The page itself, whatever it is asked to do by its query. */
function isPage({ mode, url }: Request): boolean {
  const page = url.replace(/[?#].*/, "");
  return mode === "navigate" && (page === scope || page === `${scope}index.html`);
}
