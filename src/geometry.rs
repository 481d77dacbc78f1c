//! The three frames and the maps between them.
//!
//! - *image*: pixels of the original image, W×H;
//! - *input*: the encoder's square of side S; the image, resized so that its longest side is S, lies at the top left;
//! - *low-res*: the decoder's mask logits, the input frame at a quarter of its resolution.
//!
//! Follows `ResizeLongestSide`:
//! <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/utils/transforms.py>

use crate::SamError;

/// The longest side of an image, of an answer and of a mask, in pixels: what a browser's canvas can hold. The area then
/// stays below 2³⁰ pixels.
pub const MAX_SIDE: usize = 32_767;

/// The size of one image in the image frame and in the input frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Width of the original image in pixels.
    pub image_width: usize,
    /// Height of the original image in pixels.
    pub image_height: usize,
    /// Width of the resized image in the input frame.
    pub input_width: usize,
    /// Height of the resized image in the input frame.
    pub input_height: usize,
    /// Side of the input frame, S.
    pub input_size: usize,
}

impl Geometry {
    /// The geometry of a `image_width`×`image_height` image for an encoder of side `input_size`.
    ///
    /// # Errors
    /// [`SamError::BadImage`] for an image without pixels or with a side longer than [`MAX_SIDE`].
    pub fn new(image_width: usize, image_height: usize, input_size: usize) -> Result<Self, SamError> {
        if image_width == 0 || image_height == 0 {
            return Err(SamError::image(format!("it is {image_width}×{image_height} pixels; it needs at least one")));
        }
        if image_width.max(image_height) > MAX_SIDE {
            let reason = format!("it is {image_width}×{image_height} pixels; {MAX_SIDE} is the longest side");
            return Err(SamError::image(reason));
        }
        let scale = input_size as f64 / image_width.max(image_height) as f64;
        // The reference rounds like this; a very thin image would vanish, so one pixel is kept.
        let side = |pixels: usize| ((pixels as f64 * scale + 0.5) as usize).clamp(1, input_size);
        Ok(Self {
            image_width,
            image_height,
            input_width: side(image_width),
            input_height: side(image_height),
            input_size,
        })
    }

    /// A position in the image frame, in the input frame. The scale is per axis, as in the reference.
    pub fn input_from_image(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [
            (f64::from(x) * (self.input_width as f64 / self.image_width as f64)) as f32,
            (f64::from(y) * (self.input_height as f64 / self.image_height as f64)) as f32,
        ]
    }

    /// Side of the low-res frame, S/4.
    pub fn low_res_size(&self) -> usize {
        self.input_size / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_side_becomes_the_input_size() {
        let g = Geometry::new(1800, 1200, 1024).unwrap();
        assert_eq!((g.input_width, g.input_height), (1024, 683));
        let g = Geometry::new(100, 200, 1024).unwrap();
        assert_eq!((g.input_width, g.input_height), (512, 1024));
    }

    #[test]
    fn a_thin_image_keeps_a_pixel() {
        let g = Geometry::new(1, 3000, 256).unwrap();
        assert_eq!((g.input_width, g.input_height), (1, 256));
    }

    #[test]
    fn coordinates_scale_per_axis() {
        let g = Geometry::new(1800, 1200, 1024).unwrap();
        let [x, y] = g.input_from_image([900.0, 600.0]);
        assert_eq!(x, 512.0);
        assert!((y - 341.5).abs() < 1e-4);
    }

    #[test]
    fn no_pixels_is_an_error() {
        assert_eq!(Geometry::new(0, 5, 256).unwrap_err().code(), "bad-image");
    }

    #[test]
    fn a_side_beyond_the_longest_is_an_error() {
        assert!(Geometry::new(MAX_SIDE, MAX_SIDE, 256).is_ok());
        assert_eq!(Geometry::new(1, MAX_SIDE + 1, 256).unwrap_err().code(), "bad-image");
        assert_eq!(Geometry::new(usize::MAX, 1, 256).unwrap_err().code(), "bad-image");
    }
}
