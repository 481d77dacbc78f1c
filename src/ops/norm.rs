//! Layer norm.

use burn::tensor::{Tensor, module};

use super::backend;

/// (x − mean) / √(variance + epsilon) · gamma + beta over the last axis.
///
/// # Shapes
/// - x, output: `[..., dim]`
/// - gamma, beta: `[dim]`
pub fn layer_norm<const D: usize>(x: Tensor<D>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> Tensor<D> {
    backend!(layer_norm(&x, &gamma, &beta, epsilon));
    define(x, gamma, beta, epsilon)
}

fn define<const D: usize>(x: Tensor<D>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> Tensor<D> {
    module::layer_norm(x, gamma, Some(beta), epsilon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in devices() {
            for [rows, dim] in [[1, 1], [3, 5], [7, 64], [65, 130]] {
                // A mean far from zero shows a variance that cancels.
                let x = random([2, rows, dim], &device) + 10.0;
                let (gamma, beta) = (random([dim], &device), random([dim], &device));
                let found = by_kernel(|| layer_norm(x.clone(), gamma.clone(), beta.clone(), 1e-5));
                assert_close(found, define(x, gamma, beta, 1e-5), 1e-5);
            }
        }
    }
}
