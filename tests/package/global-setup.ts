import { rmSync } from "node:fs";
import { makeWorkplace } from "./support.ts";

/** Packs the package once; each test installs the tarball in a project of its own. */
export default function globalSetup(): () => void {
  const folder = makeWorkplace();
  process.env["WORKPLACE"] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
