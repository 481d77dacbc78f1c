//! 3×3 convolutions on channels-last images.

use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

/// A dense 3×3 convolution with a padding of one.
///
/// # Shapes
/// - x: `[batch, height, width, input]`
/// - weight: `[output, input, 3, 3]`, bias: `[output]`
/// - output: `[batch, ⌈height / stride⌉, ⌈width / stride⌉, output]`
pub fn conv3x3(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, stride: usize) -> Tensor<4> {
    conv(x, weight, bias, stride, 1)
}

/// A 3×3 convolution of every channel by itself, with a padding of one.
///
/// # Shapes
/// - x: `[batch, height, width, channels]`
/// - weight: `[channels, 1, 3, 3]`, bias: `[channels]`
/// - output: `[batch, ⌈height / stride⌉, ⌈width / stride⌉, channels]`
pub fn depthwise_conv3x3(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, stride: usize) -> Tensor<4> {
    let [channels, ..] = weight.dims();
    conv(x, weight, bias, stride, channels)
}

fn conv(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, stride: usize, groups: usize) -> Tensor<4> {
    let x = x.permute([0, 3, 1, 2]);
    let x = conv2d(x, weight, bias, ConvOptions::new([stride, stride], [1, 1], [1, 1], groups));
    x.permute([0, 2, 3, 1])
}
