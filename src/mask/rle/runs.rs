//! Masks as run lengths in column-major order, beginning with the zeros, as COCO has them.

/// A mask of the whole image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rle {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) counts: Vec<u32>,
}

/// Pixels of one row: from `x0` to before `x1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) y: u32,
    pub(crate) x0: u32,
    pub(crate) x1: u32,
}

/// Pixels of one column: from `y0` to before `y1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) x: u32,
    pub(crate) y0: u32,
    pub(crate) y1: u32,
}

impl Rle {
    /// From the rows of a crop that lies at `[x, y]` in an image of `[width, height]`.
    ///
    /// `spans` are ordered, and in a row they do not touch. The work is that of the runs, not of the pixels: only where a
    /// row differs from the one above does a column's run begin or end.
    pub(crate) fn from_rows(spans: &[Span], [left, top]: [usize; 2], [width, height]: [usize; 2]) -> Self {
        let columns = spans.iter().map(|span| span.x1 as usize).max().unwrap_or(0);
        // For each column, then running sums over them: where its changes begin.
        let mut starts = vec![0usize; columns + 1];
        let changes = row_changes(spans);
        for Span { x0, x1, .. } in &changes {
            for start in &mut starts[*x0 as usize + 1..=*x1 as usize] {
                *start += 1;
            }
        }
        for x in 1..=columns {
            starts[x] += starts[x - 1];
        }
        let mut rows = vec![0u32; starts[columns]];
        for Span { y, x0, x1 } in &changes {
            for next in &mut starts[*x0 as usize..*x1 as usize] {
                rows[*next] = *y;
                *next += 1;
            }
        }
        // Each start has moved to the end of its column.
        let mut builder = Builder::new([width, height]);
        let mut from = 0;
        for (x, end) in starts[..columns].iter().enumerate() {
            for y in &rows[from..*end] {
                builder.change((left + x) * height + top + *y as usize);
            }
            from = *end;
        }
        builder.finish()
    }

    /// From ordered runs of columns that do not touch.
    pub(crate) fn from_columns(columns: impl IntoIterator<Item = Column>, [width, height]: [usize; 2]) -> Self {
        let mut builder = Builder::new([width, height]);
        for Column { x, y0, y1 } in columns {
            builder.change(x as usize * height + y0 as usize);
            builder.change(x as usize * height + y1 as usize);
        }
        builder.finish()
    }

    /// The pixels outside.
    pub(crate) fn complement(&self) -> Self {
        let counts = match self.counts.split_first() {
            Some((0, rest)) => rest.to_vec(),
            _ => std::iter::once(0).chain(self.counts.iter().copied()).collect(),
        };
        Self { counts, ..*self }
    }

    /// The runs inside, cut at the ends of the columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = Column> {
        let height = self.height;
        self.runs().flat_map(move |(start, end)| {
            let first = start / height;
            (first..=(end.max(1) - 1) / height).filter_map(move |x| {
                let (y0, y1) = (start.max(x * height) - x * height, end.min((x + 1) * height) - x * height);
                (y0 < y1).then_some(Column { x: x as u32, y0: y0 as u32, y1: y1 as u32 })
            })
        })
    }

    /// The runs inside, as positions in column-major order: from the first to before the second.
    fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut position = 0;
        self.counts.chunks(2).filter_map(move |pair| {
            let start = position + pair[0] as usize;
            position = start + pair.get(1).map_or(0, |count| *count as usize);
            (position > start).then_some((start, position))
        })
    }

    /// Number of pixels inside.
    pub(crate) fn area(&self) -> usize {
        self.counts.iter().skip(1).step_by(2).map(|count| *count as usize).sum()
    }

    /// The outermost pixels, `[x0, y0, x1, y1]`, both corners inside; all 0 where the mask is empty.
    pub(crate) fn corners(&self) -> [usize; 4] {
        let mut corners: Option<[usize; 4]> = None;
        for Column { x, y0, y1 } in self.columns() {
            let (x, top, bottom) = (x as usize, y0 as usize, y1 as usize - 1);
            let [left, y_min, _, y_max] = corners.unwrap_or([x, top, x, bottom]);
            corners = Some([left, y_min.min(top), x, y_max.max(bottom)]);
        }
        corners.unwrap_or([0; 4])
    }

    /// Whole rows from `from` on, a byte of 0 or 1 per pixel: as many as `pixels` holds.
    pub(crate) fn write_rows(&self, from: usize, pixels: &mut [u8]) {
        pixels.fill(0);
        let until = from + pixels.len() / self.width;
        for Column { x, y0, y1 } in self.columns() {
            for y in (y0 as usize).max(from)..(y1 as usize).min(until) {
                pixels[(y - from) * self.width + x as usize] = 1;
            }
        }
    }
}

