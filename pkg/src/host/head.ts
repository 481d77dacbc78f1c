// The beginning of a checkpoint while the rest of it is on its way: in a safetensors file it describes all tensors.
import type { CheckpointSource } from "./wasm.js";

/** The header of a released checkpoint takes 50 kB; this much is not waited for. */
const MAX_HEADER = 2 ** 20;
/** The header's length, little endian. */
const PREFIX = 8;

/** Takes a file's bytes from the first on, and tells once what is known of its tensors. */
export class Head {
  readonly #onDescribed: (source: CheckpointSource | undefined) => void;
  #bytes: Uint8Array | undefined = new Uint8Array(0);

  /** `onDescribed` gets a file that can be read as far as its header goes; undefined where the file does not begin with one. */
  constructor(onDescribed: (source: CheckpointSource | undefined) => void) {
    this.#onDescribed = onDescribed;
  }

  push(chunk: Uint8Array): void {
    if (this.#bytes === undefined) return;
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    this.#bytes = bytes;
    if (bytes.length < PREFIX) return;
    const length = headerLength(bytes);
    if (length === undefined) return this.#tell(undefined);
    if (bytes.length >= PREFIX + length) this.#tell(describe(bytes.slice(0, PREFIX + length)));
  }

  #tell(source: CheckpointSource | undefined): void {
    this.#bytes = undefined;
    this.#onDescribed(source);
  }
}

function headerLength(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint32(0, true);
  return view.getUint32(4, true) === 0 && length <= MAX_HEADER ? length : undefined;
}

/** The size of the file is not asked of its server, who may have compressed it: the header tells where the last tensor ends. */
function describe(head: Uint8Array): CheckpointSource | undefined {
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(head.subarray(PREFIX)));
    if (typeof header !== "object" || header === null) return undefined;
    const ends = Object.values(header).map(
      (tensor: { data_offsets?: [number, number] }) => tensor.data_offsets?.[1] ?? 0,
    );
    const size = ends.reduce((greatest, end) => Math.max(greatest, end), 0) + head.length;
    return { size, read: (offset, length) => head.subarray(offset, offset + length) };
  } catch {
    return undefined;
  }
}
