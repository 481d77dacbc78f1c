import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { openSlices } from "../dist/host/slices.js";

const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => (i * 7) % 251);
/** A Blob that can be read at once, as in a Worker. */
class Readable {
  constructor(bytes) {
    this.bytes = bytes;
  }
  get size() {
    return this.bytes.length;
  }
  slice(start, end) {
    return new Readable(this.bytes.subarray(start, end));
  }
}

let reads;
function installReader(read = ({ bytes }) => bytes.slice().buffer) {
  reads = [];
  globalThis.FileReaderSync = class {
    readAsArrayBuffer(blob) {
      reads.push(blob.size);
      return read(blob);
    }
  };
}
afterEach(() => delete globalThis.FileReaderSync);

const places = [
  [0, 8],
  [8, 1000],
  [2 ** 20 - 22, 22],
  [2 ** 20 - 500, 478],
  [1000, 2 ** 19],
  [2 ** 20, 0],
  [77, 1],
];

test("a file is read by slices: small ones from what was fetched along, large ones as they are", async () => {
  installReader();
  const source = await openSlices(new Readable(bytes));
  assert.equal(source.size, bytes.length);
  for (const [offset, length] of places) {
    assert.deepEqual(source.read(offset, length), bytes.subarray(offset, offset + length), `${offset} ${length}`);
  }
  assert.deepEqual(reads, [2 ** 18, 2 ** 18, 2 ** 19, 2 ** 18]);
  const small = await openSlices(new Readable(bytes.subarray(0, 5)));
  assert.deepEqual(small.read(4, 1), bytes.subarray(4, 5));
});

test("where nothing can be read at once, the file is in memory", async () => {
  const source = await openSlices(new Blob([bytes]));
  for (const [offset, length] of places) {
    assert.deepEqual(source.read(offset, length), bytes.subarray(offset, offset + length));
  }
});

test("what lies outside is refused, and what cannot be read says what to do", async () => {
  installReader();
  const outside = { name: "SamError", code: "bad-checkpoint", message: /outside/ };
  for (const blob of [new Readable(bytes), new Readable(bytes.subarray(0, 0))]) {
    const source = await openSlices(blob);
    for (const [offset, length] of [
      [-1, 2],
      [bytes.length, 1],
      [2 ** 53, 1],
      [0, -1],
      [NaN, 1],
    ]) {
      assert.throws(() => source.read(offset, length), outside);
    }
  }
  installReader(() => {
    throw new DOMException("the file was changed", "NotReadableError");
  });
  const changed = await openSlices(new Readable(bytes));
  assert.throws(() => changed.read(0, 1), { code: "bad-checkpoint", message: /changed.*Choose it again/ });
  installReader(() => new ArrayBuffer(1));
  const cut = await openSlices(new Readable(bytes));
  assert.throws(() => cut.read(0, 2), { code: "bad-checkpoint" });
  installReader(() => {
    throw new RangeError("Array buffer allocation failed");
  });
  const large = await openSlices(new Readable(bytes));
  assert.throws(() => large.read(0, 2), { code: "out-of-memory" });
});
