//! Pixels of an image → the encoder's input; pixels of a mask → logits of a prompt.
//!
//! The reference resizes with Pillow's antialiased bilinear filter on 8-bit values. Pillow keeps 22 fractional bits in
//! its coefficients; resize crates keep 16 and differ in more pixels than our parity allows, so the filter is here:
//! horizontal pass, rounding to 8 bits, vertical pass
//! (<https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c>).

use burn::tensor::{Device, Tensor};

use crate::geometry::{Geometry, MAX_SIDE};
use crate::{SamError, ops};

const CHANNELS: usize = 3;
const PIXEL_MEAN: [f32; CHANNELS] = [123.675, 116.28, 103.53];
const PIXEL_STD: [f32; CHANNELS] = [58.395, 57.12, 57.375];

/// Takes an image row by row, so that the caller never holds it whole, and resizes it on the way.
///
/// Memory is bounded by the resized width times the image's height.
#[derive(Debug)]
pub struct ImageReader {
    geometry: Geometry,
    rows: Rows<CHANNELS>,
}

impl ImageReader {
    /// A reader of a `width`×`height` image for an encoder of side `input_size`.
    ///
    /// # Errors
    /// [`SamError::BadImage`] for an image without pixels or with a side longer than [`MAX_SIDE`].
    pub fn new(width: usize, height: usize, input_size: usize) -> Result<Self, SamError> {
        let geometry = Geometry::new(width, height, input_size)?;
        Ok(Self { geometry, rows: Rows::new([width, height], geometry.input_width)? })
    }

    /// Sizes of the image in each frame.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The next whole rows, from the top: RGBA, 8 bits each. Alpha is dropped.
    ///
    /// # Errors
    /// [`SamError::BadImage`] for part of a row or too many rows.
    pub fn push(&mut self, rgba: &[u8]) -> Result<(), SamError> {
        let row_bytes = self.geometry.image_width * 4;
        if !rgba.len().is_multiple_of(row_bytes) {
            return Err(SamError::image(format!("{} bytes are not whole rows of {row_bytes}", rgba.len())));
        }
        if self.rows.count + rgba.len() / row_bytes > self.geometry.image_height {
            return Err(SamError::image(format!("it has more than its {} rows", self.geometry.image_height)));
        }
        for row in rgba.chunks_exact(row_bytes) {
            self.rows.push(|x, channel| row[x * 4 + channel]);
        }
        Ok(())
    }

    /// The resized image: RGB, `input_height` rows of `input_width` pixels.
    ///
    /// # Errors
    /// [`SamError::BadImage`] where rows are missing.
    pub fn resized(self) -> Result<Vec<u8>, SamError> {
        let Geometry { image_height, input_height, .. } = self.geometry;
        if self.rows.count != image_height {
            return Err(SamError::image(format!("only {} of its {image_height} rows came", self.rows.count)));
        }
        Ok(self.rows.finish(input_height))
    }

    /// The encoder's input: normalised, then padded with zeros on the right and the bottom.
    ///
    /// # Shapes
    /// - output: `[1, S, S, 3]`
    ///
    /// # Errors
    /// [`SamError::BadImage`] where rows are missing.
    pub fn into_tensor(self, device: &Device) -> Result<Tensor<4>, SamError> {
        let Geometry { input_width, input_size, .. } = self.geometry;
        let pixels = self.resized()?;
        let mut input = vec![0.0; input_size * input_size * CHANNELS];
        for (row, out) in pixels.chunks_exact(input_width * CHANNELS).zip(input.chunks_exact_mut(input_size * CHANNELS))
        {
            for (i, (value, out)) in row.iter().zip(out).enumerate() {
                *out = (f32::from(*value) - PIXEL_MEAN[i % CHANNELS]) / PIXEL_STD[i % CHANNELS];
            }
        }
        Ok(ops::from_values(input, [1, input_size, input_size, CHANNELS], device))
    }
}

/// Logit given to a binary mask's pixels: a confident answer of the model itself is about that.
const MASK_PROMPT_LOGIT: f32 = 8.0;

/// Takes a binary mask of the image row by row and makes it a prompt, with the same filter.
pub(crate) struct MaskReader {
    geometry: Geometry,
    width: usize,
    rows: Rows<1>,
}

