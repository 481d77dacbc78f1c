//! Fewer corners: Ramer, Douglas and Peucker; the same as `pkg/src/mask/simplify.ts`.

use super::outline::{Corner, Polygon, Ring};

impl Polygon {
    /// With fewer corners: each one left out is within `tolerance` pixels of the line that replaces it. Holes of which
    /// nothing is left vanish; an outer ring always has three corners. Rings may cross where they come closer.
    pub(super) fn simplified(&self, tolerance: f64) -> Self {
        let holes = self.holes.iter().map(|hole| simplify(hole, tolerance, true));
        Self { outer: simplify(&self.outer, tolerance, false), holes: holes.filter(|hole| !hole.is_empty()).collect() }
    }
}

fn simplify(ring: &[Corner], tolerance: f64, is_hole: bool) -> Ring {
    let mut kept = Ring::new();
    let mut from = 0;
    // The line from the first corner to the one farthest from it divides the ring.
    let (middle, _) = farthest(ring, 0, ring.len());
    let mut ends = vec![ring.len(), middle];
    while let Some(to) = ends.pop() {
        let (corner, distance) = farthest(ring, from, to);
        let is_side = (from, to) == (0, middle) || (from, to) == (middle, ring.len());
        if distance > tolerance || (is_side && !is_hole && distance > 0.0) {
            ends.extend([to, corner]);
        } else {
            kept.push(ring[from]);
            from = to;
        }
    }
    if kept.len() < 3 { Ring::new() } else { kept }
}

/// Between two corners, the one farthest from the line between them, and its distance.
fn farthest(ring: &[Corner], from: usize, to: usize) -> (usize, f64) {
    let [start, end] = [from, to % ring.len()].map(|corner| ring[corner].map(f64::from));
    let [dx, dy] = [end[0] - start[0], end[1] - start[1]];
    let length = dx * dx + dy * dy;
    let (mut corner, mut greatest) = (from, 0.0);
    for (at, position) in ring.iter().enumerate().take(to).skip(from + 1) {
        let [x, y] = [f64::from(position[0]) - start[0], f64::from(position[1]) - start[1]];
        let along = if length == 0.0 { 0.0 } else { ((x * dx + y * dy) / length).clamp(0.0, 1.0) };
        let distance = (x - along * dx).powi(2) + (y - along * dy).powi(2);
        if distance > greatest {
            (corner, greatest) = (at, distance);
        }
    }
    (corner, greatest.sqrt())
}

#[cfg(test)]
mod tests {
    use super::super::polygons;
    use super::*;
    use crate::SamError;

    fn square_with_hole() -> Vec<u8> {
        (0..81).map(|at| u8::from(at != 40)).collect()
    }

    /// The same figures as in pkg/test/outline.test.mjs.
    #[test]
    fn what_is_smaller_than_the_tolerance_stays_unless_it_is_a_hole() -> Result<(), SamError> {
        let dot: Vec<u8> = (0..81).map(|at| u8::from(at == 40)).collect();
        assert_eq!(polygons(&dot, 9, 9, 5.0)?, polygons(&dot, 9, 9, 0.0)?);
        for (tolerance, holes) in [(0.0, 1), (0.5, 1), (5.0, 0)] {
            assert_eq!(polygons(&square_with_hole(), 9, 9, tolerance)?[0].holes.len(), holes, "{tolerance}");
        }
        Ok(())
    }

    #[test]
    fn makes_few_corners_of_many() -> Result<(), SamError> {
        let disc: Vec<u8> =
            (0..400 * 400).map(|at| u8::from((at % 400 - 200i32).pow(2) + (at / 400 - 200).pow(2) < 36100)).collect();
        let (exact, simple) = (polygons(&disc, 400, 400, 0.0)?, polygons(&disc, 400, 400, 1.0)?);
        assert!(exact[0].outer.len() > 800 && simple[0].outer.len() < 80, "{} corners", simple[0].outer.len());
        Ok(())
    }

    #[test]
    fn what_is_left_out_is_close() -> Result<(), SamError> {
        for case in super::super::rle::tests::cases() {
            let pixels = super::super::rle::tests::pixels(&case);
            let [width, height] = ["width", "height"].map(|side| super::super::rle::tests::number(&case[side]));
            let exact = polygons(&pixels, width, height, 0.0)?;
            for tolerance in [0.5, 1.0, 2.5] {
                let simple = polygons(&pixels, width, height, tolerance)?;
                assert_eq!(simple.len(), exact.len());
                for (simple, exact) in simple.iter().zip(&exact) {
                    assert!(simple.outer.len() >= 3);
                    let distance =
                        exact.outer.iter().map(|corner| distance(*corner, &simple.outer)).fold(0.0, f64::max);
                    assert!(distance <= tolerance + 1e-9, "{distance} at {tolerance}: {}", case["name"]);
                }
            }
        }
        Ok(())
    }

    /// From a corner to a ring.
    fn distance(corner: Corner, ring: &Ring) -> f64 {
        let sides = ring.iter().zip(ring.iter().cycle().skip(1));
        sides.map(|(from, to)| farthest(&[*from, corner, *to], 0, 2).1).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn refuses_a_tolerance_that_is_none() {
        for tolerance in [-1.0, f64::NAN, f64::INFINITY] {
            let refused = polygons(&[1], 1, 1, tolerance);
            assert_eq!(refused.map_err(|error| error.code()), Err("bad-prompt"), "{tolerance}");
        }
    }
}
