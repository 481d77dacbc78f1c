//! The exact outlines of a mask, along the borders of its pixels; the same as `pkg/src/mask/trace.ts`.

/// A corner `[x, y]` in pixels: `[0, 0]` is the upper left corner of the top left pixel.
pub type Corner = [u32; 2];

/// A closed ring of corners, from its top left one on; the first is not repeated.
pub type Ring = Vec<Corner>;

/// A region of pixels that share sides. No ring comes twice to the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polygon {
    /// Around the region, clockwise on the screen.
    pub outer: Ring,
    /// Around the holes in it, the other way round.
    pub holes: Vec<Ring>,
}

/// One corner, in the order of the pixels.
struct Node {
    position: Corner,
    /// The next on its ring.
    next: usize,
    /// Where the closest vertical border to the left, in the row below, has its upper end.
    left: usize,
}

/// No ring yet.
const NONE: usize = usize::MAX;

/// Row-major pixels, inside what is not 0, in rows of `width` ≥ 1.
pub(super) fn trace(pixels: &[u8], width: usize) -> Vec<Polygon> {
    let nodes = find_corners(pixels, width);
    let mut rings = Rings { nodes: &nodes, path: Vec::new(), place: vec![NONE; nodes.len()], rings: Vec::new() };
    for start in 0..nodes.len() {
        if rings.place[start] == NONE {
            rings.follow(start);
        }
    }
    rings.into_polygons()
}

struct Rings<'a> {
    nodes: &'a [Node],
    /// The corners of the ring that is followed.
    path: Vec<usize>,
    /// Of a corner: where it stands in `path`; once that is closed, the number of the ring that arrives there.
    place: Vec<usize>,
    /// Each with its first corner.
    rings: Vec<(usize, Ring)>,
}

impl Rings<'_> {
    fn follow(&mut self, start: usize) {
        let mut corner = start;
        loop {
            let twin = self.twin(corner);
            let before = self.place[twin];
            self.place[corner] = self.path.len();
            self.path.push(corner);
            // Here again: what lies between is a ring of its own.
            if twin != corner && self.path.get(before) == Some(&twin) {
                self.close(before + 1);
            }
            corner = self.nodes[corner].next;
            if corner == start {
                break;
            }
        }
        self.close(0);
    }

    /// The other corner in the same place, or the corner itself.
    fn twin(&self, corner: usize) -> usize {
        let position = self.nodes[corner].position;
        let is_here = |other: &usize| self.nodes.get(*other).is_some_and(|node| node.position == position);
        [corner + 1, corner.wrapping_sub(1)].into_iter().find(is_here).unwrap_or(corner)
    }

    /// Makes a ring of the corners at the end of the path.
    fn close(&mut self, from: usize) {
        let mut ring = self.path.split_off(from);
        for corner in &ring {
            self.place[*corner] = self.rings.len();
        }
        let top = (0..ring.len()).min_by_key(|at| ring[*at]).unwrap_or(0);
        ring.rotate_left(top);
        let positions = ring.iter().map(|corner| self.nodes[*corner].position).collect();
        self.rings.push((ring[0], positions));
    }

    fn into_polygons(self) -> Vec<Polygon> {
        let Self { nodes, place, rings: found, .. } = self;
        let mut found: Vec<_> = found.into_iter().enumerate().collect();
        found.sort_unstable_by_key(|(_, (first, _))| *first);
        let mut polygons: Vec<Polygon> = Vec::new();
        let mut polygon_of = vec![0; found.len()];
        for (number, (first, ring)) in found {
            // An outer ring sets out to the right. A hole lies in the region of the ring on its left, which is known.
            polygon_of[number] = if ring[0][1] == ring[1][1] {
                polygons.push(Polygon { outer: ring, holes: Vec::new() });
                polygons.len() - 1
            } else {
                let around = polygon_of[place[nodes[first].left]];
                polygons[around].holes.push(ring);
                around
            };
        }
        polygons
    }
}

