//! Softmax of scores.

use burn::tensor::{Tensor, activation};

use super::backend;

/// softmax(x · scale) over the last axis; the scale is not negative.
///
/// # Shapes
/// - x, output: `[..., n]`
pub fn softmax<const D: usize>(x: Tensor<D>, scale: f64) -> Tensor<D> {
    backend!(softmax(&x, scale));
    define(x, scale)
}

fn define<const D: usize>(x: Tensor<D>, scale: f64) -> Tensor<D> {
    activation::softmax(x.mul_scalar(scale), D - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in devices() {
            // Shorter than a vector, longer than a workgroup; scores far apart must not overflow.
            for [rows, width] in [[1, 1], [3, 7], [5, 8], [2, 130], [7, 1000], [40, 4]] {
                let x = random([2, rows, width], &device);
                for scale in [1.0, 300.0] {
                    assert_close(by_kernel(|| softmax(x.clone(), scale)), define(x.clone(), scale), 1e-5);
                }
            }
        }
    }
}
