//! TinyViT, the image encoder of MobileSAM (and, smaller, of the built-in model).
//!
//! Follows <https://github.com/ChaoningZhang/MobileSAM/blob/master/mobile_sam/modeling/tiny_vit_sam.py>.
//! Every convolution there is followed by a batch norm; here the loader has folded it into weight and bias.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::common::{EPS_TORCH, LayerNorm, Linear, parameter};
use super::config::TinyVitConfig;
use super::image_encoder::Neck;
use crate::ops::{self, Activation, Packing};

/// Convolutional stem, one convolutional stage, attention stages, neck.
#[derive(Module, Debug)]
pub struct TinyVit {
    pub(crate) patch_embed: PatchEmbed,
    pub(crate) conv_layer: ConvLayer,
    pub(crate) layers: Vec<BasicLayer>,
    pub(crate) neck: Neck,
}

impl TinyVitConfig {
    /// An encoder whose neck is `out_dim` wide.
    pub fn init(&self, out_dim: usize, device: &Device) -> TinyVit {
        let merge = |stage: usize| {
            let stride = *self.strides.get(stage)?;
            Some(PatchMerging::new(self.dims[stage], self.dims[stage + 1], stride, device))
        };
        let layers = (1..self.dims.len())
            .map(|stage| BasicLayer {
                blocks: (0..self.depths[stage]).map(|_| TinyVitBlock::new(self, stage, device)).collect(),
                downsample: merge(stage),
            })
            .collect();
        let last = self.dims.last().copied().unwrap_or_default();
        TinyVit {
            patch_embed: PatchEmbed::new(self.dims[0], device),
            conv_layer: ConvLayer {
                blocks: (0..self.depths[0]).map(|_| MbConv::new(self.dims[0], self.mbconv_expansion, device)).collect(),
                downsample: merge(0),
            },
            layers,
            neck: Neck::new(last, out_dim, device),
        }
    }
}

impl TinyVit {
    /// Stem, convolutional stage, every attention block (a stage's merge goes with its last), neck.
    pub fn steps(&self) -> usize {
        3 + self.layers.iter().map(|layer| layer.blocks.len()).sum::<usize>()
    }

    /// One step of the encoder, so that a caller can pause between them.
    ///
    /// # Shapes
    /// - first step: `[batch, S, S, 3]` → `[batch, S/4, S/4, dims[0]]`
    /// - last step: → `[batch, S/16, S/16, out_dim]`
    pub fn forward_step(&self, step: usize, x: Tensor<4>) -> Tensor<4> {
        match step {
            0 => self.patch_embed.forward(x),
            1 => self.conv_layer.forward(x),
            _ => {
                let mut block = step - 2;
                for layer in &self.layers {
                    if block < layer.blocks.len() {
                        return layer.forward_block(block, x);
                    }
                    block -= layer.blocks.len();
                }
                self.neck.forward(x)
            }
        }
    }
}

/// A 1×1 convolution with its batch norm folded in.
#[derive(Module, Debug)]
pub struct PointwiseNorm {
    pub(crate) weight: Param<Tensor<2>>,
    pub(crate) bias: Param<Tensor<1>>,
}

impl PointwiseNorm {
    pub(crate) fn new(input: usize, output: usize, device: &Device) -> Self {
        Self { weight: parameter([input, output], device), bias: parameter([output], device) }
    }

    /// # Shapes
    /// `[B, H, W, input]` → `[B, H, W, output]`
    pub(crate) fn forward(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        ops::linear(x, self.weight.val(), Some(self.bias.val()), activation)
    }
}

/// A 3×3 convolution, dense or of each channel by itself, with its batch norm folded in.
#[derive(Module, Debug)]
pub struct ConvNorm {
    pub(crate) weight: Param<Tensor<4>>,
    pub(crate) bias: Param<Tensor<1>>,
    #[module(skip)]
    pub(crate) stride: usize,
}

impl ConvNorm {
    pub(crate) fn dense(input: usize, output: usize, stride: usize, device: &Device) -> Self {
        Self { weight: parameter([output, input, 3, 3], device), bias: parameter([output], device), stride }
    }

