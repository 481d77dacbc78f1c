//! Bilinear resampling of masks.
//!
//! The same as `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`: never antialiased.

use burn::tensor::{Int, Tensor};

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

/// Two resamplings, one after the other: a square is brought to a larger one, the part of that at the top left to any size.
#[derive(Debug, Clone, Copy)]
pub struct Upsampling {
    /// Side of the square.
    pub side: usize,
    /// Side of the larger square.
    pub larger_side: usize,
    /// Width and height of the part of the larger square.
    pub part: [usize; 2],
    /// Width and height of the result.
    pub size: [usize; 2],
}

impl Upsampling {
    /// The result for one image, (side)² values, row by row with their positions: made on the host.
    pub fn rows(&self, image: &[f32], mut emit: impl FnMut(usize, &[f32])) {
        let Self { side, larger_side, part: [part_width, part_height], size: [width, height] } = *self;
        let to_larger = Bilinear::new(side, larger_side);
        let (horizontal, vertical) = (Bilinear::new(part_width, width), Bilinear::new(part_height, height));
        let (mut narrow, mut between, mut row) = (vec![0.0; side], vec![0.0; part_width], vec![0.0; width]);
        let to_part = to_larger.first(part_width);
        // Of the part, the two rows that are blended, with their positions: it is never there as a whole.
        let mut held = [(usize::MAX, vec![0.0; part_width]), (usize::MAX, vec![0.0; part_width])];
        for y in 0..height {
            let wanted = vertical.sources(y);
            if held[1].0 == wanted[0] {
                held.swap(0, 1);
            }
            for ((position, values), wanted) in held.iter_mut().zip(wanted) {
                if *position != wanted {
                    to_larger.blend_rows(wanted, |source| &image[source * side..(source + 1) * side], &mut narrow);
                    to_part.resample_row(&narrow, values);
                    *position = wanted;
                }
            }
            let [first, second] = &held;
            vertical.blend_rows(y, |source| if source == first.0 { &first.1 } else { &second.1 }, &mut between);
            horizontal.resample_row(&between, &mut row);
            emit(y, &row);
        }
    }

    /// Where the results of some images are greater than a threshold: 32 pixels of a row in a word, the first one in its
    /// lowest bit. Made on the images' device if that has a kernel for it.
    ///
    /// # Shapes
    /// - images: `[images, side, side]`
    /// - output: `[images, height, words]`, [`words_per_row`](Self::words_per_row), as u32
    pub fn bits(&self, images: &Tensor<3>, threshold: f32) -> Option<Tensor<3, Int>> {
        #[cfg(feature = "webgpu")]
        return super::gpu::upsampled_bits(self, images, threshold);
        #[cfg(not(feature = "webgpu"))]
        {
            let _ = (images, threshold);
            None
        }
    }

