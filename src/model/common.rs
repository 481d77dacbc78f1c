//! Building blocks that several modules share.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/common.py>

use burn::module::{Module, Param, ParamId};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, relu};
use burn::tensor::{Device, Tensor};

/// Epsilon of the ViT's layer norms and of every `LayerNorm2d`.
pub(crate) const EPS_VIT: f64 = 1e-6;
/// Epsilon of PyTorch's own layer and batch norms.
pub(crate) const EPS_TORCH: f64 = 1e-5;

pub(crate) fn linear(input: usize, output: usize, device: &Device) -> Linear {
    LinearConfig::new(input, output).init(device)
}

pub(crate) fn linear_without_bias(input: usize, output: usize, device: &Device) -> Linear {
    LinearConfig::new(input, output).with_bias(false).init(device)
}

pub(crate) fn layer_norm(dim: usize, epsilon: f64, device: &Device) -> LayerNorm {
    LayerNormConfig::new(dim).with_epsilon(epsilon).init(device)
}

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

/// Two linear layers with an exact GELU between them.
#[derive(Module, Debug)]
pub struct MlpBlock {
    pub(crate) lin1: Linear,
    pub(crate) lin2: Linear,
    /// The decoder's transformer uses ReLU, the encoder GELU.
    #[module(skip)]
    pub(crate) activation: Activation,
}

/// The activation inside an [`MlpBlock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Exact (erf) GELU.
    Gelu,
    /// Rectifier.
    Relu,
}

impl MlpBlock {
    /// A block of width `dim` and hidden width `mlp_dim`.
    pub fn new(dim: usize, mlp_dim: usize, activation: Activation, device: &Device) -> Self {
        Self { lin1: linear(dim, mlp_dim, device), lin2: linear(mlp_dim, dim, device), activation }
    }

    /// # Shapes
    /// - input, output: `[..., dim]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = self.lin1.forward(x);
        let x = match self.activation {
            Activation::Gelu => gelu(x),
            Activation::Relu => relu(x),
        };
        self.lin2.forward(x)
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
        Self { layers: (0..depth).map(|i| linear(width(i), width(i + 1), device)).collect() }
    }

    /// # Shapes
    /// - input: `[..., input]`
    /// - output: `[..., output]`
    pub fn forward<const D: usize>(&self, mut x: Tensor<D>) -> Tensor<D> {
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = relu(x);
            }
            x = layer.forward(x);
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
        let patches =
            x.reshape([batch, h, k, w, k, channels]).swap_dims(2, 3).reshape([batch * h * w, k * k * channels]);
        let out = patches.matmul(self.weight.val()) + self.bias.val().unsqueeze();
        out.reshape([batch as i32, h as i32, w as i32, -1])
    }
}

/// A transposed convolution whose stride equals its kernel: one matrix product, then the pixels take their places.
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
    /// - input: `[batch, height, width, input]`
    /// - output: `[batch, height · kernel, width · kernel, output]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, h, w, channels] = x.dims();
        let k = self.kernel;
        let [output] = self.bias.dims();
        let x = x.reshape([batch * h * w, channels]).matmul(self.weight.val());
        let x = x.reshape([batch, h, w, k, k, output]).swap_dims(2, 3);
        x.reshape([batch, h * k, w * k, output]) + self.bias.val().unsqueeze()
    }
}
