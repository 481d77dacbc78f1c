// A Worker of somebody else, which runs the model itself. Import maps do not reach Workers.
import { Sam } from "./node_modules/burn-sam/dist/index.js";

self.onmessage = async ({ data: { blob, prompt } }) => {
  try {
    const sam = await Sam.load({ device: "cpu", worker: false });
    const [best] = await (await sam.encode(blob)).segment(prompt);
    self.postMessage({ area: best.area });
  } catch (error) {
    self.postMessage({ error: `${error.code}: ${error.message}` });
  }
};