impl MaskReader {
    /// A reader of a mask of `pixels` pixels.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`SamError::OutOfMemory`].
    pub(crate) fn new(geometry: Geometry, [width, height]: [usize; 2], pixels: usize) -> Result<Self, SamError> {
        Self::check([width, height], pixels)?;
        let rows = Rows::new([width, height], low_res_side(geometry.input_width))?;
        Ok(Self { geometry, width, rows })
    }

    /// Can a mask of `pixels` pixels be read?
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] where they are not `width`×`height`, or a side is longer than [`MAX_SIDE`].
    pub(crate) fn check([width, height]: [usize; 2], pixels: usize) -> Result<(), SamError> {
        if width.min(height) == 0 || width.max(height) > MAX_SIDE {
            let reason = format!("is {width}×{height} pixels; each side must be 1 to {MAX_SIDE}");
            return Err(SamError::prompt("mask", reason));
        }
        if pixels != width * height {
            return Err(SamError::prompt("mask", format!("has {pixels} pixels for a size of {width}×{height}")));
        }
        Ok(())
    }

    /// The next whole rows, from the top: 0 outside, anything else inside.
    pub(crate) fn push(&mut self, pixels: &[u8]) {
        for row in pixels.chunks_exact(self.width) {
            self.rows.push(|x, _| if row[x] == 0 { 0 } else { 255 });
        }
    }

    /// Logits in the low-res frame, (S/4)², row-major; the padding is outside.
    pub(crate) fn finish(self) -> Vec<f32> {
        let Geometry { input_width, input_height, .. } = self.geometry;
        let low = self.geometry.low_res_size();
        let covered = self.rows.finish(low_res_side(input_height));
        let mut logits = vec![-MASK_PROMPT_LOGIT; low * low];
        for (row, out) in covered.chunks_exact(low_res_side(input_width)).zip(logits.chunks_exact_mut(low)) {
            for (value, out) in row.iter().zip(out) {
                *out = (f32::from(*value) / 127.5 - 1.0) * MASK_PROMPT_LOGIT;
            }
        }
        logits
    }
}

fn low_res_side(input_side: usize) -> usize {
    input_side.div_ceil(4)
}

/// Rows of `C` channels, resized horizontally as they come.
#[derive(Debug)]
struct Rows<const C: usize> {
    horizontal: Resample,
    height: usize,
    /// `[count, to_width, C]`
    narrowed: Vec<u8>,
    count: usize,
}

impl<const C: usize> Rows<C> {
    fn new([width, height]: [usize; 2], to_width: usize) -> Result<Self, SamError> {
        let mut narrowed = Vec::new();
        narrowed.try_reserve_exact(height * to_width * C).map_err(|_| SamError::OutOfMemory {
            what: format!("an image or mask of {width}×{height} pixels"),
            instead: "use a smaller one".into(),
        })?;
        Ok(Self { horizontal: Resample::new(width, to_width), height, narrowed, count: 0 })
    }

    /// The next row, given by position and channel.
    fn push(&mut self, pixel: impl Fn(usize, usize) -> u8) {
        self.horizontal.row::<C>(pixel, &mut self.narrowed);
        self.count += 1;
    }

    /// The image once all its rows are there: `[to_height, to_width, C]`.
    fn finish(self, to_height: usize) -> Vec<u8> {
        if self.height == to_height {
            return self.narrowed;
        }
        Resample::new(self.height, to_height).rows(&self.narrowed, self.horizontal.windows.len() * C)
    }
}

/// One axis of Pillow's bilinear filter.
#[derive(Debug)]
struct Resample {
    /// For every output position: its first input position and its coefficients in `coefficients`.
    windows: Vec<(usize, std::ops::Range<usize>)>,
    coefficients: Vec<i32>,
    /// Nothing to do where the size stays.
    identity: bool,
}

/// Fractional bits of a coefficient, as in Pillow.
const PRECISION: u32 = 32 - 8 - 2;

