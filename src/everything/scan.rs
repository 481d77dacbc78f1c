//! Low-res logits → the mask at the size of its crop, its stability, its pixels.
//!
//! The arithmetic is that of `mask::Rendering`. But most of an image is far from an object's edge: where the low-res
//! logits that a pixel is made of all lie on the same side of every threshold, so does the pixel, and it is not made.

use crate::geometry::Geometry;
use crate::mask::Span;
use crate::ops::Bilinear;

/// What rounding may add to a blend of logits, as a share of the largest of them, a hundred times over.
const MARGIN: f32 = 1e-4;

/// Thresholds that a mask's pixels are counted at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thresholds {
    /// A pixel is in the mask where its logit is greater.
    pub(crate) mask: f32,
    /// The mask's stability is the number of pixels above this …
    pub(crate) high: f32,
    /// … over the number of pixels above this.
    pub(crate) low: f32,
}

/// What a mask is at the size of its crop.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Scan {
    /// Pixels above the high threshold.
    pub(crate) intersection: usize,
    /// Pixels above the low threshold.
    pub(crate) union: usize,
    /// The pixels in the mask, row by row.
    pub(crate) spans: Vec<Span>,
}

impl Scan {
    /// In single precision, as PyTorch divides; NaN where there are no pixels.
    pub(crate) fn stability(&self) -> f32 {
        self.intersection as f32 / self.union as f32
    }

    /// The outermost pixels, `[x0, y0, x1, y1]`, both corners inside; all 0 where there are none.
    pub(crate) fn corners(&self) -> [usize; 4] {
        let (Some(first), Some(last)) = (self.spans.first(), self.spans.last()) else { return [0; 4] };
        let left = self.spans.iter().fold(first.x0, |left, span| left.min(span.x0));
        let right = self.spans.iter().fold(first.x1, |right, span| right.max(span.x1));
        [left, first.y, right - 1, last.y].map(|v| v as usize)
    }

    fn push(&mut self, y: usize, x0: usize, x1: usize) {
        let span = Span { y: y as u32, x0: x0 as u32, x1: x1 as u32 };
        match self.spans.last_mut() {
            Some(last) if last.y == span.y && last.x1 == span.x0 => last.x1 = span.x1,
            _ => self.spans.push(span),
        }
    }
}

/// Neighbouring pixels of a row that are made of the same low-res columns.
#[derive(Debug, Clone, Copy)]
struct Group {
    start: usize,
    end: usize,
    /// The first and the last low-res column.
    columns: [usize; 2],
}

/// Which thresholds pixels are above, where it is the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Above {
    mask: bool,
    high: bool,
    low: bool,
}

/// Pixels of a row from `start` to before `end`; `above` is absent where they must be made.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: usize,
    end: usize,
    above: Option<Above>,
}

/// Makes masks of one crop.
#[derive(Debug)]
pub(crate) struct Scanner {
    low_size: usize,
    input_width: usize,
    horizontal_to_input: Bilinear,
    vertical_to_input: Bilinear,
    horizontal: Bilinear,
    vertical: Bilinear,
    groups: Vec<Group>,
}

impl Scanner {
    /// `geometry`: of the crop.
    pub(crate) fn new(geometry: Geometry) -> Self {
        let Geometry { image_width, image_height, input_width, input_height, input_size } = geometry;
        let low_size = geometry.low_res_size();
        let to_input = Bilinear::new(low_size, input_size);
        let horizontal_to_input = to_input.first(input_width);
        let horizontal = Bilinear::new(input_width, image_width);
        let mut groups: Vec<Group> = Vec::new();
        for x in 0..image_width {
            let columns = sources(&horizontal, &horizontal_to_input, x);
            match groups.last_mut() {
                Some(group) if group.columns == columns => group.end = x + 1,
                _ => groups.push(Group { start: x, end: x + 1, columns }),
            }
        }
        Self {
            low_size,
            input_width,
            horizontal_to_input,
            vertical_to_input: to_input.first(input_height),
            horizontal,
            vertical: Bilinear::new(input_height, image_height),
            groups,
        }
    }

