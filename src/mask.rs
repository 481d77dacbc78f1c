//! Mask logits → masks at the resolution the caller wants, and what can be told of them.

mod outline;
mod packed;
mod rle;
mod simplify;

pub use outline::{Corner, Polygon, Ring};
pub(crate) use packed::Packed;
pub use rle::Rle;
pub(crate) use rle::{Column, Span};

use crate::SamError;
use crate::geometry::Geometry;
use crate::ops::Upsampling;

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// The model's own estimate of the mask's IoU.
    pub score: f32,
    /// The mask token in the reference's order: 0 for the single mask, 1–3 for the candidates.
    pub token: usize,
    /// Width of `data` in pixels.
    pub width: usize,
    /// Height of `data` in pixels.
    pub height: usize,
    /// The pixels, row-major.
    pub data: MaskData,
    /// `[x, y, width, height]` of the mask in its own pixels; all 0 where it is empty.
    pub bbox: [usize; 4],
    /// Number of pixels in the mask.
    pub area: usize,
    /// Logits in the low-res frame, (S/4)², row-major: what refining this answer takes.
    pub low_res: Vec<f32>,
}

/// A mask's pixels.
#[derive(Debug, Clone, PartialEq)]
pub enum MaskData {
    /// 1 inside, 0 outside.
    Binary(Vec<u8>),
    /// Logits before the threshold.
    Logits(Vec<f32>),
}

impl Mask {
    /// The pixels as run lengths.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] where the answer was asked for as [`Output::Logits`].
    pub fn rle(&self) -> Result<Rle, SamError> {
        match &self.data {
            MaskData::Binary(pixels) => Rle::from_pixels(pixels, self.width, self.height),
            MaskData::Logits(_) => Err(SamError::prompt("output", "is Logits; run lengths are made of Output::Mask")),
        }
    }

    /// The outlines of the pixels, see [`polygons`].
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] where the answer was asked for as [`Output::Logits`], or where the tolerance is no distance.
    pub fn polygons(&self, tolerance: f64) -> Result<Vec<Polygon>, SamError> {
        match &self.data {
            MaskData::Binary(pixels) => polygons(pixels, self.width, self.height, tolerance),
            MaskData::Logits(_) => Err(SamError::prompt("output", "is Logits; outlines are drawn of Output::Mask")),
        }
    }

    /// How little the mask depends on the threshold, see [`stability_score`].
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] where the answer was asked for as [`Output::Mask`].
    pub fn stability_score(&self, threshold: f32, offset: f32) -> Result<f32, SamError> {
        match &self.data {
            MaskData::Logits(logits) => Ok(stability_score(logits, threshold, offset)),
            MaskData::Binary(_) => Err(SamError::prompt("output", "is Mask; stability is measured on Output::Logits")),
        }
    }
}

/// The outlines of a mask's pixels, row-major, inside what is not 0: a polygon for each region of pixels that share sides.
///
/// With a tolerance of 0 they run exactly along the borders of the pixels; with a greater one, corners are left out that are
/// within so many pixels of the line that replaces them. Holes thinner than that vanish, and rings may cross where they come
/// closer.
///
/// # Errors
/// [`SamError::BadPrompt`] where there are not `width` × `height` pixels, or where the tolerance is no distance.
pub fn polygons(pixels: &[u8], width: usize, height: usize, tolerance: f64) -> Result<Vec<Polygon>, SamError> {
    rle::check_pixels(pixels, width, height)?;
    if !(tolerance.is_finite() && tolerance >= 0.0) {
        return Err(SamError::prompt("tolerance", format!("is {tolerance}, not a number of pixels")));
    }
    let exact = outline::trace(pixels, width);
    if tolerance == 0.0 {
        return Ok(exact);
    }
    Ok(exact.iter().map(|polygon| polygon.simplified(tolerance)).collect())
}

/// Pixels above `threshold + offset`, divided by those above `threshold - offset`; NaN where there are none of these.
pub fn stability_score(logits: &[f32], threshold: f32, offset: f32) -> f32 {
    let above = |level: f32| logits.iter().filter(|logit| **logit > level).count() as f32;
    above(threshold + offset) / above(threshold - offset)
}

/// What the pixels of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// 0 and 1.
    Mask,
    /// Logits.
    Logits,
}

/// One answer before it is brought to the size of the image.
#[derive(Debug, Clone, PartialEq)]
pub struct LowResMask {
    /// The mask token in the reference's order.
    pub token: usize,
    /// The model's own estimate of the mask's IoU.
    pub score: f32,
    /// Logits in the low-res frame, (S/4)², row-major.
    pub logits: Vec<f32>,
}

/// One answer before it is brought to the size of the image, and its pixels where the device has made them.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) low_res: LowResMask,
    pub(crate) packed: Option<Packed>,
}

/// What masks are made into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rendering {
    pub(crate) geometry: Geometry,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) threshold: f32,
    pub(crate) output: Output,
}

impl Rendering {
    /// The mask at the requested resolution.
    pub(crate) fn mask(&self, answer: Answer) -> Mask {
        let pixels = self.width * self.height;
        let (data, bounds) = match self.output {
            Output::Mask => {
                let mut data = Vec::with_capacity(pixels);
                let bounds = self.binary(&answer, |_, row| data.extend_from_slice(row));
                (MaskData::Binary(data), bounds)
            }
            Output::Logits => {
                let mut data = Vec::with_capacity(pixels);
                let bounds = self.logits(&answer, |_, row| data.extend_from_slice(row));
                (MaskData::Logits(data), bounds)
            }
        };
        let LowResMask { token, score, logits } = answer.low_res;
        Mask {
            score,
            token,
            width: self.width,
            height: self.height,
            data,
            bbox: bounds.bbox(),
            area: bounds.area,
            low_res: logits,
        }
    }

