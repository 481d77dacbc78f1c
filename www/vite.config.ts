import { readFileSync } from "node:fs";
import { defineConfig } from "vite";

/** The package's own `repository` is the only place that knows where the source is published. */
function sourceUrl(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../pkg/package.json", import.meta.url), "utf8"));
  if (typeof manifest !== "object" || manifest === null || !("repository" in manifest)) return "";
  const { repository } = manifest;
  const url =
    typeof repository === "object" && repository !== null && "url" in repository ? repository.url : repository;
  return typeof url === "string" ? url.replace(/^git\+/, "").replace(/\.git$/, "") : "";
}

export default defineConfig({
  // Relative addresses: the page works under any sub-path.
  base: "./",
  define: { __SOURCE_URL__: JSON.stringify(sourceUrl()) },
  // The dependency optimiser would move the package's Worker, wasm and model away from `new URL(.., import.meta.url)`.
  optimizeDeps: { exclude: ["burn-sam"] },
  worker: { format: "es" },
  build: {
    target: "es2022",
    // A file inlined as a data: URL would be refused by the page's Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
