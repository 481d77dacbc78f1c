//! Run lengths made of rows and columns: what finds, cleans and writes masks without holding their pixels.

use super::Rle;

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
    /// From the rows of a crop that lies at `[x, y]` in an image of `size`, `[height, width]`.
    ///
    /// `spans` are ordered, and in a row they do not touch. The work is that of the runs, not of the pixels: only where a
    /// row differs from the one above does a column's run begin or end.
    pub(crate) fn from_rows(spans: &[Span], [left, top]: [usize; 2], size: [usize; 2]) -> Self {
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
        let mut builder = Builder::new(size);
        let mut from = 0;
        for (x, end) in starts[..columns].iter().enumerate() {
            for y in &rows[from..*end] {
                builder.change((left + x) * size[0] + top + *y as usize);
            }
            from = *end;
        }
        builder.finish()
    }

    /// From ordered runs of columns that do not touch; `size` is `[height, width]`.
    pub(crate) fn from_columns(columns: impl IntoIterator<Item = Column>, size: [usize; 2]) -> Self {
        let mut builder = Builder::new(size);
        for Column { x, y0, y1 } in columns {
            builder.change(x as usize * size[0] + y0 as usize);
            builder.change(x as usize * size[0] + y1 as usize);
        }
        builder.finish()
    }

    /// The pixels outside.
    pub(crate) fn complement(&self) -> Self {
        let counts = match self.counts.split_first() {
            Some((0, rest)) => rest.to_vec(),
            _ => std::iter::once(0).chain(self.counts.iter().copied()).collect(),
        };
        Self { size: self.size, counts }
    }

    /// The runs inside, cut at the ends of the columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = Column> {
        let height = self.size[0];
        self.runs().flat_map(move |(start, end)| {
            let first = start / height;
            (first..=(end.max(1) - 1) / height).filter_map(move |x| {
                let (y0, y1) = (start.max(x * height) - x * height, end.min((x + 1) * height) - x * height);
                (y0 < y1).then_some(Column { x: x as u32, y0: y0 as u32, y1: y1 as u32 })
            })
        })
    }

    /// Whole rows from `from` on, a byte of 0 or 1 per pixel: as many as `pixels` holds.
    pub(crate) fn write_rows(&self, from: usize, pixels: &mut [u8]) {
        let width = self.size[1];
        pixels.fill(0);
        let until = from + pixels.len() / width;
        for Column { x, y0, y1 } in self.columns() {
            for y in (y0 as usize).max(from)..(y1 as usize).min(until) {
                pixels[(y - from) * width + x as usize] = 1;
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
        let end = self.size[0] * self.size[1];
        let mut counts = Vec::with_capacity(self.positions.len() + 1);
        let mut last = 0;
        for position in self.positions {
            counts.push((position - last) as u32);
            last = position;
        }
        if last < end {
            counts.push((end - last) as u32);
        }
        Rle { size: self.size, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(mask: &[u8], [height, width]: [usize; 2]) -> Rle {
        Rle::from_pixels(mask, width, height).unwrap()
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
            let [height, width] = [1 + next() as usize % 9, 1 + next() as usize % 9];
            let share = next() % 11;
            ((0..width * height).map(|_| u8::from(next() % 10 < share)).collect(), [height, width])
        })
    }

    #[test]
    fn rows_and_pixels_give_the_same_runs() {
        for (mask, size) in random_masks() {
            let rle = encode(&mask, size);
            assert_eq!(Rle::from_rows(&rows(&mask, size[1]), [0, 0], size), rle, "{mask:?} of {size:?}");
            assert_eq!(Rle::from_columns(rle.columns(), size), rle);
            assert_eq!(rle.to_pixels(), mask);
            let outside: Vec<u8> = mask.iter().map(|pixel| 1 - pixel).collect();
            assert_eq!(rle.complement(), encode(&outside, size));
        }
    }

    #[test]
    fn a_crop_lies_somewhere_in_the_image() {
        let size = [5, 6];
        for (mask, [height, width]) in random_masks().filter(|(_, [h, w])| *w <= 4 && *h <= 3) {
            let mut whole = vec![0; size[0] * size[1]];
            for y in 0..height {
                whole[(y + 2) * size[1] + 2..][..width].copy_from_slice(&mask[y * width..][..width]);
            }
            assert_eq!(Rle::from_rows(&rows(&mask, width), [2, 2], size), encode(&whole, size));
        }
    }

    #[test]
    fn a_band_is_some_of_the_rows() {
        let rle = encode(&[1, 0, 0, 1, 1, 1], [3, 2]);
        let mut band = [9; 2];
        rle.write_rows(1, &mut band);
        assert_eq!(band, [0, 1], "what was there is overwritten");
    }
}
