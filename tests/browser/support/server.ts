import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".jpg": "image/jpeg",
  ".js": "text/javascript",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
  ".wasm": "application/wasm",
};

export interface ServeOptions {
  /** The folder's address: `/deep/path/`. Default: `/`. */
  readonly base?: string;
  /** Headers for a path, besides the usual ones. */
  readonly headers?: (path: string) => Readonly<Record<string, string>>;
  /** Where a path leads instead; `undefined`: nowhere else. */
  readonly redirect?: (path: string) => string | undefined;
  /** Told of every request: `GET /index.html`. */
  readonly onRequest?: (request: string) => void;
}

export interface Served {
  /** Ends in a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** A server such as anyone has: static files, no COOP, no COEP. */
export async function serve(
  folder: string,
  { base = "/", headers = () => ({}), redirect = () => undefined, onRequest = () => undefined }: ServeOptions = {},
): Promise<Served> {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const file = path.startsWith(base) ? join(folder, normalize(path.slice(base.length) || "index.html")) : "";
    const found = file.startsWith(folder + sep) ? await stat(file).catch(() => undefined) : undefined;
    onRequest(`${request.method} ${path}`);
    for (const [name, value] of Object.entries(headers(path))) response.setHeader(name, value);
    const location = redirect(path);
    if (location !== undefined) {
      response.writeHead(308, { Location: location }).end();
      return;
    }
    if (!found?.isFile()) {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("Not found");
      return;
    }
    response.writeHead(200, {
      "Content-Type": types[extname(file)] ?? "application/octet-stream",
      "Content-Length": found.size,
      "Last-Modified": found.mtime.toUTCString(),
    });
    response.end(request.method === "HEAD" ? undefined : await readFile(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${base}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
