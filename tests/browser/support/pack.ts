import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./paths.ts";

const onWindows = process.platform === "win32";

export function npm(args: readonly string[], folder: string): void {
  execFileSync("npm", args, { cwd: folder, shell: onWindows, stdio: ["ignore", "ignore", "inherit"] });
}

/** Makes the tarball that would be published; returns its path. */
export function pack(into: string): string {
  const wasm = join(repository, "pkg/dist/wasm/cpu/burn_sam_bg.wasm");
  if (!existsSync(wasm)) throw new Error(`${wasm} is missing: \`cargo xtask build\` makes it.`);
  mkdirSync(into, { recursive: true });
  npm(["pack", "--silent", "--workspace", "pkg", "--pack-destination", into], repository);
  const tarball = readdirSync(into).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack made no tarball.");
  return join(into, tarball);
}

/** Unpacks the tarball where `import "burn-sam"` would look for it. */
export function unpack(tarball: string, project: string): void {
  const folder = join(project, "node_modules/burn-sam");
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", folder]);
}
