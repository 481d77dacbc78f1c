// The Worker in which candle's SAM runs: one call after the other.

/** What the page asks for. */
export type Call =
  /** `tiny`: MobileSAM's encoder, in place of ViT-B's. */
  | { readonly call: "load"; readonly weights: string; readonly tiny: boolean }
  /** RGBA */
  | { readonly call: "encode"; readonly pixels: Uint8ClampedArray }
  /** A point, as a part of the image's side. */
  | { readonly call: "decode"; readonly x: number; readonly y: number }
  | { readonly call: "embedding" }
  | { readonly call: "memory" };

/** What the calls give. */
export interface Results {
  readonly load: undefined;
  readonly encode: undefined;
  readonly decode: { readonly logits: Float32Array; readonly scores: Float32Array };
  readonly embedding: Float32Array;
  /** Bytes of the WebAssembly memory. */
  readonly memory: number;
}

export type Reply = { readonly result: Results[Call["call"]] } | { readonly error: string };

/** What benches/candle exports. */
interface CandleModule {
  readonly default: (options: { module_or_path: string }) => Promise<{ readonly memory: WebAssembly.Memory }>;
  readonly CandleSam: { load(weights: Uint8Array, tiny: boolean): CandleSam };
}

interface CandleSam {
  encode(pixels: Uint8Array): void;
  decode(x: number, y: number): Results["decode"];
  embedding(): Float32Array;
}

const FOLDER = "/files/candle";

let started: { readonly sam: CandleSam; readonly memory: WebAssembly.Memory } | undefined;

self.onmessage = async ({ data }: MessageEvent<Call>) => {
  let reply: Reply;
  try {
    reply = { result: await answer(data) };
  } catch (error) {
    reply = { error: String(error) };
  }
  self.postMessage(reply);
};

async function answer(asked: Call): Promise<Results[Call["call"]]> {
  if (asked.call === "load") {
    const { default: init, CandleSam } = (await import(`${FOLDER}/candle_sam.js`)) as CandleModule;
    const { memory } = await init({ module_or_path: `${FOLDER}/candle_sam_bg.wasm` });
    const weights = await (await fetch(asked.weights)).arrayBuffer();
    started = { sam: CandleSam.load(new Uint8Array(weights), asked.tiny), memory };
    return undefined;
  }
  if (started === undefined) throw new Error("load() comes first");
  const { sam, memory } = started;
  switch (asked.call) {
    case "encode":
      sam.encode(new Uint8Array(asked.pixels.buffer));
      return undefined;
    case "decode": {
      const { logits, scores } = sam.decode(asked.x, asked.y);
      return { logits, scores };
    }
    case "embedding":
      return sam.embedding();
    case "memory":
      return memory.buffer.byteLength;
  }
}
