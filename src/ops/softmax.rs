//! Softmax of scores.

use burn::tensor::{Tensor, activation};

#[cfg(feature = "webgpu")]
use super::gpu;

/// softmax(x) over the last axis.
///
/// # Shapes
/// - x, output: `[..., n]`
pub fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "webgpu")]
    if let Some(out) = gpu::softmax(&x) {
        #[cfg(test)]
        super::testing::kernel_used();
        return out;
    }
    define(x)
}

fn define<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::softmax(x, D - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, gpu, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in gpu() {
            // Shorter than a vector, longer than a workgroup; scores far apart must not overflow.
            for [rows, width] in [[1, 1], [3, 7], [5, 8], [2, 130], [7, 1000], [40, 4]] {
                let x = random([2, rows, width], &device);
                for spread in [1.0, 300.0] {
                    let x = x.clone() * spread;
                    assert_close(by_kernel(|| softmax(x.clone())), define(x), 1e-5);
                }
            }
        }
    }
}
