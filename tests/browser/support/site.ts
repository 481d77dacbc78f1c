import { build } from "esbuild";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, unpack } from "./pack.ts";
import { fixtures, photographs, repository } from "./paths.ts";

const html = `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <title>burn-sam tests</title>
  <link rel="icon" href="./scene.png" />
  <script type="module" src="./page.js"></script>
</html>
`;

/** A folder with the packed package, a page that imports it, and pictures. */
export async function makeSite(): Promise<{ folder: string; remove: () => void }> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "burn-sam-site-")));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    unpack(pack(join(folder, "tarball")), folder);
    for (const name of ["index.html", "csp.html"]) writeFileSync(join(folder, name), html);
    await buildPage(folder);
    for (const name of ["scene.png", "open.png"]) copyFileSync(join(fixtures, "scene.png"), join(folder, name));
    writeFileSync(join(folder, "words.txt"), "These are words, neither an image nor a checkpoint.\n");
    if (existsSync(photographs)) {
      mkdirSync(join(folder, "photographs"));
      for (const name of readdirSync(photographs)) {
        if (name.endsWith(".jpg")) copyFileSync(join(photographs, name), join(folder, "photographs", name));
      }
    }
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, remove };
}

/** Only our own script is translated; the package is imported as it was packed. */
async function buildPage(folder: string): Promise<void> {
  await build({
    entryPoints: [join(repository, "tests/browser/site/page.ts")],
    outdir: folder,
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "warning",
    plugins: [
      {
        name: "the packed package",
        setup: ({ onResolve }) => {
          onResolve({ filter: /^burn-sam$/ }, () => ({
            path: "./node_modules/burn-sam/dist/index.js",
            external: true,
          }));
        },
      },
    ],
  });
}
