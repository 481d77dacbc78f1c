//! Bilinear resampling of masks on the host.
//!
//! The same as `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`: never antialiased.

/// One axis of a bilinear resampling: for every output position two input positions and the weight of the second.
#[derive(Debug, Clone)]
pub struct Bilinear {
    taps: Vec<Tap>,
}

#[derive(Debug, Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    weight: f32,
}

impl Bilinear {
    /// From `input` to `output` samples; neither may be 0.
    pub fn new(input: usize, output: usize) -> Self {
        let scale = input as f32 / output as f32;
        let taps = (0..output)
            .map(|i| {
                let position = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
                let first = (position as usize).min(input - 1);
                Tap { first, second: (first + 1).min(input - 1), weight: position - first as f32 }
            })
            .collect();
        Self { taps }
    }

    /// Number of output samples.
    pub fn output(&self) -> usize {
        self.taps.len()
    }

    /// The two input samples that output sample `index` is made of.
    pub fn sources(&self, index: usize) -> [usize; 2] {
        let Tap { first, second, .. } = self.taps[index];
        [first, second]
    }

    /// Blends the two source rows of output row `row`; `rows(y)` gives source row y. Writes as many values as a row has.
    pub fn blend_rows<'a>(&self, row: usize, rows: impl Fn(usize) -> &'a [f32], out: &mut [f32]) {
        let tap = self.taps[row];
        let (above, below) = (rows(tap.first), rows(tap.second));
        for ((out, a), b) in out.iter_mut().zip(above).zip(below) {
            *out = a + (b - a) * tap.weight;
        }
    }

    /// Resamples one row.
    pub fn resample_row(&self, row: &[f32], out: &mut [f32]) {
        self.resample_from(0, row, out);
    }

    /// Resamples one row, from output sample `start` on: as many as `out` holds.
    pub fn resample_from(&self, start: usize, row: &[f32], out: &mut [f32]) {
        for (out, tap) in out.iter_mut().zip(&self.taps[start..]) {
            let (a, b) = (row[tap.first], row[tap.second]);
            *out = a + (b - a) * tap.weight;
        }
    }

    /// Only the first `count` output samples.
    pub fn first(&self, count: usize) -> Self {
        Self { taps: self.taps[..count].to_vec() }
    }
}

/// Resamples a row-major image of `width` columns and gives every output row, with its position, to `emit`.
pub fn bilinear(
    image: &[f32],
    width: usize,
    horizontal: &Bilinear,
    vertical: &Bilinear,
    mut emit: impl FnMut(usize, &[f32]),
) {
    let mut narrow = vec![0.0; width];
    let mut row = vec![0.0; horizontal.output()];
    for y in 0..vertical.output() {
        vertical.blend_rows(y, |source| &image[source * width..(source + 1) * width], &mut narrow);
        horizontal.resample_row(&narrow, &mut row);
        emit(y, &row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_matches_pytorch() {
        // F.interpolate(torch.tensor([[[[0., 1., 3.]]]]), size=(1, 6), mode="bilinear")
        let mut out = vec![0.0; 6];
        Bilinear::new(3, 6).resample_row(&[0.0, 1.0, 3.0], &mut out);
        assert_eq!(out, [0.0, 0.25, 0.75, 1.5, 2.5, 3.0]);
    }

    #[test]
    fn one_pixel_fills_everything() {
        let mut out = Vec::new();
        bilinear(&[7.0], 1, &Bilinear::new(1, 2), &Bilinear::new(1, 3), |_, row| out.extend_from_slice(row));
        assert_eq!(out, [7.0; 6]);
    }
}