    pub(crate) fn depthwise(channels: usize, stride: usize, device: &Device) -> Self {
        Self { weight: parameter([channels, 1, 3, 3], device), bias: parameter([channels], device), stride }
    }

    /// # Shapes
    /// `[B, H, W, input]` → `[B, ⌈H/stride⌉, ⌈W/stride⌉, output]`
    pub(crate) fn forward(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), Some(self.bias.val()));
        let [.., channels] = x.dims();
        match weight.dims() {
            [_, input, ..] if input == channels => ops::conv3x3(x, weight, bias, self.stride, activation),
            _ => ops::depthwise_conv3x3(x, weight, bias, self.stride, activation),
        }
    }
}

/// Two 3×3 convolutions of stride 2.
#[derive(Module, Debug)]
pub struct PatchEmbed {
    pub(crate) conv1: ConvNorm,
    pub(crate) conv2: ConvNorm,
}

impl PatchEmbed {
    pub(crate) fn new(dim: usize, device: &Device) -> Self {
        Self { conv1: ConvNorm::dense(3, dim / 2, 2, device), conv2: ConvNorm::dense(dim / 2, dim, 2, device) }
    }

    /// # Shapes
    /// `[B, H, W, 3]` → `[B, H/4, W/4, dim]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv2.forward(self.conv1.forward(x, Activation::Gelu), Activation::None)
    }
}

/// The convolutional stage.
#[derive(Module, Debug)]
pub struct ConvLayer {
    pub(crate) blocks: Vec<MbConv>,
    pub(crate) downsample: Option<PatchMerging>,
}

impl ConvLayer {
    /// # Shapes
    /// `[B, H, W, dim]` → the same, or what [`PatchMerging`] makes of it
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        match &self.downsample {
            Some(merge) => merge.forward(x),
            None => x,
        }
    }
}

/// Inverted bottleneck; the last GELU follows the residual.
#[derive(Module, Debug)]
pub struct MbConv {
    pub(crate) conv1: PointwiseNorm,
    pub(crate) conv2: ConvNorm,
    pub(crate) conv3: PointwiseNorm,
}

impl MbConv {
    pub(crate) fn new(dim: usize, expansion: usize, device: &Device) -> Self {
        Self {
            conv1: PointwiseNorm::new(dim, dim * expansion, device),
            conv2: ConvNorm::depthwise(dim * expansion, 1, device),
            conv3: PointwiseNorm::new(dim * expansion, dim, device),
        }
    }

    /// # Shapes
    /// `[B, H, W, dim]` → the same
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let shortcut = x.clone();
        let x = self.conv1.forward(x, Activation::Gelu);
        let x = self.conv2.forward(x, Activation::Gelu);
        ops::add(self.conv3.forward(x, Activation::None), shortcut, Activation::Gelu)
    }
}

/// Halves the grid (or, before the last stage, only widens the tokens).
#[derive(Module, Debug)]
pub struct PatchMerging {
    pub(crate) conv1: PointwiseNorm,
    pub(crate) conv2: ConvNorm,
    pub(crate) conv3: PointwiseNorm,
}

impl PatchMerging {
    pub(crate) fn new(dim: usize, out_dim: usize, stride: usize, device: &Device) -> Self {
        Self {
            conv1: PointwiseNorm::new(dim, out_dim, device),
            conv2: ConvNorm::depthwise(out_dim, stride, device),
            conv3: PointwiseNorm::new(out_dim, out_dim, device),
        }
    }

    /// # Shapes
    /// `[B, H, W, dim]` → `[B, ⌈H/stride⌉, ⌈W/stride⌉, out_dim]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.conv1.forward(x, Activation::Gelu);
        let x = self.conv2.forward(x, Activation::Gelu);
        self.conv3.forward(x, Activation::None)
    }
}

/// A stage of attention blocks.
#[derive(Module, Debug)]
pub struct BasicLayer {
    pub(crate) blocks: Vec<TinyVitBlock>,
    pub(crate) downsample: Option<PatchMerging>,
}

