import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { offline } from "./offline.ts";

/** The package's own `repository` is the only place that knows where the source is published. */
function sourceUrl(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../pkg/package.json", import.meta.url), "utf8"));
  if (typeof manifest !== "object" || manifest === null || !("repository" in manifest)) return "";
  const { repository } = manifest;
  const url =
    typeof repository === "object" && repository !== null && "url" in repository ? repository.url : repository;
  return typeof url === "string" ? url.replace(/^git\+/, "").replace(/\.git$/, "") : "";
}

/** The page's words are put in by its script: nothing is to be seen before, or the words would jump. */
function wordsFirst(): Plugin {
  return {
    name: "burn-sam:words-first",
    transformIndexHtml: {
      order: "post",
      handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
    },
  };
}

/** The pictures of the buttons, in the page itself: `<use>` finds them there without another request. */
function icons(): Plugin {
  const file = new URL("./icons.svg", import.meta.url);
  return {
    name: "burn-sam:icons",
    transformIndexHtml: {
      order: "pre",
      handler: (html) => html.replace("<!-- icons.svg -->", () => readFileSync(file, "utf8")),
    },
  };
}

/** All modules have one file name: the service worker tells them apart by this. */
function assetFileNames({ originalFileNames = [] }: { originalFileNames?: readonly string[] }): string {
  const module = ["webgpu", "threads"].find((module) =>
    originalFileNames.some((name) => name.includes(`wasm/${module}/`)),
  );
  return `assets/${module ?? "[name]"}-[hash][extname]`;
}

export default defineConfig(({ command }) => ({
  // Relative addresses: the page works under any sub-path.
  base: "./",
  plugins: [icons(), wordsFirst(), offline(new URL("./dist/", import.meta.url))],
  define: { __SOURCE_URL__: JSON.stringify(sourceUrl()), __OFFLINE__: JSON.stringify(command === "build") },
  // The dependency optimiser would move the package's Worker, wasm and model away from `new URL(.., import.meta.url)`.
  optimizeDeps: { exclude: ["burn-sam"] },
  worker: { format: "es" as const, rolldownOptions: { output: { assetFileNames } } },
  build: {
    target: "es2022",
    // A file inlined as a data: URL would be refused by the page's Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: {
        index: fileURLToPath(new URL("./index.html", import.meta.url)),
        sw: fileURLToPath(new URL("./sw/sw.ts", import.meta.url)),
      },
      output: {
        assetFileNames,
        // A service worker rules over the folder it lies in, under a name that stays.
        entryFileNames: ({ name }: { name: string }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
      },
    },
  },
}));
