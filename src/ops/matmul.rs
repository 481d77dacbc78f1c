//! Matrix products of two results.

use burn::tensor::Tensor;

use super::backend;

/// left · right of every pair in two batches.
///
/// # Shapes
/// - left: `[batch, rows, depth]`
/// - right: `[batch, depth, columns]`; it may be a transposed view
/// - output: `[batch, rows, columns]`
pub fn matmul(left: Tensor<3>, right: Tensor<3>) -> Tensor<3> {
    backend!(matmul(&left, &right));
    left.matmul(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in devices() {
            let shapes =
                [[1, 1, 1, 1], [2, 3, 5, 7], [3, 56, 33, 130], [1, 9, 400, 17], [2, 9, 12, 8], [3, 41, 64, 36]];
            for [batch, rows, depth, columns] in shapes {
                let left = random([batch, rows, depth], &device);
                let right = random([batch, depth, columns], &device);
                assert_close(by_kernel(|| matmul(left.clone(), right.clone())), left.clone().matmul(right), 1e-6);
                let right = random([batch, columns, depth], &device).swap_dims(1, 2);
                assert_close(by_kernel(|| matmul(left.clone(), right.clone())), left.matmul(right), 1e-6);
            }
        }
    }
}