    /// Words of 32 pixels in a row of the result; the last one may have unused bits, which are 0.
    pub fn words_per_row(&self) -> usize {
        self.size[0].div_ceil(32)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::ops::testing::{assert_close, cpu, devices, gpu, random};

    impl Bilinear {
        /// `[output, input]`: the resampling is the product with it.
        fn matrix(&self, input: usize, device: &Device) -> Tensor<2> {
            let mut weights = vec![0.0; self.taps.len() * input];
            for (row, tap) in weights.chunks_exact_mut(input).zip(&self.taps) {
                row[tap.first] += 1.0 - tap.weight;
                row[tap.second] += tap.weight;
            }
            Tensor::from_data(TensorData::new(weights, [self.taps.len(), input]), device)
        }
    }

    impl Upsampling {
        /// What [`rows`](Self::rows) gives, for several images: `[images, height, width]`.
        fn define(&self, images: Tensor<3>) -> Tensor<3> {
            let device = images.device();
            let along = |axis: usize| {
                let to_part = Bilinear::new(self.side, self.larger_side).first(self.part[axis]);
                let to_size = Bilinear::new(self.part[axis], self.size[axis]);
                let matrix = to_size.matrix(self.part[axis], &device).matmul(to_part.matrix(self.side, &device));
                matrix.unsqueeze::<3>()
            };
            along(1).matmul(images).matmul(along(0).swap_dims(1, 2))
        }
    }

    /// Larger and smaller than the part, narrower than a word, beside and across words and workgroups.
    const SIZES: [Upsampling; 6] = [
        Upsampling { side: 16, larger_side: 64, part: [64, 48], size: [320, 240] },
        Upsampling { side: 16, larger_side: 64, part: [64, 43], size: [97, 65] },
        Upsampling { side: 24, larger_side: 96, part: [31, 96], size: [13, 40] },
        Upsampling { side: 7, larger_side: 28, part: [28, 28], size: [33, 31] },
        Upsampling { side: 5, larger_side: 20, part: [1, 20], size: [1, 300] },
        Upsampling { side: 1, larger_side: 4, part: [4, 3], size: [64, 2] },
    ];

    fn values(x: Tensor<3>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn rows_match_the_definition() {
        for device in cpu() {
            for upsampling in SIZES {
                let Upsampling { side, size: [width, height], .. } = upsampling;
                let image = random([1, side, side], &device);
                let mut rows = Vec::new();
                upsampling.rows(&values(image.clone()), |_, row| rows.extend_from_slice(row));
                let found = Tensor::from_data(TensorData::new(rows, [1, height, width]), &device);
                assert_close(found, upsampling.define(image), 1e-5);
            }
        }
    }

    /// Where a value is so close to the threshold that rounding decides, nothing is expected: the GPU may fuse a product
    /// and a sum. A weight is off by 1e-4 of the distance between two samples of the larger square at most, which differ by
    /// half the greatest value at most.
    #[test]
    fn bits_match_the_definition() {
        for device in gpu() {
            for upsampling in SIZES {
                let (threshold, [width, height]) = (0.1, upsampling.size);
                let images = random([3, upsampling.side, upsampling.side], &device);
                let expected = values(upsampling.define(images.clone()));
                let bits = upsampling.bits(&images, threshold).unwrap();
                assert_eq!(bits.dims(), [3, height, upsampling.words_per_row()]);
                let words: Vec<u32> = bits.into_data().try_into_vec().unwrap();
                let rows = words.chunks_exact(upsampling.words_per_row());
                let mut unsure = 0;
                for (row, expected) in rows.zip(expected.chunks_exact(width)) {
                    for (x, value) in expected.iter().enumerate() {
                        if (value - threshold).abs() < 1e-4 {
                            unsure += 1;
                        } else {
                            let found = row[x / 32] >> (x % 32) & 1 == 1;
                            assert_eq!(found, *value > threshold, "{value} in column {x} of {upsampling:?}");
                        }
                    }
                    let unused = (32 - width % 32) % 32;
                    assert!(row.last().unwrap().leading_zeros() as usize >= unused, "bits beyond the row");
                }
                assert!(unsure * 100 <= expected.len(), "{unsure} pixels of {upsampling:?} are not compared");
            }
        }
    }

    /// The two that are made of logits in the product: bits on the GPU, rows on the CPU.
    #[test]
    fn only_a_gpu_makes_bits() {
        for device in devices() {
            let images = random([1, 16, 16], &device);
            let made = SIZES[0].bits(&images, 0.0).is_some();
            assert_eq!(made, crate::ops::is_on_gpu(&images));
        }
    }

    #[test]
    fn doubling_matches_pytorch() {
        // F.interpolate(torch.tensor([[[[0., 1., 3.]]]]), size=(1, 6), mode="bilinear")
        let mut out = vec![0.0; 6];
        Bilinear::new(3, 6).resample_row(&[0.0, 1.0, 3.0], &mut out);
        assert_eq!(out, [0.0, 0.25, 0.75, 1.5, 2.5, 3.0]);
    }
}