impl Resample {
    fn new(input: usize, output: usize) -> Self {
        let scale = input as f64 / output as f64;
        let filter_scale = scale.max(1.0);
        let support = filter_scale;
        let (mut windows, mut coefficients) = (Vec::with_capacity(output), Vec::new());
        for i in 0..output {
            let center = (i as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let last = ((center + support + 0.5) as usize).min(input);
            let weight = |x: usize| (1.0 - ((x as f64 - center + 0.5) / filter_scale).abs()).max(0.0);
            let total: f64 = (first..last).map(weight).sum();
            let start = coefficients.len();
            coefficients.extend((first..last).map(|x| (weight(x) / total * f64::from(1 << PRECISION)).round() as i32));
            windows.push((first, start..coefficients.len()));
        }
        Self { windows, coefficients, identity: input == output }
    }

    fn round(sum: i32) -> u8 {
        (sum >> PRECISION).clamp(0, 255) as u8
    }

    /// Resizes one row of pixels of `C` channels, given by position and channel, onto the end of `out`.
    fn row<const C: usize>(&self, pixel: impl Fn(usize, usize) -> u8, out: &mut Vec<u8>) {
        if self.identity {
            out.extend(
                (0..self.windows.len()).flat_map(|x| std::array::from_fn::<u8, C, _>(|channel| pixel(x, channel))),
            );
            return;
        }
        for (first, range) in &self.windows {
            let mut sums = [1 << (PRECISION - 1); C];
            for (x, coefficient) in (*first..).zip(&self.coefficients[range.clone()]) {
                for (channel, sum) in sums.iter_mut().enumerate() {
                    *sum += i32::from(pixel(x, channel)) * coefficient;
                }
            }
            out.extend(sums.map(Self::round));
        }
    }

    /// Resizes across rows of `stride` bytes.
    fn rows(&self, data: &[u8], stride: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.windows.len() * stride);
        let mut sums = vec![0; stride];
        for (first, range) in &self.windows {
            sums.fill(1 << (PRECISION - 1));
            for (row, coefficient) in data[first * stride..].chunks_exact(stride).zip(&self.coefficients[range.clone()])
            {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += i32::from(*value) * coefficient;
                }
            }
            out.extend(sums.iter().map(|sum| Self::round(*sum)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_may_come_in_any_portions() {
        let rgba: Vec<u8> = (0..40 * 30 * 4).map(|i| (i * 7 % 251) as u8).collect();
        let read = |portion: usize| {
            let mut reader = ImageReader::new(40, 30, 64).unwrap();
            rgba.chunks(40 * 4 * portion).for_each(|rows| reader.push(rows).unwrap());
            reader.resized().unwrap()
        };
        assert_eq!(read(30), read(7));
    }

    #[test]
    fn missing_and_surplus_rows_are_errors() {
        let mut reader = ImageReader::new(4, 4, 64).unwrap();
        assert_eq!(reader.push(&[0; 5]).unwrap_err().code(), "bad-image");
        reader.push(&[0; 3 * 16]).unwrap();
        assert_eq!(reader.push(&[0; 2 * 16]).unwrap_err().code(), "bad-image");
        assert_eq!(reader.resized().unwrap_err().code(), "bad-image");
    }

    #[test]
    fn a_binary_mask_becomes_logits() {
        // An image of 128×64 pixels, of which the right half is inside; the encoder's square is 64×64.
        let geometry = Geometry::new(128, 64, 64).unwrap();
        let mask: Vec<u8> = (0..128 * 64).map(|i| u8::from(i % 128 >= 64)).collect();
        let read = |rows: usize| {
            let mut reader = MaskReader::new(geometry, [128, 64], mask.len()).unwrap();
            mask.chunks(128 * rows).for_each(|rows| reader.push(rows));
            reader.finish()
        };
        let logits = read(64);
        assert_eq!(logits, read(5), "in any portions");
        assert_eq!(logits.len(), 16 * 16);
        assert_eq!((logits[0], logits[15], logits[7 * 16 + 15], logits[8 * 16 + 15]), (-8.0, 8.0, 8.0, -8.0));
    }

    #[test]
    fn a_mask_of_another_size_than_it_claims_is_refused() {
        let geometry = Geometry::new(128, 64, 64).unwrap();
        for (size, pixels) in [([0, 4], 0), ([4, 4], 15), ([MAX_SIDE + 1, 1], MAX_SIDE + 1), ([usize::MAX, 2], 0)] {
            assert_eq!(MaskReader::new(geometry, size, pixels).err().unwrap().code(), "bad-prompt");
        }
        assert!(MaskReader::new(geometry, [MAX_SIDE, 1], MAX_SIDE).is_ok());
    }
}