impl BasicLayer {
    /// # Shapes
    /// `[B, H, W, dim]` → the same; after the last block what [`PatchMerging`] makes of it
    pub(crate) fn forward_block(&self, index: usize, x: Tensor<4>) -> Tensor<4> {
        let x = self.blocks[index].forward(x);
        match &self.downsample {
            Some(merge) if index + 1 == self.blocks.len() => merge.forward(x),
            _ => x,
        }
    }
}

/// Windowed attention, a depthwise convolution, an MLP.
#[derive(Module, Debug)]
pub struct TinyVitBlock {
    pub(crate) attn: Attention,
    pub(crate) local_conv: ConvNorm,
    pub(crate) mlp: NormMlp,
    #[module(skip)]
    pub(crate) window_size: usize,
}

impl TinyVitBlock {
    pub(crate) fn new(config: &TinyVitConfig, stage: usize, device: &Device) -> Self {
        let (dim, window_size) = (config.dims[stage], config.windows[stage]);
        Self {
            attn: Attention::new(dim, config.heads[stage], window_size, device),
            local_conv: ConvNorm::depthwise(dim, 1, device),
            mlp: NormMlp::new(dim, dim * config.mlp_ratio, device),
            window_size,
        }
    }

    /// # Shapes
    /// - input, output: `[batch, height, width, dim]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, height, width, dim] = x.dims();
        let window = self.window_size;
        let windows = ops::window_partition(x.clone(), window);
        let [count, ..] = windows.dims();
        let attended = self.attn.forward(windows.reshape([count, window * window, dim]));
        let attended = ops::window_unpartition(attended.reshape([count, window, window, dim]), height, width);
        let x = self.local_conv.forward(ops::add(x, attended, Activation::None), Activation::None);
        ops::add(x.clone(), self.mlp.forward(x), Activation::None)
    }
}

/// Multi-head attention within a window; its layer norm comes after the padding.
#[derive(Module, Debug)]
pub struct Attention {
    pub(crate) norm: LayerNorm,
    pub(crate) qkv: Linear,
    pub(crate) proj: Linear,
    /// `[heads, window², window²]`: the loader has spread the table over all pairs of |Δy|, |Δx|.
    pub(crate) attention_biases: Param<Tensor<3>>,
    #[module(skip)]
    pub(crate) heads: usize,
}

impl Attention {
    pub(crate) fn new(dim: usize, heads: usize, window: usize, device: &Device) -> Self {
        let tokens = window * window;
        Self {
            norm: LayerNorm::new(dim, EPS_TORCH, device),
            qkv: Linear::new(dim, 3 * dim, device),
            proj: Linear::new(dim, dim, device),
            attention_biases: parameter([heads, tokens, tokens], device),
            heads,
        }
    }

    /// # Shapes
    /// - input, output: `[windows, window², dim]`
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [.., dim] = x.dims();
        let qkv = self.qkv.forward(self.norm.forward(x));
        let bias = ops::Bias::Table(self.attention_biases.val());
        let scale = ((dim / self.heads) as f64).powf(-0.5);
        self.proj.forward(ops::self_attention(qkv, self.heads, Packing::Heads, scale, &bias))
    }
}

/// Layer norm, then two linear layers with an exact GELU between them.
#[derive(Module, Debug)]
pub struct NormMlp {
    pub(crate) norm: LayerNorm,
    pub(crate) fc1: Linear,
    pub(crate) fc2: Linear,
}

impl NormMlp {
    pub(crate) fn new(dim: usize, hidden: usize, device: &Device) -> Self {
        Self {
            norm: LayerNorm::new(dim, EPS_TORCH, device),
            fc1: Linear::new(dim, hidden, device),
            fc2: Linear::new(hidden, dim, device),
        }
    }

    /// # Shapes
    /// `[B, H, W, dim]` → the same
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.fc2.forward(self.fc1.forward_then(self.norm.forward(x), Activation::Gelu))
    }
}
