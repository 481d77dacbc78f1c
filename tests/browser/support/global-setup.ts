import { cpSync } from "node:fs";
import { join } from "node:path";
import { demo } from "./paths.ts";
import { serve } from "./server.ts";
import { makeSite } from "./site.ts";

const csp = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:";

/** Packs the package and serves it; the workers find the addresses in the environment. */
export default async function globalSetup(): Promise<() => Promise<void>> {
  const { folder, remove } = await makeSite();
  const site = await serve(folder, {
    headers: (path) => (path === "/csp.html" ? { "Content-Security-Policy": csp } : {}),
  });
  // The same files on another origin, which lets only one of them be read.
  const other = await serve(folder, {
    headers: (path) => (path === "/open.png" ? { "Access-Control-Allow-Origin": "*" } : {}),
  });
  // A copy, so that a build meanwhile does no harm.
  cpSync(demo, join(folder, "demo"), { recursive: true });
  const page = await serve(join(folder, "demo"));
  process.env["SITE_FOLDER"] = folder;
  process.env["SITE_URL"] = site.url;
  process.env["OTHER_URL"] = other.url;
  process.env["DEMO_URL"] = page.url;
  return async () => {
    await Promise.all([site.close(), other.close(), page.close()]);
    remove();
  };
}
