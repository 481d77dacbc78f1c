// The built-in model's checkpoint, which is in f16, as one in f32 that f16 has to round.
import { tiny } from "./models.ts";

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [start: number, end: number];
}

/** Every weight of 16 bits is moved by up to half a step of f16, up or down. */
export function wideTiny(): Buffer {
  const start = 8 + Number(tiny.readBigUInt64LE(0));
  const { __metadata__, ...entries } = JSON.parse(tiny.toString("utf8", 8, start)) as Record<string, Entry>;
  const parts: Buffer[] = [];
  const header: Record<string, unknown> = { __metadata__ };
  let [end, seed] = [0, 1];
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries).sort(byPlace)) {
    let data = tiny.subarray(start + data_offsets[0], start + data_offsets[1]);
    if (dtype === "F16") {
      const values = Float32Array.from({ length: data.length / 2 }, (_, i) => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
        const bits = data.readUInt16LE(2 * i);
        return halfToNumber(bits) + (seed / 2 ** 32 - 0.5) * stepOf(bits) * 0.99;
      });
      data = Buffer.from(values.buffer);
    }
    parts.push(data);
    header[name] = { dtype: dtype === "F16" ? "F32" : dtype, shape, data_offsets: [end, (end += data.length)] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

function byPlace([, a]: [string, Entry], [, b]: [string, Entry]): number {
  return a.data_offsets[0] - b.data_offsets[0];
}

function halfToNumber(bits: number): number {
  const fraction = bits & 0x3ff;
  const exponent = (bits >> 10) & 0x1f;
  return (bits >> 15 ? -1 : 1) * (exponent === 0 ? fraction : fraction + 0x400) * stepOf(bits);
}

/** From a half to the next. */
function stepOf(bits: number): number {
  return 2 ** (Math.max(1, (bits >> 10) & 0x1f) - 25);
}
