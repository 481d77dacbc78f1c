import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../../../", import.meta.url));
export const fixtures = join(repository, "tests/fixtures");
/** Screenshots and figures; not committed. */
export const output = join(repository, "tests/output");
/** The built demo page. */
export const demo = join(repository, "www/dist");
/** Photographs that are not ours to commit. */
export const photographs = process.env["BURN_SAM_PHOTOGRAPHS"] ?? join(repository, "../shared/images");
