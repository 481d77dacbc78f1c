// A photo, clicks, an outline: each click on the object adds to it, with Shift it takes away.
import { Sam, cutout, toSvgPath } from "burn-sam";

const [file, save, status, photo, outline] = ["file", "save", "status", "photo", "outline"].map((id) =>
  document.getElementById(id),
);
let image; // the encoded photo
let points = [];
let mask;

const sam = await Sam.load({ onProgress: ({ stage, loaded, total }) => say(`${stage} ${loaded} / ${total}`) }).catch(
  fail,
);
file.disabled = sam === undefined;
if (sam !== undefined) say("Choose a photo.");

file.addEventListener("change", async () => {
  image?.free();
  image = mask = undefined;
  points = [];
  show();
  try {
    URL.revokeObjectURL(photo.src);
    photo.src = URL.createObjectURL(file.files[0]);
    say("Looking at the photo…");
    image = await sam.encode(file.files[0]);
    say("Click an object.");
  } catch (error) {
    fail(error);
  }
});

photo.addEventListener("click", async ({ offsetX, offsetY, shiftKey }) => {
  if (image === undefined) return;
  const scale = image.width / photo.clientWidth;
  points.push({ x: offsetX * scale, y: offsetY * scale, label: shiftKey ? 0 : 1 });
  try {
    // Three candidates for one click, which may mean a part or the whole; one answer for more.
    [mask] = await image.segment({ points }, { multimask: points.length === 1, latest: true });
    show();
  } catch (error) {
    if (error.code !== "superseded") fail(error);
  }
});

save.addEventListener("click", async () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await cutout(file.files[0], mask, { crop: true, feather: 2 }));
  link.download = "cutout.png";
  link.click();
  URL.revokeObjectURL(link.href);
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
