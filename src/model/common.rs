//! Building blocks that several modules share.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/common.py>

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};

use crate::ops::{self, Activation};

/// Epsilon of the ViT's layer norms and of every `LayerNorm2d`.
pub(crate) const EPS_VIT: f64 = 1e-6;
/// Epsilon of PyTorch's own layer and batch norms.
pub(crate) const EPS_TORCH: f64 = 1e-5;

/// A parameter of a given shape whose values come from a checkpoint; zeros until then.
pub(crate) fn parameter<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::uninitialized(
        ParamId::new(),
        move |device, _| Tensor::zeros(shape, device),
        device.clone(),
        false,
        shape.into(),
    )
}

/// A linear layer; a 1×1 convolution where the image is channels-last.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[input, output]`
    pub(crate) weight: Param<Tensor<2>>,
    /// `[output]`
    pub(crate) bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    pub(crate) fn new(input: usize, output: usize, device: &Device) -> Self {
        Self { weight: parameter([input, output], device), bias: Some(parameter([output], device)) }
    }

    pub(crate) fn without_bias(input: usize, output: usize, device: &Device) -> Self {
        Self { weight: parameter([input, output], device), bias: None }
    }

    /// # Shapes
    /// - input: `[..., input]`
    /// - output: `[..., output]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.forward_then(x, Activation::None)
    }

    /// As [`forward`](Self::forward), then an activation.
    pub(crate) fn forward_then<const D: usize>(&self, x: Tensor<D>, activation: Activation) -> Tensor<D> {
        ops::linear(x, self.weight.val(), self.bias.as_ref().map(Param::val), activation)
    }
}

/// Layer norm over the last axis; the reference's `LayerNorm2d` where the image is channels-last.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[dim]`
    pub(crate) gamma: Param<Tensor<1>>,
    /// `[dim]`
    pub(crate) beta: Param<Tensor<1>>,
    #[module(skip)]
    pub(crate) epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(dim: usize, epsilon: f64, device: &Device) -> Self {
        Self { gamma: parameter([dim], device), beta: parameter([dim], device), epsilon }
    }

    /// # Shapes
    /// - input, output: `[..., dim]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.forward_then(x, Activation::None)
    }

    /// As [`forward`](Self::forward), then an activation.
    pub(crate) fn forward_then<const D: usize>(&self, x: Tensor<D>, activation: Activation) -> Tensor<D> {
        ops::layer_norm(x, None, self.gamma.val(), self.beta.val(), self.epsilon, activation)
    }

    /// Of the sum of two tensors.
    pub(crate) fn forward_sum<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        ops::layer_norm(x, Some(residual), self.gamma.val(), self.beta.val(), self.epsilon, Activation::None)
    }
}

/// Two linear layers with an activation between them.
#[derive(Module, Debug)]
pub struct MlpBlock {
    pub(crate) lin1: Linear,
    pub(crate) lin2: Linear,
    /// The decoder's transformer uses ReLU, the encoder GELU.
    #[module(skip)]
    pub(crate) activation: Activation,
}

impl MlpBlock {
    /// A block of width `dim` and hidden width `mlp_dim`.
    pub fn new(dim: usize, mlp_dim: usize, activation: Activation, device: &Device) -> Self {
        Self { lin1: Linear::new(dim, mlp_dim, device), lin2: Linear::new(mlp_dim, dim, device), activation }
    }

    /// # Shapes
    /// - input, output: `[..., dim]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.lin2.forward(self.lin1.forward_then(x, self.activation))
    }
}

/// Linear layers with ReLU between them (`MLP` in the reference's mask decoder).
#[derive(Module, Debug)]
pub struct Mlp {
    pub(crate) layers: Vec<Linear>,
}

impl Mlp {
    /// `depth` layers: `input` → `hidden` … → `output`.
    pub fn new(input: usize, hidden: usize, output: usize, depth: usize, device: &Device) -> Self {
        let width = |i: usize| match i {
            0 => input,
            i if i == depth => output,
            _ => hidden,
        };
        Self { layers: (0..depth).map(|i| Linear::new(width(i), width(i + 1), device)).collect() }
    }

    /// # Shapes
    /// - input: `[..., input]`
    /// - output: `[..., output]`
    pub fn forward<const D: usize>(&self, mut x: Tensor<D>) -> Tensor<D> {
        for (i, layer) in self.layers.iter().enumerate() {
            let last = i + 1 == self.layers.len();
            x = layer.forward_then(x, if last { Activation::None } else { Activation::Relu });
        }
        x
    }
}

/// A convolution whose stride equals its kernel: patches that do not overlap, then one matrix product.
#[derive(Module, Debug)]
pub struct PatchConv {
    /// `[kernel · kernel · input, output]`
    pub(crate) weight: Param<Tensor<2>>,
    /// `[output]`
    pub(crate) bias: Param<Tensor<1>>,
    #[module(skip)]
    pub(crate) kernel: usize,
}

impl PatchConv {
    /// A `kernel`×`kernel` convolution of stride `kernel`.
    pub fn new(input: usize, output: usize, kernel: usize, device: &Device) -> Self {
        Self { weight: parameter([kernel * kernel * input, output], device), bias: parameter([output], device), kernel }
    }

    /// # Shapes
    /// - input: `[batch, height, width, input]`
    /// - output: `[batch, height / kernel, width / kernel, output]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, height, width, channels] = x.dims();
        let k = self.kernel;
        let (h, w) = (height / k, width / k);
        let patches = x.reshape([batch, h, k, w, k, channels]).swap_dims(2, 3).reshape([batch, h, w, k * k * channels]);
        ops::linear(patches, self.weight.val(), Some(self.bias.val()), Activation::None)
    }
}

/// A transposed convolution whose stride equals its kernel: one matrix product, whose pixels have yet to take their places.
#[derive(Module, Debug)]
pub struct PatchConvTranspose {
    /// `[input, kernel · kernel · output]`
    pub(crate) weight: Param<Tensor<2>>,
    /// `[output]`
    pub(crate) bias: Param<Tensor<1>>,
    #[module(skip)]
    pub(crate) kernel: usize,
}

impl PatchConvTranspose {
    /// A `kernel`×`kernel` transposed convolution of stride `kernel`.
    pub fn new(input: usize, output: usize, kernel: usize, device: &Device) -> Self {
        Self { weight: parameter([input, kernel * kernel * output], device), bias: parameter([output], device), kernel }
    }

    /// # Shapes
    /// - input: `[batch, pixels, input]`
    /// - output: `[batch, pixels · kernel · kernel, output]`, the patch of a pixel in the place of the pixel
    pub fn forward(&self, x: Tensor<3>, activation: Activation) -> Tensor<3> {
        let ([batch, pixels, _], [output]) = (x.dims(), self.bias.dims());
        let patch = self.kernel * self.kernel;
        let bias = self.bias.val().expand([patch, output]).reshape([patch * output]);
        let x = ops::linear(x, self.weight.val(), Some(bias), activation);
        x.reshape([batch, pixels * patch, output])
    }
}
