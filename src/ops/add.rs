//! Sums.

use burn::tensor::Tensor;

use super::activation::define_activate;
use super::{Activation, backend};

/// activation(left + right), the smaller of the two repeated along the first axes of the larger.
///
/// burn's own sum is one for quantised tensors, too, with all that those take. Tensors that repeat along another axis have no
/// kernel; nor has, in a browser, a tensor and itself: WebGPU binds no buffer twice.
///
/// # Shapes
/// - left, right: `[...]`, one of them 1 along any number of its first axes
/// - output: that of the larger
pub fn add<const D: usize>(left: Tensor<D>, right: Tensor<D>, activation: Activation) -> Tensor<D> {
    backend!(add(&left, &right, activation));
    define_activate(left + right, activation)
}

/// The larger of two tensors, then the one that is repeated in it; `None` where their shapes do not fit, or an axis would be
/// repeated after one that is not.
pub(super) fn larger_first<'a, const D: usize>(
    left: &'a Tensor<D>,
    right: &'a Tensor<D>,
) -> Option<[&'a Tensor<D>; 2]> {
    let repeats = |shape: [usize; D], of: [usize; D]| {
        let first = shape.iter().position(|size| *size != 1).unwrap_or(D);
        shape[first..] == of[first..]
    };
    if repeats(right.dims(), left.dims()) {
        Some([left, right])
    } else {
        repeats(left.dims(), right.dims()).then_some([right, left])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in devices() {
            for [left, right] in [
                [[1, 1, 1], [1, 1, 1]],
                [[3, 7, 11], [3, 7, 11]],
                [[3, 7, 12], [1, 7, 12]],
                [[5, 7, 3], [1, 1, 3]],
                [[1, 1, 12], [2, 70, 12]],
                // Several parts for threads, which begin anywhere in what is repeated; several dispatches.
                [[1, 131, 777], [4, 131, 777]],
                [[40, 700, 64], [1, 1, 64]],
            ] {
                for activation in [Activation::None, Activation::Gelu, Activation::Relu] {
                    // From where GELU is 0 to where it is x; rows that do not lie side by side.
                    let left = random(left, &device) * 12.0;
                    let right = random([right[1], right[0], right[2]], &device).swap_dims(0, 1);
                    let found = by_kernel(|| add(left.clone(), right.clone(), activation));
                    assert_close(found, define_activate(left + right, activation), 1e-6);
                }
            }
        }
    }

    #[test]
    fn what_a_kernel_cannot_repeat_is_left_to_burn() {
        for device in devices() {
            let (left, right) = (random([2, 3, 4], &device), random([2, 1, 4], &device));
            assert!(larger_first(&left, &right).is_none());
            let sum = add(left.clone(), right.clone(), Activation::None);
            assert_close(sum, left + right.expand([2, 3, 4]), 0.0);
        }
    }
}
