//! Where the prompts are, and which parts of the image are looked at.

use super::options::{EverythingOptions, PointGrids};
use crate::SamError;

/// A part of the image that is encoded by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crop {
    /// `[x0, y0, x1, y1]` in the image frame, without x1 and y1.
    pub(crate) corners: [usize; 4],
    /// 0 is the whole image.
    pub(crate) layer: usize,
}

impl Crop {
    pub(crate) fn width(&self) -> usize {
        self.corners[2] - self.corners[0]
    }

    pub(crate) fn height(&self) -> usize {
        self.corners[3] - self.corners[1]
    }

    /// `[x, y, width, height]`
    pub(crate) fn xywh(&self) -> [usize; 4] {
        [self.corners[0], self.corners[1], self.width(), self.height()]
    }
}

/// The whole image, then the crops of each layer, column by column (`generate_crop_boxes`).
///
/// # Errors
/// [`SamError::BadPrompt`] where the image is too small for so many crops.
pub(crate) fn crops([width, height]: [usize; 2], options: &EverythingOptions) -> Result<Vec<Crop>, SamError> {
    let mut crops = vec![Crop { corners: [0, 0, width, height], layer: 0 }];
    for layer in 1..=options.crop_n_layers {
        let count = 1usize << layer;
        let overlap = (options.crop_overlap_ratio * width.min(height) as f64 * (2.0 / count as f64)) as usize;
        let length = |side: usize| ((overlap * (count - 1) + side) as f64 / count as f64).ceil() as usize;
        let (crop_width, crop_height) = (length(width), length(height));
        // An overlap as long as a side leaves nothing between two crops: all begin at 0.
        let (step_x, step_y) = (crop_width.saturating_sub(overlap), crop_height.saturating_sub(overlap));
        for column in 0..count {
            for row in 0..count {
                let (x, y) = (column * step_x, row * step_y);
                if x >= width || y >= height {
                    let reason = format!("is {}; {width}×{height} pixels are too few for it", options.crop_n_layers);
                    return Err(SamError::prompt("crop_n_layers", reason));
                }
                let corners = [x, y, (x + crop_width).min(width), (y + crop_height).min(height)];
                crops.push(Crop { corners, layer });
            }
        }
    }
    Ok(crops)
}

/// The points of each layer as fractions of a crop, row by row (`build_all_layer_point_grids`).
///
/// # Errors
/// [`SamError::BadPrompt`] where thinning leaves a layer without points.
pub(crate) fn grids(options: &EverythingOptions) -> Result<Vec<Vec<[f64; 2]>>, SamError> {
    let per_side = match &options.points {
        PointGrids::Explicit(grids) => return Ok(grids.clone()),
        PointGrids::PerSide(per_side) => *per_side,
    };
    let factor = options.crop_n_points_downscale_factor as f64;
    (0..=options.crop_n_layers)
        .map(|layer| match (per_side as f64 / factor.powi(layer as i32)) as usize {
            0 => {
                let reason = format!("is {factor}: no points are left in layer {layer} of the crops");
                Err(SamError::prompt("crop_n_points_downscale_factor", reason))
            }
            n => Ok(grid(n)),
        })
        .collect()
}

/// n×n points, each in the middle of its cell, as numpy's `linspace` computes them.
fn grid(n: usize) -> Vec<[f64; 2]> {
    let offset = 1.0 / (2 * n) as f64;
    let (first, last) = (offset, 1.0 - offset);
    let step = (last - first) / (n - 1) as f64;
    let position = |i: usize| match i {
        0 => first,
        i if i + 1 == n => last,
        i => i as f64 * step + first,
    };
    (0..n * n).map(|i| [position(i % n), position(i / n)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(layers: usize) -> EverythingOptions {
        EverythingOptions { crop_n_layers: layers, ..EverythingOptions::default() }
    }

    #[test]
    fn crops_are_the_reference_s() {
        // generate_crop_boxes((1200, 1800), 1, 512 / 1500)
        let corners: Vec<_> = crops([1800, 1200], &options(1)).unwrap().iter().map(|crop| crop.corners).collect();
        let first_layer = [[0, 0, 1105, 805], [0, 396, 1105, 1200], [696, 0, 1800, 805], [696, 396, 1800, 1200]];
        assert_eq!(corners[0], [0, 0, 1800, 1200]);
        assert_eq!(corners[1..], first_layer);
        assert_eq!(crops([1800, 1200], &options(3)).unwrap().len(), 1 + 4 + 16 + 64);
    }

    #[test]
    fn an_image_of_few_pixels_has_few_crops() {
        let error = crops([5, 5], &EverythingOptions { crop_overlap_ratio: 0.0, ..options(4) }).unwrap_err();
        assert_eq!(error.to_string(), "bad prompt: crop_n_layers is 4; 5×5 pixels are too few for it");
    }

    #[test]
    fn points_lie_in_the_middle_of_their_cells() {
        assert_eq!(grid(1), [[0.5, 0.5]]);
        assert_eq!(grid(2), [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]);
    }

    #[test]
    fn layers_are_thinned_until_nothing_is_left() {
        let thinned = |layers| {
            let points = PointGrids::PerSide(5);
            let options = EverythingOptions { points, crop_n_points_downscale_factor: 2, ..options(layers) };
            grids(&options).map(|grids| grids.iter().map(Vec::len).collect::<Vec<_>>())
        };
        assert_eq!(thinned(2).unwrap(), [25, 4, 1]);
        assert_eq!(thinned(3).unwrap_err().code(), "bad-prompt");
    }
}
