//! The model's answers → records: the reference's filters in its order, within a crop and across crops.

use super::grid::Crop;
use super::nms::nms;
use super::options::{EverythingOptions, OutputMode};
use super::regions::remove_small;
use super::scan::{Scanner, Thresholds};
use super::{Record, Segmentation};
use crate::mask::Rle;

/// The reference's `mask_threshold`.
const MASK_THRESHOLD: f64 = 0.0;
/// Pixels between a mask's box and its crop's edge where the mask counts as cut.
const EDGE_TOLERANCE: f32 = 20.0;

/// One of the model's masks for a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// x and y in pixels of the crop.
    pub(crate) point: [f64; 2],
    /// The model's own estimate of the mask's IoU.
    pub(crate) score: f32,
    /// Logits in the low-res frame of the crop, (S/4)², row-major.
    pub(crate) logits: &'a [f32],
}

/// A mask that passed the filters so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) mask: Rle,
    /// `[x0, y0, x1, y1]` in the image frame, both corners inside.
    pub(crate) corners: [usize; 4],
    pub(crate) score: f32,
    pub(crate) stability: f32,
    /// x and y in the image frame.
    pub(crate) point: [f64; 2],
    pub(crate) crop: Crop,
}

/// Takes the answers of one crop after the other.
#[derive(Debug)]
pub(crate) struct Filter {
    options: EverythingOptions,
    /// `[width, height]`.
    image_size: [usize; 2],
    /// Of crops that are over.
    found: Vec<Found>,
    /// Of the crop that is looked at.
    current: Vec<Found>,
    crops: usize,
}

impl Filter {
    pub(crate) fn new(options: EverythingOptions, image_size: [usize; 2]) -> Self {
        Self { options, image_size, found: Vec::new(), current: Vec::new(), crops: 0 }
    }

    /// The first filter: by the model's own estimate, before a mask is looked at.
    pub(crate) fn passes_score(&self, score: f32) -> bool {
        let threshold = self.options.pred_iou_thresh;
        threshold <= 0.0 || score > threshold as f32
    }

    /// The filters of a batch, on one answer; what was found, if it passed them.
    pub(crate) fn add(&mut self, scanner: &Scanner, crop: &Crop, answer: Answer<'_>) -> Option<&Found> {
        if !self.passes_score(answer.score) {
            return None;
        }
        let EverythingOptions { stability_score_thresh, stability_score_offset: offset, .. } = self.options;
        let scan = scanner.scan(
            answer.logits,
            Thresholds {
                mask: MASK_THRESHOLD as f32,
                high: (MASK_THRESHOLD + offset) as f32,
                low: (MASK_THRESHOLD - offset) as f32,
            },
        );
        let stability = scan.stability();
        // A mask without pixels has a stability of NaN, which is not enough either.
        let stable = stability >= stability_score_thresh as f32;
        if stability_score_thresh > 0.0 && !stable {
            return None;
        }
        let [left, top, ..] = crop.corners;
        let corners = scan.corners();
        let corners = [corners[0] + left, corners[1] + top, corners[2] + left, corners[3] + top];
        let [width, height] = self.image_size;
        if is_cut(corners, crop.corners, [0, 0, width, height]) {
            return None;
        }
        let [x, y] = answer.point;
        self.current.push(Found {
            mask: Rle::from_rows(&scan.spans, [left, top], [height, width]),
            corners,
            score: answer.score,
            stability,
            point: [x + left as f64, y + top as f64],
            crop: *crop,
        });
        self.current.last()
    }

    /// Removes the duplicates within the crop.
    pub(crate) fn end_crop(&mut self) {
        let scores: Vec<f32> = self.current.iter().map(|found| found.score).collect();
        let kept = nms(&boxes(&self.current), &scores, self.options.box_nms_thresh);
        self.found.extend(select(std::mem::take(&mut self.current), &kept));
        self.crops += 1;
    }

    /// Removes the duplicates of different crops, then small regions.
    pub(crate) fn finish(self) -> Vec<Found> {
        let Self { options, mut found, crops, .. } = self;
        if crops > 1 {
            // Masks of smaller crops are better.
            let scores: Vec<f32> =
                found.iter().map(|found| 1.0 / (found.crop.width() * found.crop.height()) as f32).collect();
            let kept = nms(&boxes(&found), &scores, options.crop_nms_thresh);
            found = select(found, &kept);
        }
        if options.min_mask_region_area == 0 {
            return found;
        }
        clean(found, options.min_mask_region_area, options.box_nms_thresh.max(options.crop_nms_thresh))
    }
}

