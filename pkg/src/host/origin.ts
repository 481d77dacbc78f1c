// Where a file that is no checkpoint came from. Many servers answer every address with the page of their app.
import { SamError } from "../errors.js";
import type { WireModel } from "../protocol.js";
import { shorten } from "../fetch.js";

/** The same error, that says which file it is about; `file`: the beginning of it will do. */
export async function withOrigin(error: SamError, model: WireModel, file: Blob | undefined): Promise<SamError> {
  const isPage = file !== undefined && (await isHtml(file));
  const saidOf =
    model.kind === "blob"
      ? isPage && "The file is a page (HTML) in the place of the checkpoint."
      : `The file is that of ${shorten(model.url)}${isPage ? ", where the server has answered with a page (HTML): is the address right?" : "."}`;
  if (saidOf === false) return error;
  return new SamError(error.code, `${error.message.replace(/\.?$/, ".")} ${saidOf}`, error.cause);
}

async function isHtml(file: Blob): Promise<boolean> {
  // It may have been forgotten meanwhile.
  const beginning = await file
    .slice(0, 512)
    .text()
    .catch(() => "");
  return /^\s*<(!doctype html|html|head|body)\b/i.test(beginning);
}
