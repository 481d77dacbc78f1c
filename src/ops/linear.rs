//! Linear layers: a matrix product, a bias, an activation.

use burn::tensor::{DType, Tensor, module};

use super::activation::define_activate;
use super::{Activation, backend};

/// activation(x · weight + bias), in f32. The weight may be f16: it is widened while it is read.
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
    let weight = if weight.dtype() == DType::F32 { weight } else { weight.cast(DType::F32) };
    define_activate(module::linear(x, weight, bias), activation)
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use half::f16;

    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, gpu, random};

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

    /// On a GPU large products go through shared memory, in tiles of their own. The largest are cut into dispatches.
    #[test]
    fn large_products_match_the_definition() {
        for device in gpu() {
            for [rows, input, output] in [
                [64, 12, 2044],
                [65, 20, 1088],
                [127, 68, 1084],
                [2047, 4, 64],
                [257, 72, 516],
                [4099, 12, 2052],
                [4099, 12, 2044],
            ] {
                let (x, weight) = (random([1, rows, input], &device), random([input, output], &device));
                let bias = Some(random([output], &device));
                for (bias, activation) in [(bias, Activation::Gelu), (None, Activation::None)] {
                    let found = by_kernel(|| linear(x.clone(), weight.clone(), bias.clone(), activation));
                    assert_close(found, define(x.clone(), weight.clone(), bias, activation), 2e-6);
                }
            }
        }
    }

    /// A weight of 16 bits gives exactly what the same values in 32 bits do.
    #[test]
    fn widens_weights() {
        for device in devices() {
            let shapes = [[1, 1, 1], [3, 5, 7], [4, 8, 8], [37, 64, 33], [33, 400, 20], [7, 800, 12], [65, 36, 700]];
            for [rows, input, output] in shapes {
                let values: Vec<f16> = (0..input * output).map(sample).collect();
                let wide: Vec<f32> = values.iter().map(|value| value.to_f32()).collect();
                let data = TensorData::new(values, [input, output]);
                let half = Tensor::<2>::from_data(data, (&device, DType::F16));
                assert_eq!(half.dtype(), DType::F16);
                let wide = Tensor::<2>::from_data(TensorData::new(wide, [input, output]), &device);
                let (x, bias) = (random([2, rows, input], &device), Some(random([output], &device)));
                for activation in [Activation::None, Activation::Gelu] {
                    let found = by_kernel(|| linear(x.clone(), half.clone(), bias.clone(), activation));
                    let expected = linear(x.clone(), wide.clone(), bias.clone(), activation);
                    assert_close(found, expected, 0.0);
                }
            }
        }
    }

    /// The same in tiles of shared memory, of either size.
    #[test]
    fn large_products_widen_weights() {
        for device in gpu() {
            for [rows, input, output] in [[257, 72, 516], [4099, 12, 2044]] {
                let values: Vec<f16> = (0..input * output).map(sample).collect();
                let wide: Vec<f32> = values.iter().map(|value| value.to_f32()).collect();
                let half = Tensor::<2>::from_data(TensorData::new(values, [input, output]), (&device, DType::F16));
                let wide = Tensor::<2>::from_data(TensorData::new(wide, [input, output]), &device);
                let x = random([1, rows, input], &device);
                let found = by_kernel(|| linear(x.clone(), half.clone(), None, Activation::None));
                assert_close(found, linear(x, wide, None, Activation::None), 0.0);
            }
        }
    }

    /// Of every size that f16 has, of both signs; 0 and numbers below the normal ones too.
    fn sample(i: usize) -> f16 {
        let bits = (i as u32).wrapping_mul(2_654_435_761) >> 8;
        f16::from_bits((bits & 0xffff) as u16 & if bits & 0x30000 == 0 { 0x83ff } else { 0xbbff })
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
