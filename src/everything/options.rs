//! The generator's parameters.

use crate::SamError;

/// Points on a side of a grid at most: a million prompts take hours.
const MAX_POINTS_PER_SIDE: usize = 1024;
/// Layers of crops at most: the eighth has 65536 of them.
const MAX_CROP_LAYERS: usize = 8;

/// Where the prompts are.
#[derive(Debug, Clone, PartialEq)]
pub enum PointGrids {
    /// A regular grid of this many points on each side, thinned in the layers of crops.
    PerSide(usize),
    /// Points of each layer of crops, the whole image first; x and y as fractions of the crop.
    Explicit(Vec<Vec<[f64; 2]>>),
}

/// The form of a record's mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    /// A byte of 0 or 1 per pixel.
    BinaryMask,
    /// Run lengths.
    UncompressedRle,
    /// COCO's compressed run lengths.
    CocoRle,
}

/// Parameters of the reference's `SamAutomaticMaskGenerator`, with its defaults. A threshold of 0 or less turns its filter
/// off.
#[derive(Debug, Clone, PartialEq)]
pub struct EverythingOptions {
    /// Where the prompts are: `points_per_side` or `point_grids` of the reference.
    pub points: PointGrids,
    /// Points decoded together at most. Fewer are where the device's limits ask for it; the records do not depend on it.
    pub points_per_batch: usize,
    /// Masks whose estimated IoU is not greater are dropped.
    pub pred_iou_thresh: f64,
    /// Masks less stable than this are dropped.
    pub stability_score_thresh: f64,
    /// Stability is the IoU of the masks at this much above and below the threshold.
    pub stability_score_offset: f64,
    /// Of two masks of one crop whose boxes have a greater IoU, the one with the lower score is dropped.
    pub box_nms_thresh: f64,
    /// Layers of crops besides the whole image: layer i has 4^i crops.
    pub crop_n_layers: usize,
    /// Of two masks of different crops whose boxes have a greater IoU, the one of the larger crop is dropped.
    pub crop_nms_thresh: f64,
    /// Overlap of the first layer's crops, as a share of the image's shorter side.
    pub crop_overlap_ratio: f64,
    /// Each layer of crops has this many times fewer points on a side than the one before.
    pub crop_n_points_downscale_factor: usize,
    /// Holes and islands with fewer pixels are removed; 0 leaves the masks as they are.
    pub min_mask_region_area: usize,
    /// The form of the masks.
    pub output_mode: OutputMode,
}

impl Default for EverythingOptions {
    fn default() -> Self {
        Self {
            points: PointGrids::PerSide(32),
            points_per_batch: 64,
            pred_iou_thresh: 0.88,
            stability_score_thresh: 0.95,
            stability_score_offset: 1.0,
            box_nms_thresh: 0.7,
            crop_n_layers: 0,
            crop_nms_thresh: 0.7,
            crop_overlap_ratio: 512.0 / 1500.0,
            crop_n_points_downscale_factor: 1,
            min_mask_region_area: 0,
            output_mode: OutputMode::BinaryMask,
        }
    }
}

