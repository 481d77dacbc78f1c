// Image files made here, for what no canvas writes.
import { crc32, deflateSync } from "node:zlib";

/** PNG's colour types, as far as they are used. */
const colourTypes = { grey: 0, rgb: 2, palette: 3 } as const;

export interface Png {
  readonly width: number;
  readonly height: number;
  readonly colours: keyof typeof colourTypes;
  /** Row-major, 8 bits a channel; for `palette`, one index a pixel. */
  readonly pixels: Uint8Array;
  /** RGB triples. */
  readonly palette?: readonly number[];
}

export function png({ width, height, colours, pixels, palette }: Png): Buffer {
  const rowBytes = pixels.length / height;
  // Each row begins with the number of its filter: 0, none.
  const rows = new Uint8Array(pixels.length + height);
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, colourTypes[colours]], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    ...(palette === undefined ? [] : [chunk("PLTE", Buffer.from(palette))]),
    chunk("IDAT", deflateSync(rows, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** The same JPEG with an EXIF segment that says how it is to be turned. */
export function withOrientation(jpeg: Uint8Array, orientation: number): Buffer {
  const tiff = Buffer.alloc(26);
  tiff.write("MM\0*", 0, "latin1"); // big-endian
  tiff.writeUInt32BE(8, 4); // the only directory
  tiff.writeUInt16BE(1, 8); // of one entry:
  tiff.writeUInt16BE(0x0112, 10); // Orientation,
  tiff.writeUInt16BE(3, 12); // a SHORT,
  tiff.writeUInt32BE(1, 14); // one of them
  tiff.writeUInt16BE(orientation, 18);
  const body = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), tiff]);
  const marker = Buffer.from([0xff, 0xe1, 0, body.length + 2]);
  return Buffer.concat([jpeg.subarray(0, 2), marker, body, jpeg.subarray(2)]);
}
