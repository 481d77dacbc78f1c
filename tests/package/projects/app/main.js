// What README.md shows, in a project of one's own. `options` is there where files have been moved.
import { Sam } from "burn-sam";

async function run() {
  const sam = await Sam.load({ device: "cpu", ...globalThis.options });
  const image = await sam.encode("scene.png");
  const [best] = await image.segment({ points: [{ x: 92.5, y: 128.25 }] });
  return `${sam.info.model} ${sam.info.device}: area ${best.area}, score ${best.score.toFixed(5)}`;
}

run().then(
  (result) => (document.title = result),
  (error) => (document.title = `${error.code}: ${error.message}`),
);
