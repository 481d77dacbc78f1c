import { cpSync } from "node:fs";
import { join } from "node:path";
import webpack from "webpack";

const here = import.meta.dirname;
const dist = join(here, "dist");
const config = {
  ...{ context: here, mode: "production", entry: "./main.js", output: { path: dist } },
  // webpack would only hint that the model is large.
  performance: { hints: false },
};
webpack(config, (error, stats) => {
  if (error !== null || stats === undefined || stats.hasErrors() || stats.hasWarnings()) {
    console.error(error ?? stats?.toString());
    process.exit(1);
  }
  for (const name of ["index.html", "scene.png"]) cpSync(join(here, name), join(dist, name));
});
