import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { siteFolder } from "./test.ts";

/** The page's Worker, after a change of what its browser offers; for `assets.worker`. */
export function worker(name: string, change: string): string {
  writeFileSync(join(siteFolder(), `${name}-before.js`), change);
  const scripts = [`./${name}-before.js`, "./node_modules/burn-sam/dist/worker.js"];
  writeFileSync(join(siteFolder(), `${name}.js`), scripts.map((script) => `import "${script}";\n`).join(""));
  return `${name}.js`;
}
