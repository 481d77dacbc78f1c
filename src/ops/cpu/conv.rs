//! 3×3 convolutions on channels-last images, padded by one.

use wide::f32x4;

use super::gemm::{self, Epilogue, Left, Packed, Right, Rows, Size};
use super::parallel;
use crate::ops::Activation;

/// An image `[height, width, channels]`.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    pub data: &'a [f32],
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

/// Every pixel's 3×3 neighbourhood as one row of a matrix: the convolution is then a product, and no such matrix is ever made.
struct Neighbourhoods<'a> {
    image: Image<'a>,
    stride: usize,
    columns: usize,
}

impl Left for Neighbourhoods<'_> {
    fn read(&self, row: usize, first: usize, out: &mut [f32]) {
        let Image { data, height, width, channels } = self.image;
        // The corner of the neighbourhood, one beyond the image on the left and the top.
        let (y, x) = (row / self.columns * self.stride, row % self.columns * self.stride);
        let mut done = 0;
        while done < out.len() {
            let (tap, channel) = ((first + done) / channels, (first + done) % channels);
            let count = (channels - channel).min(out.len() - done);
            let part = &mut out[done..done + count];
            let (y, x) = (y + tap / 3, x + tap % 3);
            if (1..=height).contains(&y) && (1..=width).contains(&x) {
                part.copy_from_slice(&data[((y - 1) * width + x - 1) * channels + channel..][..count]);
            } else {
                part.fill(0.0);
            }
            done += count;
        }
    }
}

/// # Shapes
/// - weight: `[output, input, 3, 3]`
/// - out: `[⌈height / stride⌉, ⌈width / stride⌉, output]`
pub fn conv3x3(image: Image<'_>, weight: &[f32], epilogue: Epilogue<'_>, stride: usize, out: &mut [f32]) {
    let (rows, columns) = (image.height.div_ceil(stride), image.width.div_ceil(stride));
    let depth = 9 * image.channels;
    let outputs = weight.len() / depth;
    // [output, input, tap] → [output, tap, input]
    let mut by_tap = vec![0.0; weight.len()];
    for (source, by_tap) in weight.chunks_exact(depth).zip(by_tap.chunks_exact_mut(depth)) {
        for (channel, taps) in source.chunks_exact(9).enumerate() {
            for (tap, value) in taps.iter().enumerate() {
                by_tap[tap * image.channels + channel] = *value;
            }
        }
    }
    let packed = Packed::new(Right::Transposed(Rows { data: &by_tap, stride: depth }), depth, outputs);
    let size = Size { rows: rows * columns, depth, columns: outputs };
    let left = Neighbourhoods { image, stride, columns };
    gemm::matmul(size, &left, &packed, out, outputs, epilogue);
}

/// # Shapes
/// - weight: `[channels, 1, 3, 3]`, bias: `[channels]`
/// - out: `[⌈height / stride⌉, ⌈width / stride⌉, channels]`
pub fn depthwise_conv3x3(
    image: Image<'_>,
    weight: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    stride: usize,
    out: &mut [f32],
) {
    let Image { data, height, width, channels } = image;
    // Channels in fours, the last padded with zeros: [four, tap].
    let fours = channels.div_ceil(4);
    let mut taps = vec![[f32x4::ZERO; 9]; fours];
    let mut biases = vec![f32x4::ZERO; fours];
    for channel in 0..channels {
        let (four, lane) = (channel / 4, channel % 4);
        for (tap, value) in taps[four].iter_mut().zip(&weight[channel * 9..]) {
            tap.as_mut_array()[lane] = *value;
        }
        if let Some(bias) = bias {
            biases[four].as_mut_array()[lane] = bias[channel];
        }
    }
    let columns = width.div_ceil(stride);
    let outside = vec![0.0; channels];
    let at = |i: usize, out: &mut [f32]| {
        let (y, x) = (i / columns * stride, i % columns * stride);
        let pixels = NEIGHBOURS.map(|[dy, dx]| {
            let (y, x) = (y + dy, x + dx);
            if (1..=height).contains(&y) && (1..=width).contains(&x) {
                &data[((y - 1) * width + x - 1) * channels..][..channels]
            } else {
                &outside
            }
        });
        let (whole, rest) = out.as_chunks_mut::<4>();
        let fours = whole.len();
        // Slices of one length, known to the compiler: no check is left in the loop.
        let pixels_in_fours = pixels.map(|pixel| &pixel.as_chunks::<4>().0[..fours]);
        let (taps, rest_taps) = taps.split_at(fours);
        let (biases, rest_biases) = biases.split_at(fours);
        for (four, ((out, taps), bias)) in whole.iter_mut().zip(taps).zip(biases).enumerate() {
            let mut sum = *bias;
            for (tap, pixel) in taps.iter().zip(&pixels_in_fours) {
                sum += *tap * f32x4::new(pixel[four]);
            }
            *out = activation.apply(sum).to_array();
        }
        if let ([taps], [bias]) = (rest_taps, rest_biases) {
            let mut sum = *bias;
            for (tap, pixel) in taps.iter().zip(&pixels) {
                let mut padded = [0.0; 4];
                padded[..rest.len()].copy_from_slice(&pixel[fours * 4..]);
                sum += *tap * f32x4::new(padded);
            }
            rest.copy_from_slice(&activation.apply(sum).to_array()[..rest.len()]);
        }
    };
    parallel::rows(out, channels, 1, 9 * channels, |first, out| {
        for (i, out) in (first..).zip(out.chunks_exact_mut(channels)) {
            at(i, out);
        }
    });
}

/// The rows and columns of a 3×3 neighbourhood, in the order of its taps.
const NEIGHBOURS: [[usize; 2]; 9] = [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [2, 0], [2, 1], [2, 2]];
