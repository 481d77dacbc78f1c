// The server of the page, of both packages and of the exported files, all on one origin.
import { build, type Plugin } from "esbuild";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, sep } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".jpg": "image/jpeg",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

const HTML = `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <title>burn-sam benches</title>
  <link rel="icon" href="data:," />
  <script type="module" src="/bench/page.js"></script>
</html>
`;

/** What was downloaded of a package: its scripts and its WebAssembly. */
export interface Download {
  readonly files: readonly string[];
  readonly bytes: number;
  /** Each file compressed for itself, at level 9. */
  readonly gzip: number;
}

export interface Site {
  readonly url: string;
  /** Forgets what was downloaded so far. */
  forgetDownloads(): void;
  /** What was downloaded from addresses that start so. */
  downloaded(prefix: string): Promise<Download>;
  close(): Promise<void>;
}

/** With these a page may share memory between threads. */
const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/**
 * `files`: the folder that benches/onnx/export.py wrote; `scratch`: where the page's scripts may be written; `isolated`: the
 * page may have threads.
 */
export async function openSite(root: string, files: string, scratch: string, isolated: boolean): Promise<Site> {
  await buildPage(root, scratch);
  const folders: Readonly<Record<string, string>> = {
    "/bench/": scratch,
    "/files/": files,
    "/ort/": join(root, "node_modules/onnxruntime-web/dist"),
    "/pkg/": join(root, "pkg"),
  };
  const image = join(root, "www/public/samples/coffee.jpg");
  const find = (path: string): string | undefined => {
    if (path === "/image.jpg") return image;
    const prefix = Object.keys(folders).find((prefix) => path.startsWith(prefix));
    const folder = prefix === undefined ? undefined : folders[prefix];
    if (prefix === undefined || folder === undefined) return undefined;
    const file = join(folder, normalize(path.slice(prefix.length)));
    return file.startsWith(folder + sep) ? file : undefined;
  };

  const served = new Set<string>();
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    for (const [name, value] of Object.entries(isolated ? ISOLATED : {})) response.setHeader(name, value);
    if (path === "/") {
      response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(HTML);
      return;
    }
    const file = find(path);
    const body = file === undefined ? undefined : await readFile(file).catch(() => undefined);
    if (body === undefined) {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("Not found");
      return;
    }
    served.add(path);
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    response.writeHead(200, { "Content-Type": type, "Content-Length": body.length, "Cache-Control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    forgetDownloads: () => served.clear(),
    async downloaded(prefix) {
      const files = [...served].filter((path) => path.startsWith(prefix)).sort();
      let [bytes, gzip] = [0, 0];
      for (const path of files) {
        const body = await readFile(find(path) ?? "");
        bytes += body.length;
        gzip += gzipSync(body, { level: 9 }).length;
      }
      return { files, bytes, gzip };
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Only our own scripts are translated; both packages are loaded as they are published. */
async function buildPage(root: string, scratch: string): Promise<void> {
  const published: Plugin = {
    name: "the published packages",
    setup({ onResolve }) {
      onResolve({ filter: /^burn-sam$/ }, () => ({ path: "/pkg/dist/index.js", external: true }));
      onResolve({ filter: /^burn-sam\/worker$/ }, () => ({ path: "/pkg/dist/worker.js", external: true }));
    },
  };
  await build({
    entryPoints: ["page", "worker", "candle-worker"].map((name) => join(root, `benches/browser/${name}.ts`)),
    outdir: scratch,
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "warning",
    plugins: [published],
  });
}