    /// The mask of these logits, (S/4)², row-major.
    pub(crate) fn scan(&self, logits: &[f32], thresholds: Thresholds) -> Scan {
        let margin = if logits.iter().all(|v| v.is_finite()) {
            MARGIN * logits.iter().fold(0.0f32, |largest, v| largest.max(v.abs()))
        } else {
            f32::INFINITY
        };
        let mut scan = Scan::default();
        let mut rows = InputRows::new(self, logits);
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut band = None;
        let mut narrow = vec![0.0; self.input_width];
        let mut row = vec![0.0; self.horizontal.output()];
        for y in 0..self.vertical.output() {
            let low_rows = sources(&self.vertical, &self.vertical_to_input, y);
            if band != Some(low_rows) {
                self.classify(logits, low_rows, thresholds, margin, &mut stretches);
                band = Some(low_rows);
            }
            if stretches.iter().any(|stretch| stretch.above.is_none()) {
                rows.hold(self.vertical.sources(y));
            }
            for &Stretch { start, end, above } in &stretches {
                match above {
                    Some(above) => {
                        scan.intersection += usize::from(above.high) * (end - start);
                        scan.union += usize::from(above.low) * (end - start);
                        if above.mask {
                            scan.push(y, start, end);
                        }
                    }
                    None => {
                        let made = &mut row[start..end];
                        self.make(&rows, y, start, made, &mut narrow);
                        scan.intersection += made.iter().filter(|v| **v > thresholds.high).count();
                        scan.union += made.iter().filter(|v| **v > thresholds.low).count();
                        let mut x = start;
                        for run in made.chunk_by(|a, b| (*a > thresholds.mask) == (*b > thresholds.mask)) {
                            if run[0] > thresholds.mask {
                                scan.push(y, x, x + run.len());
                            }
                            x += run.len();
                        }
                    }
                }
            }
        }
        scan
    }
    /// What is known of the rows that these low-res rows make.
    fn classify(
        &self,
        logits: &[f32],
        [first, last]: [usize; 2],
        thresholds: Thresholds,
        margin: f32,
        out: &mut Vec<Stretch>,
    ) {
        let low_row = |y: usize| &logits[y * self.low_size..(y + 1) * self.low_size];
        let (mut least, mut most) = (low_row(first).to_vec(), low_row(first).to_vec());
        for y in first + 1..=last {
            for ((least, most), value) in least.iter_mut().zip(&mut most).zip(low_row(y)) {
                *least = least.min(*value);
                *most = most.max(*value);
            }
        }
        out.clear();
        for Group { start, end, columns: [left, right] } in &self.groups {
            let least = least[*left..=*right].iter().fold(f32::INFINITY, |least, v| least.min(*v)) - margin;
            let most = most[*left..=*right].iter().fold(f32::NEG_INFINITY, |most, v| most.max(*v)) + margin;
            let side = |threshold: f32| match () {
                () if least > threshold => Some(true),
                () if most <= threshold => Some(false),
                () => None,
            };
            let above = match [thresholds.mask, thresholds.high, thresholds.low].map(side) {
                [Some(mask), Some(high), Some(low)] => Some(Above { mask, high, low }),
                _ => None,
            };
            match out.last_mut() {
                Some(stretch) if stretch.above == above => stretch.end = *end,
                _ => out.push(Stretch { start: *start, end: *end, above }),
            }
        }
    }

    /// The logits of row `y` from column `start` on. `narrow` is room for a row of the input frame.
    fn make(&self, rows: &InputRows<'_>, y: usize, start: usize, out: &mut [f32], narrow: &mut [f32]) {
        let ([left, _], [_, right]) = (self.horizontal.sources(start), self.horizontal.sources(start + out.len() - 1));
        self.vertical.blend_rows(y, |source| &rows.row(source)[left..=right], &mut narrow[left..=right]);
        self.horizontal.resample_from(start, narrow, out);
    }
}

/// The first and the last low-res position that an output position is made of.
fn sources(output: &Bilinear, input: &Bilinear, index: usize) -> [usize; 2] {
    let [first, second] = output.sources(index);
    [input.sources(first)[0], input.sources(second)[1]]
}

/// The two rows of the input frame that are looked at.
struct InputRows<'a> {
    scanner: &'a Scanner,
    logits: &'a [f32],
    narrow: Vec<f32>,
    held: [(Option<usize>, Vec<f32>); 2],
}

