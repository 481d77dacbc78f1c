// A photo, clicks, an outline: each click on the object adds to it, with Shift it takes away.
import { Sam, cutout, toSvgPath } from "burn-sam";

const [file, save, status, photo, outline] = ["file", "save", "status", "photo", "outline"].map((id) =>
  document.getElementById(id),
);
let chosen; // the photo's file
let image; // the encoded photo
let points = [];
let mask;

const sam = await Sam.load({ onProgress: ({ stage, loaded, total }) => say(`${stage} ${loaded} / ${total}`) }).catch(
  fail,
);
file.disabled = sam === undefined;
if (sam !== undefined) say("Choose a photo.");

file.addEventListener("change", async () => {
  const [next] = file.files;
  if (next === undefined) return; // the dialog was cancelled
  chosen = next;
  image?.free();
  image = mask = undefined;
  points = [];
  show();
  try {
    URL.revokeObjectURL(photo.src);
    photo.src = URL.createObjectURL(next);
    say("Looking at the photo…");
    const encoded = await sam.encode(next);
    if (chosen !== next) return encoded.free(); // another photo was chosen meanwhile
    image = encoded;
    say("Click an object.");
  } catch (error) {
    if (chosen === next) fail(error);
  }
});

photo.addEventListener("click", async ({ offsetX, offsetY, shiftKey }) => {
  const asked = image;
  if (asked === undefined) return;
  const scale = asked.width / photo.clientWidth;
  points.push({ x: offsetX * scale, y: offsetY * scale, label: shiftKey ? 0 : 1 });
  try {
    // Three candidates for one click, which may mean a part or the whole; one answer for more.
    const [best] = await asked.segment({ points }, { multimask: points.length === 1, latest: true });
    if (image !== asked) return;
    mask = best;
    show();
  } catch (error) {
    // A newer click, or another photo, has taken its place.
    if (error.code !== "superseded" && image === asked) fail(error);
  }
});

save.addEventListener("click", async () => {
  const link = document.createElement("a");
  try {
    link.href = URL.createObjectURL(await cutout(chosen, mask, { crop: true, feather: 2 }));
  } catch (error) {
    return fail(error);
  }
  link.download = "cutout.png";
  link.click();
  // The browser may read it only after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});

function show() {
  save.disabled = mask === undefined || mask.area === 0;
  if (mask !== undefined) outline.ownerSVGElement.setAttribute("viewBox", `0 0 ${mask.width} ${mask.height}`);
  outline.setAttribute("d", mask === undefined ? "" : toSvgPath(mask, { tolerance: 1 }));
}

function say(text) {
  status.textContent = text;
}

function fail(error) {
  say(`${error.code ?? error.name}: ${error.message}`);
}
