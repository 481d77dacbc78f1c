// What a page does with the package, in any browser: each check returns what it found, or throws.
// `globalThis.report` has the answers by name once all are there.
import { Sam, SamError, area, cutout, fromCocoRle, toBlob, toCocoRle, toImageData, toRle } from "burn-sam";

const point = { points: [{ x: 92.5, y: 128.25 }] };
const reload = () => Sam.load({ device: "cpu" });

const sam = await reload();
const blob = await (await fetch("scene.png")).blob();
const image = await sam.encode(blob);
const [best] = await image.segment(point);
const { width, height } = image;

/** The area of the best mask when this is what is encoded. */
async function areaOf(source) {
  const encoded = await sam.encode(source);
  const [mask] = await encoded.segment(point);
  encoded.free();
  return mask.area;
}

function drawn(canvas, source = bitmap) {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").drawImage(source, 0, 0);
  return canvas;
}
const bitmap = await createImageBitmap(blob);
const element = new Image();
element.src = "scene.png";

/** Pixels of a picture that are not transparent. */
function covered(picture) {
  const canvas = drawn(document.createElement("canvas"), picture);
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return data.reduce((sum, value, i) => sum + (i % 4 === 3 && value > 0 ? 1 : 0), 0);
}

async function codeOf(promise) {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return error instanceof SamError ? error.code : error;
  }
}

const checks = {
  info: () => `${sam.info.model} ${sam.info.device} ${sam.info.precision}`,
  area: () => best.area,
  score: () => best.score,
  Blob: () => areaOf(new Blob([blob])),
  URL: () => areaOf(new URL("scene.png", location.href)),
  "<img>": () => areaOf(element),
  "<canvas>": () => areaOf(drawn(document.createElement("canvas"))),
  OffscreenCanvas: () => areaOf(drawn(new OffscreenCanvas(1, 1))),
  ImageBitmap: () => areaOf(bitmap),
  ImageData: () => areaOf(drawn(document.createElement("canvas")).getContext("2d").getImageData(0, 0, width, height)),
  // Not every browser has it.
  VideoFrame: async () => {
    if (typeof VideoFrame === "undefined") return best.area;
    const frame = new VideoFrame(drawn(document.createElement("canvas")), { timestamp: 0 });
    return areaOf(frame).finally(() => frame.close());
  },
  "EXIF orientation of a file": async () => {
    const [upright, turned] = await Promise.all(["upright.jpg", "turned.jpg"].map((url) => sam.encode(url)));
    return [turned.width === upright.height, turned.height === upright.width];
  },

  "a batch": async () => {
    const answers = await image.segment([point, { box: [10, 10, 200, 200] }, point]);
    return [answers.length, answers[0][0].area === best.area, answers[2][0].area === best.area];
  },
  "a refined mask": async () => (await image.segment({ ...point, mask: best.logits }, { multimask: false })).length,
  "another size": async () => {
    const [mask] = await image.segment(point, { size: [64, 48] });
    return [mask.width, mask.height, mask.data.length];
  },
  logits: async () => {
    const [mask] = await image.segment(point, { output: "logits" });
    return mask.data.filter((value) => value > 0).length;
  },
  "a bitmap": async () => {
    const [mask] = await image.segment(point, { output: "bitmap" });
    return mask.data instanceof ImageBitmap && covered(mask.data);
  },

  toImageData: async () => covered(await createImageBitmap(toImageData(best))),
  toBlob: async () => covered(await createImageBitmap(await toBlob(best))),
  cutout: async () => covered(await createImageBitmap(await cutout(blob, best))),
  "a cut-out of the rectangle": async () => {
    const { width, height } = await createImageBitmap(await cutout(element, best, { crop: true }));
    return [width === best.bbox[2], height === best.bbox[3]];
  },
  toRle: () => toRle(best).counts.reduce((sum, count, i) => sum + (i % 2) * count, 0),
  toCocoRle: () => toCocoRle(best).size,

  // A few points, so that it is quick: their masks, and where they come from.
  "everything mode": async () => {
    let last;
    const onProgress = ({ done, total, candidates }) => (last = [done, total, Array.isArray(candidates)]);
    const thresholds = { predIouThresh: 0.3, stabilityScoreThresh: 0.3 };
    const options = { pointsPerSide: 3, ...thresholds, outputMode: "coco_rle", onProgress };
    const records = await image.everything(options);
    const areas = records.map(({ segmentation }) => area(fromCocoRle(segmentation)));
    return [last, records.length > 0, records.every((record, i) => record.area === areas[i])];
  },
  "everything, given up": async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const onProgress = () => controller.abort(reason);
    const searching = image.everything({ pointsPerSide: 4, pointsPerBatch: 2, signal: controller.signal, onProgress });
    return (await codeOf(searching)) === reason;
  },
  "saved and opened": async () => {
    const opened = await sam.open(await image.save());
    return (await opened.segment(point))[0].area;
  },
  embedding: async () => (await image.embedding()).shape,
  // WebKitGTK has no file system for pages: there it is in a cache.
  "the model is kept": async () => (await Sam.cached()).length === 1,

  "an encode given up": async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const encoding = sam.encode(blob, { signal: controller.signal, onProgress: () => controller.abort(reason) });
    return (await codeOf(encoding)) === reason;
  },
  "a hover overtaken": async () => {
    const calls = Array.from({ length: 4 }, () => codeOf(image.segment(point, { latest: true })));
    const codes = await Promise.all(calls);
    return [codes.includes("superseded"), codes.at(-1)];
  },
  "no image": () => codeOf(sam.encode(new Blob(["These are words."], { type: "image/png" }))),
  "not there": () => codeOf(sam.encode("nothing.png")),
  "a wrong prompt": () => codeOf(image.segment({ box: [0, 0, 1] })),
  "no checkpoint": () => codeOf(Sam.load({ device: "cpu", model: blob })),

  "in a Worker of the page's": async () => {
    const worker = new Worker("./worker.js", { type: "module" });
    const answer = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage({ blob, prompt: point });
    });
    worker.terminate();
    return answer.area ?? answer.error;
  },
  "on the page's own thread": async () => {
    const here = await Sam.load({ device: "cpu", worker: false });
    const [mask] = await (await here.encode(blob)).segment(point);
    here.free();
    return mask.area;
  },
  "what auto takes": async () => {
    const other = await Sam.load();
    const [mask] = await (await other.encode(blob)).segment(point);
    other.free();
    return mask.area;
  },
  "a restart": async () => {
    const other = await reload();
    const old = await other.encode(blob);
    await other.restart();
    const code = await codeOf(old.segment(point));
    const [mask] = await (await other.encode(blob)).segment(point);
    other.free();
    return [code, mask.area];
  },
  "a Sam freed during a call": async () => {
    const other = await reload();
    const pending = codeOf(other.encode(blob));
    other.free();
    return [await pending, await codeOf(other.encode(blob))];
  },
  "Symbol.dispose": () => typeof Symbol.dispose === "undefined" || typeof sam[Symbol.dispose] === "function",
};

const report = {};
for (const [name, check] of Object.entries(checks)) {
  try {
    report[name] = await check();
  } catch (error) {
    report[name] = String(error);
  }
}
globalThis.report = report;
