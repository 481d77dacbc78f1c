//! Non-maximum suppression of boxes, as `torchvision.ops.nms` computes it.

use std::cmp::Ordering;

/// The boxes that stay, best score first; equal scores keep their order. Boxes are `[x0, y0, x1, y1]`.
///
/// A box goes where its IoU with a better one that stays is greater than the threshold. An IoU of 0/0 is not.
pub(super) fn nms(boxes: &[[usize; 4]], scores: &[f32], threshold: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|a, b| descending(scores[*a], scores[*b]));
    let boxes: Vec<[f32; 4]> = boxes.iter().map(|corners| corners.map(|v| v as f32)).collect();
    let mut kept: Vec<usize> = Vec::new();
    for index in order {
        // Sorted by score: only those that stay can suppress, and all of them are known by now.
        if kept.iter().all(|better| !overlap(&boxes[*better], &boxes[index], threshold)) {
            kept.push(index);
        }
    }
    kept
}

/// NaN first, as PyTorch sorts.
fn descending(a: f32, b: f32) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// The IoU is a single-precision number, the threshold a double.
fn overlap(a: &[f32; 4], b: &[f32; 4], threshold: f64) -> bool {
    let area = |c: &[f32; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let intersection = width * height;
    let iou = intersection / (area(a) + area(b) - intersection);
    f64::from(iou) > threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_overlapping_boxes_stays() {
        let boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]];
        assert_eq!(nms(&boxes, &[0.5, 0.9, 0.7], 0.7), [1, 2]);
        assert_eq!(nms(&boxes, &[0.5, 0.9, 0.7], 0.9), [1, 2, 0]);
    }

    #[test]
    fn equal_scores_keep_their_order() {
        let boxes = [[0, 0, 9, 9], [30, 0, 39, 9], [0, 1, 9, 10], [60, 0, 69, 9]];
        assert_eq!(nms(&boxes, &[1.0; 4], 0.5), [0, 1, 3]);
    }

    #[test]
    fn an_iou_at_the_threshold_stays() {
        // 1/2 is exact. 1/5 in single precision is greater than in double: torchvision suppresses it.
        assert_eq!(nms(&[[0, 0, 2, 1], [0, 0, 1, 1]], &[1.0, 0.5], 0.5), [0, 1]);
        assert_eq!(nms(&[[0, 0, 5, 1], [0, 0, 1, 1]], &[1.0, 0.5], 0.2), [0]);
    }

    #[test]
    fn boxes_without_area_do_not_suppress_each_other() {
        assert_eq!(nms(&[[0; 4], [0; 4]], &[1.0, 1.0], 0.0), [0, 1]);
    }

    #[test]
    fn a_box_that_went_suppresses_nothing() {
        let boxes = [[0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]];
        assert_eq!(nms(&boxes, &[0.9, 0.8, 0.7], 0.5), [0, 2]);
    }

    #[test]
    fn no_boxes() {
        assert_eq!(nms(&[], &[], 0.5), [0; 0]);
    }
}
