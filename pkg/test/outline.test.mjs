import assert from "node:assert/strict";
import { test } from "node:test";
import { toPolygons, toSvgPath } from "../dist/index.js";
import { bits, cases, maskOf, randomMasks, rasterise, regionsOf } from "./masks.mjs";

/** Twice the area; positive for rings that run clockwise on the screen. */
function turn(ring) {
  return ring.reduce((sum, [x0, y0], i) => {
    const [x1, y1] = ring[(i + 1) % ring.length];
    return sum + x0 * y1 - x1 * y0;
  }, 0);
}

/** The rings of a path that is written as toSvgPath does it. */
function ringsOf(path) {
  return path
    .split("z")
    .slice(0, -1)
    .map((part) => {
      const ring = [];
      let [x, y] = [0, 0];
      for (const [, command, text] of part.matchAll(/([Mhvl])([-\d ]+)/g)) {
        const [first, second = 0] = text.split(" ").map(Number);
        if (command === "M") [x, y] = [first, second];
        else [x, y] = command === "v" ? [x, y + first] : [x + first, y + second];
        ring.push([x, y]);
      }
      return ring;
    });
}

function check(mask) {
  const { width, height } = mask;
  const polygons = toPolygons(mask);
  // Each polygon is one region of pixels, and there is one for each region.
  const filled = polygons.map((rings) => {
    const { data } = rasterise(rings, width, height);
    return Array.from(data.keys()).filter((i) => data[i] !== 0);
  });
  assert.deepEqual(filled, regionsOf(mask));
  for (const [outer, ...holes] of polygons) {
    assert.ok(turn(outer) > 0);
    for (const hole of holes) assert.ok(turn(hole) < 0);
    for (const ring of [outer, ...holes]) {
      assert.equal(new Set(ring.map(String)).size, ring.length, "no place twice");
      const [top] = ring.toSorted(([x0, y0], [x1, y1]) => y0 - y1 || x0 - x1);
      assert.deepEqual(ring[0], top, "from the top left corner on");
      ring.forEach(([x, y], i) => {
        const [[x0, y0], [x1, y1]] = [ring.at(i - 1), ring[(i + 1) % ring.length]];
        assert.ok((x0 === x && y1 === y) || (y0 === y && x1 === x), "every corner is one");
      });
    }
  }
  const path = toSvgPath(mask);
  assert.deepEqual(ringsOf(path), polygons.flat());
  assert.deepEqual(bits(rasterise(ringsOf(path), width, height)), bits(mask));
}

for (const { name, mask } of cases) test(`outlines, filled again, are the mask: ${name}`, () => check(mask));

test("outlines of random masks, filled again, are the masks", () => {
  for (const mask of randomMasks(4000)) check(mask);
});

test("corners are those of pixels", () => {
  const mask = { data: Uint8Array.of(0, 0, 0, 0, 0, 255), width: 3, height: 2 };
  const pixel = [[2, 1], [3, 1], [3, 2], [2, 2]]; // prettier-ignore
  assert.deepEqual(toPolygons(mask), [[pixel]]);
  assert.equal(toSvgPath(mask), "M2 1h1v1h-1z");
  assert.deepEqual(toPolygons({ ...mask, data: new Uint8Array(6) }), []);
  assert.equal(toSvgPath({ ...mask, data: new Uint8Array(6) }), "");
});

test("a hole belongs to the region around it", () => {
  const frame = (x, y, size) => x >= size && y >= size && x < 15 - size && y < 15 - size;
  const rings = maskOf(15, 15, (x, y) => [0, 1, 2, 3, 4].filter((size) => frame(x, y, size)).length % 2 === 1);
  const shapes = toPolygons(rings).map((polygon) => polygon.map((ring) => ring[0][0]));
  assert.deepEqual(shapes, [[0, 1], [2, 3], [4]]);
});

/** From a point to a ring's border. */
function distance([x, y], ring) {
  return Math.min(
    ...ring.map(([x0, y0], i) => {
      const [x1, y1] = ring[(i + 1) % ring.length];
      const [dx, dy] = [x1 - x0, y1 - y0];
      const along = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy)));
      return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
    }),
  );
}

test("corners that are left out are as close as the tolerance says", () => {
  const masks = [...randomMasks(500, 2), ...cases.map(({ mask }) => mask)];
  for (const mask of masks) {
    for (const tolerance of [0.5, 1, 2.5]) {
      const [exact, simple] = [toPolygons(mask), toPolygons(mask, { tolerance })];
      assert.equal(simple.length, exact.length, "no region is lost");
      simple.forEach(([outer, ...holes], i) => {
        for (const ring of [outer, ...holes]) {
          // Each ring keeps its first corner.
          const before = exact[i].find(([first]) => String(first) === String(ring[0]));
          const corners = new Set(before.map(String));
          assert.ok(ring.length >= 3 && ring.every((corner) => corners.has(String(corner))));
          assert.notEqual(turn(ring), 0);
          for (const corner of before) assert.ok(distance(corner, ring) <= tolerance + 1e-9);
        }
      });
      assert.deepEqual(ringsOf(toSvgPath(mask, { tolerance })), simple.flat());
    }
  }
});

test("a tolerance makes few corners of many, and little difference", () => {
  const disc = maskOf(400, 400, (x, y) => (x - 200) ** 2 + (y - 200) ** 2 < 190 ** 2);
  const [[outer]] = toPolygons(disc, { tolerance: 1 });
  assert.ok(toPolygons(disc)[0][0].length > 800 && outer.length < 80, `${outer.length} corners`);
  const filled = rasterise([outer], 400, 400).data;
  const wrong = filled.filter((value, i) => value !== disc.data[i]).length;
  assert.ok(wrong < 2 * Math.PI * 190, `${wrong} pixels differ`);
});

test("what is smaller than the tolerance stays, unless it is a hole", () => {
  const dot = maskOf(9, 9, (x, y) => x === 4 && y === 4);
  assert.deepEqual(toPolygons(dot, { tolerance: 5 }), toPolygons(dot));
  const hole = maskOf(9, 9, (x, y) => x !== 4 || y !== 4);
  assert.equal(toPolygons(hole)[0].length, 2);
  assert.equal(toPolygons(hole, { tolerance: 0.5 })[0].length, 2);
  assert.equal(toPolygons(hole, { tolerance: 5 })[0].length, 1);
});

test("a tolerance that is none is refused", () => {
  const mask = { data: new Uint8Array(1), width: 1, height: 1 };
  for (const tolerance of [-1, NaN, Infinity, "1"]) {
    const refused = { code: "bad-prompt", message: /^options\.tolerance is / };
    assert.throws(() => toPolygons(mask, { tolerance }), refused);
    assert.throws(() => toSvgPath(mask, { tolerance }), refused);
  }
});