impl<'a> InputRows<'a> {
    fn new(scanner: &'a Scanner, logits: &'a [f32]) -> Self {
        let empty = || (None, vec![0.0; scanner.input_width]);
        Self { scanner, logits, narrow: vec![0.0; scanner.low_size], held: [empty(), empty()] }
    }

    fn hold(&mut self, wanted: [usize; 2]) {
        for (index, y) in wanted.into_iter().enumerate() {
            if self.held.iter().any(|(held, _)| *held == Some(y)) {
                continue;
            }
            // The place of the one that is not wanted too.
            let place = usize::from(self.held[0].0 == Some(wanted[1 - index]));
            let Scanner { low_size, vertical_to_input, horizontal_to_input, .. } = self.scanner;
            let low_row = |source: usize| &self.logits[source * low_size..(source + 1) * low_size];
            vertical_to_input.blend_rows(y, low_row, &mut self.narrow);
            let (held, row) = &mut self.held[place];
            horizontal_to_input.resample_row(&self.narrow, row);
            *held = Some(y);
        }
    }

    /// One that is held.
    fn row(&self, y: usize) -> &[f32] {
        let place = usize::from(self.held[0].0 != Some(y));
        &self.held[place].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::{Output, Rendering};

    const THRESHOLDS: Thresholds = Thresholds { mask: 0.0, high: 1.0, low: -1.0 };

    /// The same from every pixel.
    fn plain(geometry: Geometry, logits: &[f32], thresholds: Thresholds) -> Scan {
        let Geometry { image_width: width, image_height: height, .. } = geometry;
        let rendering = Rendering { geometry, width, height, threshold: 0.0, output: Output::Logits };
        let mut scan = Scan::default();
        rendering.upsampling().rows(logits, |y, row| {
            for (x, value) in row.iter().enumerate() {
                scan.intersection += usize::from(*value > thresholds.high);
                scan.union += usize::from(*value > thresholds.low);
                if *value > thresholds.mask {
                    scan.push(y, x, x + 1);
                }
            }
        });
        scan
    }

    /// Smooth blobs, as a model's logits are, and now and then a value on a threshold.
    fn logits(size: usize, seed: u32) -> Vec<f32> {
        let wave = |i: usize, k: u32| (i as f32 * (0.2 + 0.1 * (seed % 7) as f32) + (seed * k) as f32).sin();
        let value = |x: usize, y: usize| 9.0 * wave(x, 1) * wave(y, 2) + 3.0 * wave(x + y, 3);
        let snap = |v: f32| if seed.is_multiple_of(3) { v.round() } else { v };
        (0..size * size).map(|i| snap(value(i % size, i / size))).collect()
    }

    #[test]
    fn skipping_pixels_changes_nothing() {
        for (width, height, input) in
            [(64, 48, 64), (200, 150, 64), (37, 90, 64), (256, 256, 64), (1, 7, 64), (90, 61, 32)]
        {
            let geometry = Geometry::new(width, height, input).unwrap();
            let scanner = Scanner::new(geometry);
            for seed in 0..12 {
                let logits = logits(geometry.low_res_size(), seed);
                let scan = scanner.scan(&logits, THRESHOLDS);
                assert_eq!(scan, plain(geometry, &logits, THRESHOLDS), "{width}×{height}, seed {seed}");
            }
        }
    }

    #[test]
    fn thresholds_come_in_any_order() {
        let geometry = Geometry::new(90, 61, 64).unwrap();
        let thresholds = Thresholds { mask: 0.0, high: -2.0, low: 2.0 };
        let logits = logits(16, 5);
        assert_eq!(Scanner::new(geometry).scan(&logits, thresholds), plain(geometry, &logits, thresholds));
    }

    #[test]
    fn what_is_not_finite_decides_nothing() {
        let geometry = Geometry::new(90, 61, 64).unwrap();
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut logits = logits(16, 4);
            logits[70] = value;
            assert_eq!(
                Scanner::new(geometry).scan(&logits, THRESHOLDS),
                plain(geometry, &logits, THRESHOLDS),
                "{value}"
            );
        }
    }

    #[test]
    fn nothing_above_a_threshold_has_no_stability() {
        let scan = Scanner::new(Geometry::new(40, 30, 64).unwrap()).scan(&[-5.0; 256], THRESHOLDS);
        assert!(scan.stability().is_nan() && scan.spans.is_empty());
    }
}
