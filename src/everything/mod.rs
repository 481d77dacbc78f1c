//! Masks of everything in an image: a grid of points is asked, and what is unsure, unstable or double is dropped.
//!
//! Follows `SamAutomaticMaskGenerator`:
//! <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/automatic_mask_generator.py> and
//! <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/utils/amg.py>
//!
//! Records and their order are the reference's, also where scores are equal: what it leaves to the sort of more than a
//! thousand boxes is decided here by their order.

mod filter;
mod generator;
mod grid;
mod nms;
mod options;
mod regions;
mod scan;

#[cfg(target_arch = "wasm32")]
pub(crate) use filter::Found;
#[cfg(test)]
pub(crate) use filter::{Answer, Filter};
pub use generator::{Candidate, Everything};
#[cfg(test)]
pub(crate) use grid::{crops, grids};
pub use options::{EverythingOptions, OutputMode, PointGrids};
#[cfg(test)]
pub(crate) use scan::Scanner;

/// One mask of everything mode. Boxes are `[x, y, width, height]` in the image frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The mask, in pixels of the whole image.
    pub segmentation: Segmentation,
    /// Number of pixels in the mask.
    pub area: usize,
    /// The box around the mask. As in the reference, the size is the distance of its outermost pixels: one less than their
    /// number.
    pub bbox: [usize; 4],
    /// The model's own estimate of the mask's IoU.
    pub predicted_iou: f32,
    /// The point that was asked, x and y in the image frame.
    pub point_coords: Vec<[f64; 2]>,
    /// How little the mask changes with its threshold, 0 to 1; NaN for a mask without pixels.
    pub stability_score: f32,
    /// The part of the image that was looked at.
    pub crop_box: [usize; 4],
}

/// A mask in one of the forms of [`OutputMode`]; `size` is `[height, width]`, as in COCO.
#[derive(Debug, Clone, PartialEq)]
pub enum Segmentation {
    /// 1 inside, 0 outside; row-major, of the image's size.
    BinaryMask(Vec<u8>),
    /// Run lengths in column-major order, beginning with the zeros.
    UncompressedRle {
        /// Height and width of the image.
        size: [usize; 2],
        /// The lengths.
        counts: Vec<u32>,
    },
    /// COCO's compressed run lengths.
    CocoRle {
        /// Height and width of the image.
        size: [usize; 2],
        /// The lengths as COCO's text.
        counts: String,
    },
}