impl EverythingOptions {
    /// Refuses what the reference asserts or fails on later.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] that names the parameter.
    pub(super) fn check(&self) -> Result<(), SamError> {
        for (name, value) in [
            ("pred_iou_thresh", self.pred_iou_thresh),
            ("stability_score_thresh", self.stability_score_thresh),
            ("stability_score_offset", self.stability_score_offset),
            ("box_nms_thresh", self.box_nms_thresh),
            ("crop_nms_thresh", self.crop_nms_thresh),
        ] {
            if !value.is_finite() {
                return Err(SamError::prompt(name, format!("is {value}; give a finite number")));
            }
        }
        if !(0.0..=1.0).contains(&self.crop_overlap_ratio) {
            let ratio = self.crop_overlap_ratio;
            return Err(SamError::prompt("crop_overlap_ratio", format!("is {ratio}; give a number from 0 to 1")));
        }
        if self.crop_n_layers > MAX_CROP_LAYERS {
            let layers = self.crop_n_layers;
            return Err(SamError::prompt("crop_n_layers", format!("is {layers}; {MAX_CROP_LAYERS} is the most")));
        }
        for (name, value) in [
            ("points_per_batch", self.points_per_batch),
            ("crop_n_points_downscale_factor", self.crop_n_points_downscale_factor),
        ] {
            if value == 0 {
                return Err(SamError::prompt(name, "is 0; give 1 or more"));
            }
        }
        match &self.points {
            PointGrids::PerSide(n) if !(1..=MAX_POINTS_PER_SIDE).contains(n) => {
                Err(SamError::prompt("points_per_side", format!("is {n}; give 1 to {MAX_POINTS_PER_SIDE}")))
            }
            PointGrids::PerSide(_) => Ok(()),
            PointGrids::Explicit(grids) => check_grids(grids, self.crop_n_layers),
        }
    }
}

fn check_grids(grids: &[Vec<[f64; 2]>], layers: usize) -> Result<(), SamError> {
    if grids.len() <= layers {
        let reason = format!("has {} grids; the image and {layers} layers of crops need one each", grids.len());
        return Err(SamError::prompt("point_grids", reason));
    }
    for (layer, grid) in grids.iter().enumerate() {
        if grid.is_empty() {
            return Err(SamError::prompt(format!("point_grids[{layer}]"), "has no points"));
        }
        if grid.len() > MAX_POINTS_PER_SIDE * MAX_POINTS_PER_SIDE {
            let reason = format!("has {} points; {} is the most", grid.len(), MAX_POINTS_PER_SIDE.pow(2));
            return Err(SamError::prompt(format!("point_grids[{layer}]"), reason));
        }
        if let Some(index) = grid.iter().position(|point| !point.iter().all(|v| v.is_finite())) {
            let reason = format!("is {:?}; give finite numbers", grid[index]);
            return Err(SamError::prompt(format!("point_grids[{layer}][{index}]"), reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut EverythingOptions)) -> String {
        let mut options = EverythingOptions::default();
        change(&mut options);
        let error = options.check().unwrap_err();
        assert_eq!(error.code(), "bad-prompt");
        error.to_string()
    }

    #[test]
    fn the_reference_s_defaults_are_legal() {
        assert_eq!(EverythingOptions::default().check(), Ok(()));
    }

    #[test]
    fn a_bad_parameter_is_named() {
        let text = refused(|o| o.points = PointGrids::PerSide(0));
        assert_eq!(text, "bad prompt: points_per_side is 0; give 1 to 1024");
        assert!(refused(|o| o.box_nms_thresh = f64::NAN).contains("box_nms_thresh is NaN"));
        assert!(refused(|o| o.points_per_batch = 0).contains("points_per_batch is 0"));
        assert!(refused(|o| o.crop_n_points_downscale_factor = 0).contains("crop_n_points_downscale_factor"));
        assert!(refused(|o| o.crop_overlap_ratio = -0.1).contains("crop_overlap_ratio is -0.1"));
        assert!(refused(|o| o.crop_n_layers = 9).contains("crop_n_layers is 9; 8 is the most"));
    }

    #[test]
    fn every_layer_of_crops_needs_a_grid() {
        let grids = || PointGrids::Explicit(vec![vec![[0.5, 0.5]]]);
        assert!(refused(|o| (o.points, o.crop_n_layers) = (grids(), 1)).contains("point_grids has 1 grids"));
        assert!(refused(|o| o.points = PointGrids::Explicit(vec![vec![]])).contains("point_grids[0] has no points"));
        let nan = PointGrids::Explicit(vec![vec![[0.5, 0.5], [f64::NAN, 0.0]]]);
        assert!(refused(|o| o.points = nan).contains("point_grids[0][1] is [NaN, 0.0]"));
        let options = EverythingOptions { points: grids(), ..EverythingOptions::default() };
        assert_eq!(options.check(), Ok(()));
    }
}
