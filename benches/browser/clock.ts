/** Products in one turn of the loop, each of which waits for the one before. */
const CHAIN = 32;
/** Cycles until the product of two integers is there, on the processors of the last fifteen years. */
const LATENCY = 3;

/** A module with one function: `run(x, turns)` squares x again and again. */
const MODULE = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f]),
  ...section(3, [1, 0]),
  ...section(7, [1, 3, 0x72, 0x75, 0x6e, 0, 0]),
  ...section(10, [1, ...sized([0, ...body(), 0x0b])]),
]);

function body(): number[] {
  const square = [0x20, 0, 0x20, 0, 0x6c, 0x21, 0];
  const again = [0x20, 1, 0x41, 1, 0x6b, 0x22, 1, 0x0d, 0];
  return [0x03, 0x40, ...Array<number[]>(CHAIN).fill(square).flat(), ...again, 0x0b, 0x20, 0];
}

function section(id: number, content: number[]): number[] {
  return [id, ...sized(content)];
}

/** After its length in LEB128. */
function sized(content: number[]): number[] {
  const { length } = content;
  return [...(length < 128 ? [length] : [(length & 127) | 128, length >> 7]), ...content];
}

/** The clock of one core at work, in GHz: what the system reports is often another one. The best of several tries. */
export function measureClock(): number {
  const run = new WebAssembly.Instance(new WebAssembly.Module(MODULE)).exports["run"] as (
    x: number,
    n: number,
  ) => number;
  const turns = 1e6;
  let best = 0;
  for (let i = 0; i < 20; i++) {
    const started = performance.now();
    run(3, turns);
    best = Math.max(best, (turns * CHAIN * LATENCY) / ((performance.now() - started) * 1e6));
  }
  return best;
}