fn find_corners(pixels: &[u8], width: usize) -> Vec<Node> {
    let height = pixels.len() / width;
    let outside = vec![0; width];
    let row = |y: usize| if y < height { &pixels[y * width..(y + 1) * width] } else { &outside };
    let mut nodes: Vec<Node> = Vec::new();
    // Of each column: where the vertical border in the row above has its upper end.
    let mut vertical = vec![0; width + 1];
    for y in 0..=height {
        // The mask is on the right of the line of travel.
        let (above, below) = (row(y.wrapping_sub(1)), row(y));
        let (mut horizontal, mut nearest) = (0, 0);
        // The pixels around the corner:  a | b
        //                               ---+---
        //                                c | d
        let (mut a, mut c) = (false, false);
        for (x, vertical) in vertical.iter_mut().enumerate() {
            let b = above.get(x).is_some_and(|pixel| *pixel != 0);
            let d = below.get(x).is_some_and(|pixel| *pixel != 0);
            let (up, down, left, right) = (a != b, c != d, a != c, b != d);
            if (up || down) && (left || right) {
                // Where two pixels touch by a corner only, each has one of its own: linked around it, they do not connect.
                let first = nodes.len();
                let second = if a == d && b == c { first + 1 } else { first };
                let position = [x as u32, y as u32];
                nodes.extend((first..=second).map(|_| Node { position, next: 0, left: nearest }));
                if up {
                    let [from, to] = if a { [*vertical, first] } else { [first, *vertical] };
                    nodes[from].next = to;
                }
                if left {
                    let corner = if a { first } else { second };
                    let [from, to] = if c { [horizontal, corner] } else { [corner, horizontal] };
                    nodes[from].next = to;
                }
                if right {
                    horizontal = if a { second } else { first };
                }
                if down {
                    *vertical = second;
                }
            }
            if down {
                nearest = *vertical;
            }
            (a, c) = (b, d);
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::rle::tests::{cases, number, pixels};

    /// Pixels whose centres are in the rings, by the even-odd rule.
    fn fill<'a>(rings: impl IntoIterator<Item = &'a Ring>, width: usize, height: usize) -> Vec<u8> {
        let mut filled = vec![0; width * height];
        for ring in rings {
            for (from, to) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                let x = from[0] as usize;
                for y in from[1].min(to[1])..from[1].max(to[1]) {
                    filled[y as usize * width..][x..width].iter_mut().for_each(|pixel| *pixel ^= 1);
                }
            }
        }
        filled
    }

    /// Twice the area; positive for rings that run clockwise on the screen.
    fn turn(ring: &Ring) -> i64 {
        let sides = ring.iter().zip(ring.iter().cycle().skip(1));
        sides.map(|([x0, y0], [x1, y1])| i64::from(x0 * y1) - i64::from(x1 * y0)).sum()
    }

    fn check(pixels: &[u8], width: usize) {
        let height = pixels.len() / width;
        let polygons = trace(pixels, width);
        let mut covered = vec![0; pixels.len()];
        for Polygon { outer, holes } in &polygons {
            let rings = || std::iter::once(outer).chain(holes);
            for (covered, pixel) in covered.iter_mut().zip(fill(rings(), width, height)) {
                *covered += pixel;
            }
            assert!(turn(outer) > 0 && holes.iter().all(|hole| turn(hole) < 0));
            for ring in rings() {
                let mut places = ring.clone();
                places.sort_unstable_by_key(|[x, y]| (*y, *x));
                assert_eq!(ring[0], places[0], "from the top left corner on");
                places.dedup();
                assert_eq!(places.len(), ring.len(), "no place twice");
            }
        }
        // Every pixel is in one polygon, or outside in none.
        assert_eq!(covered, pixels);
    }

    #[test]
    fn filled_again_they_are_the_mask() {
        for case in cases() {
            check(&pixels(&case), number(&case["width"]));
        }
    }

    #[test]
    fn filled_again_random_masks_are_the_same() {
        let mut seed = 1u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..5000 {
            let (width, height, density) = (1 + next(11), 1 + next(11), next(101));
            let pixels: Vec<u8> = (0..width * height).map(|_| u8::from(next(100) < density)).collect();
            check(&pixels, width as usize);
        }
    }

    #[test]
    fn corners_are_those_of_pixels() {
        let pixel = Polygon { outer: vec![[2, 1], [3, 1], [3, 2], [2, 2]], holes: vec![] };
        assert_eq!(trace(&[0, 0, 0, 0, 0, 255], 3), [pixel]);
        assert_eq!(trace(&[0; 6], 3), []);
    }

    #[test]
    fn a_hole_belongs_to_the_region_around_it() {
        let ring = |at: usize| [at % 15, at / 15].into_iter().flat_map(|side| [side, 14 - side]).min().unwrap_or(0);
        let rings: Vec<u8> = (0..225).map(|at| u8::from(ring(at).is_multiple_of(2) && ring(at) < 5)).collect();
        let found: Vec<_> = trace(&rings, 15).iter().map(|Polygon { outer, holes }| (outer[0], holes.len())).collect();
        assert_eq!(found, [([0, 0], 1), ([2, 2], 1), ([4, 4], 1)]);
    }
}
