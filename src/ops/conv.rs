//! 3×3 convolutions on channels-last images.

use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::activation::define_activate;
use super::{Activation, backend};

/// A dense 3×3 convolution with a padding of one.
///
/// # Shapes
/// - x: `[batch, height, width, input]`
/// - weight: `[output, input, 3, 3]`, bias: `[output]`
/// - output: `[batch, ⌈height / stride⌉, ⌈width / stride⌉, output]`
pub fn conv3x3(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    activation: Activation,
) -> Tensor<4> {
    backend!(conv3x3(&x, &weight, bias.as_ref(), stride, activation));
    define(x, weight, bias, stride, 1, activation)
}

/// A 3×3 convolution of every channel by itself, with a padding of one.
///
/// # Shapes
/// - x: `[batch, height, width, channels]`
/// - weight: `[channels, 1, 3, 3]`, bias: `[channels]`
/// - output: `[batch, ⌈height / stride⌉, ⌈width / stride⌉, channels]`
pub fn depthwise_conv3x3(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    activation: Activation,
) -> Tensor<4> {
    backend!(depthwise_conv3x3(&x, &weight, bias.as_ref(), stride, activation));
    let [channels, ..] = weight.dims();
    define(x, weight, bias, stride, channels, activation)
}

fn define(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    groups: usize,
    activation: Activation,
) -> Tensor<4> {
    let x = x.permute([0, 3, 1, 2]);
    let x = conv2d(x, weight, bias, ConvOptions::new([stride, stride], [1, 1], [1, 1], groups));
    define_activate(x.permute([0, 2, 3, 1]), activation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, gpu, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in devices() {
            for ([height, width], stride) in [([1, 1], 1), ([5, 7], 1), ([6, 9], 2), ([9, 2], 2)] {
                for (input, output) in [(1, 1), (3, 8), (10, 5), (8, 4), (12, 20)] {
                    let x = random([2, height, width, input], &device);
                    let (weight, bias) = (random([output, input, 3, 3], &device), random([output], &device));
                    for (bias, activation) in [(Some(bias), Activation::Gelu), (None, Activation::None)] {
                        let found = by_kernel(|| conv3x3(x.clone(), weight.clone(), bias.clone(), stride, activation));
                        assert_close(found, define(x.clone(), weight.clone(), bias, stride, 1, activation), 2e-6);
                    }
                }
                for channels in [1, 4, 9] {
                    let x = random([2, height, width, channels], &device);
                    let (weight, bias) = (random([channels, 1, 3, 3], &device), random([channels], &device));
                    for (bias, activation) in [(Some(bias), Activation::Gelu), (None, Activation::None)] {
                        let found = by_kernel(|| {
                            depthwise_conv3x3(x.clone(), weight.clone(), bias.clone(), stride, activation)
                        });
                        let expected = define(x.clone(), weight.clone(), bias, stride, channels, activation);
                        assert_close(found, expected, 2e-6);
                    }
                }
            }
        }
    }

    /// On a GPU large convolutions go through shared memory.
    #[test]
    fn large_convolutions_match_the_definition() {
        for device in gpu() {
            let sizes = [([33, 35], 1), ([67, 64], 2)];
            let channels = [(4, 64), (8, 68), (20, 132)];
            let cases = sizes.iter().flat_map(|size| channels.map(|channels| (*size, channels, 2)));
            // In the larger tiles.
            for (([height, width], stride), (input, output), batch) in cases.chain([(([259, 261], 1), (4, 124), 1)]) {
                let x = random([batch, height, width, input], &device);
                let (weight, bias) = (random([output, input, 3, 3], &device), random([output], &device));
                for (bias, activation) in [(Some(bias), Activation::Gelu), (None, Activation::None)] {
                    let found = by_kernel(|| conv3x3(x.clone(), weight.clone(), bias.clone(), stride, activation));
                    assert_close(found, define(x.clone(), weight.clone(), bias, stride, 1, activation), 2e-6);
                }
            }
        }
    }
}
