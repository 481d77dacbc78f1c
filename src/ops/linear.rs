//! Linear layers: a matrix product, a bias, an activation.

use burn::tensor::{Tensor, module};

use super::activation::define_activate;
use super::{Activation, backend};

/// activation(x · weight + bias).
///
/// # Shapes
/// - x: `[..., input]`
/// - weight: `[input, output]`, bias: `[output]`
/// - output: `[..., output]`
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    activation: Activation,
) -> Tensor<D> {
    backend!(linear(&x, &weight, bias.as_ref(), activation));
    define(x, weight, bias, activation)
}

fn define<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    activation: Activation,
) -> Tensor<D> {
    define_activate(module::linear(x, weight, bias), activation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in devices() {
            // Rows, depth and columns beside and across the sizes of tiles and blocks.
            for [rows, input, output] in [[1, 1, 1], [3, 5, 7], [4, 8, 8], [37, 64, 33], [130, 400, 20], [7, 800, 12]] {
                for activation in [Activation::None, Activation::Gelu, Activation::Relu] {
                    let x = random([2, rows, input], &device);
                    let weight = random([input, output], &device);
                    let bias = Some(random([output], &device));
                    for bias in [bias, None] {
                        let found = by_kernel(|| linear(x.clone(), weight.clone(), bias.clone(), activation));
                        let expected = define(x.clone(), weight.clone(), bias, activation);
                        assert_close(found, expected, 2e-6);
                    }
                }
            }
        }
    }

    /// The input of a layer may be a view: a slice, or with its axes swapped.
    #[test]
    fn takes_views() {
        for device in devices() {
            let x = random([3, 6, 10], &device).slice([0..3, 1..5, 2..9]).swap_dims(0, 1);
            let (weight, bias) = (random([7, 5], &device), Some(random([5], &device)));
            let found = by_kernel(|| linear(x.clone(), weight.clone(), bias.clone(), Activation::None));
            assert_close(found, define(x, weight, bias, Activation::None), 2e-6);
        }
    }
}