/// Where a row differs from the one above it, ordered by row.
fn row_changes(spans: &[Span]) -> Vec<Span> {
    let mut changes = Vec::new();
    let mut above: Vec<u32> = Vec::new();
    let mut here: Vec<u32> = Vec::new();
    let mut merged: Vec<u32> = Vec::new();
    let mut compare = |y: u32, above: &[u32], here: &[u32]| {
        merge(above, here, &mut merged);
        for ends in merged.chunks_exact(2).filter(|ends| ends[0] < ends[1]) {
            changes.push(Span { y, x0: ends[0], x1: ends[1] });
        }
    };
    let mut next_row = 0;
    for row in spans.chunk_by(|a, b| a.y == b.y) {
        let y = row[0].y;
        if y != next_row {
            // The rows between are empty.
            compare(next_row, &above, &[]);
            above.clear();
        }
        here.clear();
        here.extend(row.iter().flat_map(|span| [span.x0, span.x1]));
        compare(y, &above, &here);
        std::mem::swap(&mut above, &mut here);
        next_row = y + 1;
    }
    compare(next_row, &above, &[]);
    changes
}

/// Two ordered lists in one.
fn merge(mut a: &[u32], mut b: &[u32], merged: &mut Vec<u32>) {
    merged.clear();
    while let ([first, rest @ ..], [other, others @ ..]) = (a, b) {
        if first <= other {
            merged.push(*first);
            a = rest;
        } else {
            merged.push(*other);
            b = others;
        }
    }
    merged.extend_from_slice(a);
    merged.extend_from_slice(b);
}

/// Run lengths from the positions where the value changes.
struct Builder {
    size: [usize; 2],
    positions: Vec<usize>,
}

impl Builder {
    fn new(size: [usize; 2]) -> Self {
        Self { size, positions: Vec::new() }
    }

    /// Positions come in order; two changes at one are none: a run goes on from the foot of a column to the head of the next.
    fn change(&mut self, position: usize) {
        if self.positions.last() == Some(&position) {
            self.positions.pop();
        } else {
            self.positions.push(position);
        }
    }

    fn finish(self) -> Rle {
        let [width, height] = self.size;
        let end = width * height;
        let mut counts = Vec::with_capacity(self.positions.len() + 1);
        let mut last = 0;
        for position in self.positions {
            counts.push((position - last) as u32);
            last = position;
        }
        if last < end {
            counts.push((end - last) as u32);
        }
        Rle { width, height, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run lengths, pixel by pixel.
    fn encode(mask: &[u8], [width, height]: [usize; 2]) -> Rle {
        let mut counts = vec![0];
        let mut value = 0;
        for position in 0..width * height {
            let pixel = mask[position % height * width + position / height];
            if pixel != value {
                counts.push(0);
                value = pixel;
            }
            *counts.last_mut().unwrap() += 1;
        }
        Rle { width, height, counts }
    }

    fn rows(mask: &[u8], width: usize) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for (index, _) in mask.iter().enumerate().filter(|(_, pixel)| **pixel != 0) {
            let (x, y) = ((index % width) as u32, (index / width) as u32);
            match spans.last_mut() {
                Some(last) if last.y == y && last.x1 == x => last.x1 = x + 1,
                _ => spans.push(Span { y, x0: x, x1: x + 1 }),
            }
        }
        spans
    }

    fn random_masks() -> impl Iterator<Item = (Vec<u8>, [usize; 2])> {
        let mut state = 1u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        (0..200).map(move |_| {
            let [width, height] = [1 + next() as usize % 9, 1 + next() as usize % 9];
            let share = next() % 11;
            ((0..width * height).map(|_| u8::from(next() % 10 < share)).collect(), [width, height])
        })
    }

    #[test]
    fn rows_and_pixels_give_the_same_runs() {
        for (mask, size) in random_masks() {
            let rle = encode(&mask, size);
            assert_eq!(Rle::from_rows(&rows(&mask, size[0]), [0, 0], size), rle, "{mask:?} of {size:?}");
            assert_eq!(Rle::from_columns(rle.columns(), size), rle);
            assert_eq!(rle.area(), mask.iter().filter(|pixel| **pixel == 1).count());
            let mut pixels = vec![7; mask.len()];
            rle.write_rows(0, &mut pixels);
            assert_eq!(pixels, mask);
            let outside: Vec<u8> = mask.iter().map(|pixel| 1 - pixel).collect();
            assert_eq!(rle.complement(), encode(&outside, size));
        }
    }

    #[test]
    fn a_crop_lies_somewhere_in_the_image() {
        let size = [6, 5];
        for (mask, [width, height]) in random_masks().filter(|(_, [w, h])| *w <= 4 && *h <= 3) {
            let mut whole = vec![0; size[0] * size[1]];
            for y in 0..height {
                whole[(y + 2) * size[0] + 2..][..width].copy_from_slice(&mask[y * width..][..width]);
            }
            assert_eq!(Rle::from_rows(&rows(&mask, width), [2, 2], size), encode(&whole, size));
        }
    }

    #[test]
    fn the_box_has_both_corners_inside() {
        let rle = encode(&[0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0], [4, 3]);
        assert_eq!(rle.corners(), [0, 1, 1, 2]);
        assert_eq!(encode(&[0; 4], [2, 2]).corners(), [0; 4]);
    }

    #[test]
    fn a_band_is_some_of_the_rows() {
        let rle = encode(&[1, 0, 0, 1, 1, 1], [2, 3]);
        let mut band = [9; 2];
        rle.write_rows(1, &mut band);
        assert_eq!(band, [0, 1]);
    }
}