    /// The steps of the reference's `postprocess_masks`: up to the input frame, cut to the image, then to the size asked for.
    pub(crate) fn upsampling(&self) -> Upsampling {
        let Geometry { input_width, input_height, input_size, .. } = self.geometry;
        Upsampling {
            side: self.geometry.low_res_size(),
            larger_side: input_size,
            part: [input_width, input_height],
            size: [self.width, self.height],
        }
    }

    /// Gives the pixels at the requested resolution, 1 inside and 0 outside, to `emit`, row by row: no mask of many
    /// megapixels need be held.
    pub(crate) fn binary(&self, answer: &Answer, emit: impl FnMut(usize, &[u8])) -> Bounds {
        match &answer.packed {
            Some(packed) => packed.rows(self.width, emit),
            None => self.rows(answer, |logit| u8::from(logit > self.threshold), emit),
        }
    }

    /// As [`binary`](Self::binary), logits.
    pub(crate) fn logits(&self, answer: &Answer, emit: impl FnMut(usize, &[f32])) -> Bounds {
        self.rows(answer, |logit| logit, emit)
    }

    fn rows<P: Copy + Default>(
        &self,
        answer: &Answer,
        pixel: impl Fn(f32) -> P,
        mut emit: impl FnMut(usize, &[P]),
    ) -> Bounds {
        let mut bounds = Bounds::default();
        let mut pixels = vec![P::default(); self.width];
        self.upsampling().rows(&answer.low_res.logits, |y, row| {
            bounds.add_row(y, row, self.threshold);
            for (out, logit) in pixels.iter_mut().zip(row) {
                *out = pixel(*logit);
            }
            emit(y, &pixels);
        });
        bounds
    }
}

/// Extent and area of the pixels above the threshold.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) area: usize,
    extent: Option<[usize; 4]>,
}

impl Bounds {
    fn add_row(&mut self, y: usize, row: &[f32], threshold: f32) {
        let count = row.iter().filter(|value| **value > threshold).count();
        if count == 0 {
            return;
        }
        let first = row.iter().position(|value| *value > threshold).unwrap_or_default();
        let last = row.iter().rposition(|value| *value > threshold).unwrap_or_default();
        self.add(y, count, [first, last]);
    }

    /// A row below the last one: its pixels in the mask, the first and the last of them.
    fn add(&mut self, y: usize, count: usize, [first, last]: [usize; 2]) {
        self.area += count;
        let [left, top, right, _] = self.extent.unwrap_or([first, y, last, y]);
        self.extent = Some([left.min(first), top, right.max(last), y]);
    }

    pub(crate) fn bbox(&self) -> [usize; 4] {
        self.extent.map_or([0; 4], |[left, top, right, bottom]| [left, top, right - left + 1, bottom - top + 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_count_pixels() {
        let mut bounds = Bounds::default();
        bounds.add_row(2, &[0.0, 1.0, 0.0, 1.0], 0.5);
        bounds.add_row(4, &[1.0, 0.0, 0.0, 0.0], 0.5);
        assert_eq!((bounds.area, bounds.bbox()), (3, [0, 2, 4, 3]));
    }

    fn mask(data: MaskData) -> Mask {
        Mask { score: 0.5, token: 1, width: 3, height: 2, data, bbox: [0; 4], area: 0, low_res: vec![] }
    }

    #[test]
    fn run_lengths_are_those_of_the_pixels() -> Result<(), SamError> {
        let rle = mask(MaskData::Binary(vec![0, 1, 1, 0, 0, 1])).rle()?;
        assert_eq!((rle.size(), rle.counts()), ([2, 3], [2, 1, 1, 2].as_slice()));
        let refused = mask(MaskData::Logits(vec![0.0; 6])).rle();
        assert_eq!(refused.map_err(|error| error.code()), Err("bad-prompt"));
        Ok(())
    }

    /// The same figures as in pkg/test/measure.test.mjs.
    #[test]
    fn stability_is_what_the_reference_says() -> Result<(), SamError> {
        let logits = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0];
        assert_eq!(stability_score(&logits, 0.0, 1.0), 2.0 / 6.0);
        assert_eq!(stability_score(&[0.5, 1.5, 2.5, 3.5], 2.0, 1.0), 1.0 / 3.0);
        assert_eq!(stability_score(&[5.0, -5.0], 0.0, 0.0), 1.0);
        assert!(stability_score(&[-5.0, f32::NAN], 0.0, 1.0).is_nan());
        let data = MaskData::Logits(vec![-1.0, 0.0, 0.25, 3.0, -5.0, -5.0]);
        assert_eq!(mask(data).stability_score(0.0, 0.25)?, 1.0 / 3.0);
        let refused = mask(MaskData::Binary(vec![0; 6])).stability_score(0.0, 1.0);
        assert_eq!(refused.map_err(|error| error.code()), Err("bad-prompt"));
        Ok(())
    }

    #[test]
    fn nothing_above_the_threshold_is_an_empty_box() {
        let mut bounds = Bounds::default();
        bounds.add_row(0, &[0.0, f32::NAN], 0.0);
        assert_eq!((bounds.area, bounds.bbox()), (0, [0; 4]));
    }
}
