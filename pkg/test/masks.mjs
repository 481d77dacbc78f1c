// Masks to try the helpers on, and plain definitions to compare them with.
import { readFile } from "node:fs/promises";

const file = new URL("../../tests/fixtures/masks.json", import.meta.url);

/** Written by pycocotools: tools/fixtures/mask_cases.py. */
export const cases = JSON.parse(await readFile(file, "utf8")).map(({ name, width, height, data, ...expected }) => ({
  ...{ name, expected },
  mask: { width, height, data: Uint8Array.from(data, Number) },
}));

/** Numbers from 0 to 1, the same in every run (mulberry32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Small masks of all densities: noise, and rectangles drawn over each other. */
export function* randomMasks(count, seed = 1) {
  const next = random(seed);
  const upTo = (max) => Math.floor(next() * (max + 1));
  for (let i = 0; i < count; i++) {
    const [width, height] = [1 + upTo(11), 1 + upTo(11)];
    const density = next();
    const data = Uint8Array.from({ length: width * height }, () => (next() < density ? 1 : 0));
    if (i % 2 === 0) {
      data.fill(0);
      for (let n = upTo(6); n >= 0; n--) {
        const [x0, y0, value] = [upTo(width - 1), upTo(height - 1), upTo(2) === 0 ? 0 : 255];
        const [x1, y1] = [x0 + upTo(width - x0), y0 + upTo(height - y0)];
        for (let y = y0; y < y1; y++) data.fill(value, y * width + x0, y * width + x1);
      }
    }
    yield { data, width, height };
  }
}

export function maskOf(width, height, inside) {
  const data = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) data[i] = inside(x, y) ? 1 : 0;
  return { data, width, height };
}

/** 0 and 1. */
export function bits({ data }) {
  return Array.from(data, (value) => (value === 0 ? 0 : 1));
}

/** The pixels whose centres are in the rings, by the even-odd rule. */
export function rasterise(rings, width, height) {
  const mask = maskOf(width, height, () => false);
  for (let y = 0; y < height; y++) {
    const crossings = [];
    for (const ring of rings) {
      ring.forEach(([x0, y0], i) => {
        const [x1, y1] = ring[(i + 1) % ring.length];
        if (y0 > y + 0.5 === y1 > y + 0.5) return;
        crossings.push(x0 + ((y + 0.5 - y0) / (y1 - y0)) * (x1 - x0));
      });
    }
    for (let x = 0; x < width; x++) {
      if (crossings.filter((crossing) => crossing < x + 0.5).length % 2 === 1) mask.data[y * width + x] = 1;
    }
  }
  return mask;
}

/** The regions of pixels that share a side, as lists of their indices. */
export function regionsOf({ data, width, height }) {
  const seen = new Set();
  const regions = [];
  for (let start = 0; start < data.length; start++) {
    if (data[start] === 0 || seen.has(start)) continue;
    const region = [start];
    seen.add(start);
    for (const i of region) {
      const [x, y] = [i % width, Math.floor(i / width)];
      const beside = [x > 0 && i - 1, x < width - 1 && i + 1, y > 0 && i - width, y < height - 1 && i + width];
      for (const other of beside) {
        if (other === false || data[other] === 0 || seen.has(other)) continue;
        seen.add(other);
        region.push(other);
      }
    }
    regions.push(region.sort((a, b) => a - b));
  }
  return regions;
}
