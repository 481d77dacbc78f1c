/** For Vite: tells the service worker which files there are, once they all lie in `dist`. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** The module of a device is large and only kept where it is used; the CPU's is what every browser falls back on. */
const webgpu = /^assets\/webgpu-.*\.wasm$/;
/**
 * The engine on the page's own thread, which this page never uses; the CPU's module with threads, which it only uses where its
 * server has made it cross-origin isolated, and can do without.
 */
const unused = /^assets\/((direct|modules)-.*\.js|threads-.*)$|\.map$/;

export function offline(folder: URL): Plugin {
  return {
    name: "burn-sam:offline",
    apply: "build",
    closeBundle() {
      const path = folder.pathname;
      const script = readFileSync(join(path, "sw.js"), "utf8");
      const all = readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== "sw.js")
        .map((entry) => join(entry.parentPath, entry.name).slice(path.length).replaceAll("\\", "/"))
        .filter((file) => !unused.test(file))
        .sort();
      const digest = createHash("sha256").update(script);
      for (const file of all) digest.update(`${file}\n`).update(readFileSync(join(path, file)));
      const manifest = {
        version: digest.digest("hex").slice(0, 16),
        files: all.filter((file) => !webgpu.test(file)),
        devices: { webgpu: all.filter((file) => webgpu.test(file)) },
      };
      if (!script.includes("__MANIFEST__")) throw new Error("The service worker has no place for the list of files.");
      // In a string of JavaScript, whatever quotes the minifier has put around it.
      const quoted = JSON.stringify(manifest).replaceAll("\\", "\\\\").replaceAll(/["'`]/g, "\\$&");
      writeFileSync(
        join(path, "sw.js"),
        script.replace("__MANIFEST__", () => quoted),
      );
    },
  };
}