impl Found {
    pub(crate) fn record(self, mode: OutputMode) -> Record {
        let (area, bbox) = (self.mask.area(), self.bbox());
        let size = self.mask.size();
        let segmentation = match mode {
            OutputMode::BinaryMask => Segmentation::BinaryMask(self.mask.to_pixels()),
            OutputMode::UncompressedRle => Segmentation::UncompressedRle { size, counts: self.mask.into_counts() },
            OutputMode::CocoRle => Segmentation::CocoRle { size, counts: self.mask.coco_string() },
        };
        Record {
            segmentation,
            area,
            bbox,
            predicted_iou: self.score,
            point_coords: vec![self.point],
            stability_score: self.stability,
            crop_box: self.crop.xywh(),
        }
    }

    /// `[x, y, width, height]` as the reference has it: one less than the pixels, because its corners are inside.
    pub(crate) fn bbox(&self) -> [usize; 4] {
        let [x0, y0, x1, y1] = self.corners;
        [x0, y0, x1 - x0, y1 - y0]
    }
}

/// Fills small holes and drops small islands, then the duplicates that this may have made; masks that stayed as they were
/// are better.
fn clean(mut found: Vec<Found>, min_area: usize, threshold: f64) -> Vec<Found> {
    let cleaned: Vec<Option<Rle>> = found.iter().map(|found| remove_small(&found.mask, min_area)).collect();
    let boxes: Vec<[usize; 4]> =
        found.iter().zip(&cleaned).map(|(found, cleaned)| corners(cleaned.as_ref().unwrap_or(&found.mask))).collect();
    let scores: Vec<f32> = cleaned.iter().map(|cleaned| if cleaned.is_some() { 0.0 } else { 1.0 }).collect();
    for ((found, cleaned), corners) in found.iter_mut().zip(cleaned).zip(&boxes) {
        if let Some(mask) = cleaned {
            (found.mask, found.corners) = (mask, *corners);
        }
    }
    let kept = nms(&boxes, &scores, threshold);
    select(found, &kept)
}

/// The outermost pixels, both corners inside; all 0 where the mask is empty.
fn corners(mask: &Rle) -> [usize; 4] {
    let [x, y, width, height] = mask.bbox();
    [x, y, (x + width).saturating_sub(1), (y + height).saturating_sub(1)]
}

fn boxes(found: &[Found]) -> Vec<[usize; 4]> {
    found.iter().map(|found| found.corners).collect()
}

fn select(found: Vec<Found>, kept: &[usize]) -> Vec<Found> {
    let mut found: Vec<Option<Found>> = found.into_iter().map(Some).collect();
    kept.iter().filter_map(|index| found[*index].take()).collect()
}

/// Does the box lie at an edge of the crop that is not one of the image?
fn is_cut(corners: [usize; 4], crop: [usize; 4], image: [usize; 4]) -> bool {
    let near = |a: usize, b: usize| (a as f32 - b as f32).abs() <= EDGE_TOLERANCE;
    (0..4).any(|side| near(corners[side], crop[side]) && !near(corners[side], image[side]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_of_a_mask_has_both_corners_inside() -> Result<(), crate::SamError> {
        assert_eq!(corners(&Rle::from_pixels(&[0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0], 4, 3)?), [0, 1, 1, 2]);
        assert_eq!(corners(&Rle::from_pixels(&[0; 4], 2, 2)?), [0; 4]);
        Ok(())
    }

    #[test]
    fn a_box_at_an_edge_of_the_crop_is_cut_unless_the_image_ends_there() {
        let (crop, image) = ([100, 0, 300, 200], [0, 0, 400, 200]);
        assert!(!is_cut([121, 0, 279, 199], crop, image));
        assert!(is_cut([120, 0, 279, 199], crop, image));
        assert!(is_cut([121, 0, 280, 199], crop, image));
        assert!(!is_cut([0, 0, 399, 199], [0, 0, 400, 200], image));
    }
}
