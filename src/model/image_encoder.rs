//! SAM's image encoder: a plain vision transformer with windowed and global attention.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/image_encoder.py>

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::common::{EPS_VIT, LayerNorm, Linear, MlpBlock, PatchConv, parameter};
use super::config::{BlockConfig, VitConfig};
use crate::ops::{self, Activation, Packing};

/// The vision transformer and its neck.
#[derive(Module, Debug)]
pub struct ImageEncoderVit {
    pub(crate) patch_embed: PatchEmbed,
    pub(crate) pos_embed: Param<Tensor<4>>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) neck: Neck,
}

impl VitConfig {
    /// An encoder whose neck is `out_dim` wide.
    pub fn init(&self, out_dim: usize, device: &Device) -> ImageEncoderVit {
        let grid = self.image_size / self.patch_size;
        let blocks = (0..self.depth).map(|i| Block::new(self, i, device)).collect();
        ImageEncoderVit {
            patch_embed: PatchEmbed { proj: PatchConv::new(3, self.dim, self.patch_size, device) },
            pos_embed: parameter([1, grid, grid, self.dim], device),
            blocks,
            neck: Neck::new(self.dim, out_dim, device),
        }
    }
}

impl ImageEncoderVit {
    /// Patch embedding, every block, neck.
    pub fn steps(&self) -> usize {
        self.blocks.len() + 2
    }

    /// One step of the encoder, so that a caller can pause between them.
    ///
    /// # Shapes
    /// - step 0: `[batch, S, S, 3]` → `[batch, S/16, S/16, dim]`
    /// - blocks: `[batch, S/16, S/16, dim]` → the same
    /// - last step: → `[batch, S/16, S/16, out_dim]`
    pub fn forward_step(&self, step: usize, x: Tensor<4>) -> Tensor<4> {
        match step {
            0 => ops::add(self.patch_embed.proj.forward(x), self.pos_embed.val(), Activation::None),
            i => match self.blocks.get(i - 1) {
                Some(block) => block.forward(x),
                None => self.neck.forward(x),
            },
        }
    }
}

/// The image in patches, each one token.
#[derive(Module, Debug)]
pub struct PatchEmbed {
    pub(crate) proj: PatchConv,
}

/// A transformer block: attention within windows or over the whole grid, then an MLP.
#[derive(Module, Debug)]
pub struct Block {
    pub(crate) norm1: LayerNorm,
    pub(crate) attn: Attention,
    pub(crate) norm2: LayerNorm,
    pub(crate) mlp: MlpBlock,
    /// Side of a window in tokens; 0 for global attention.
    #[module(skip)]
    pub(crate) window_size: usize,
}

impl Block {
    pub(crate) fn new(config: &VitConfig, index: usize, device: &Device) -> Self {
        let global = config.global_attention.contains(&index);
        let window_size = if global { 0 } else { config.window_size };
        let attended = if global { config.image_size / config.patch_size } else { window_size };
        let widths = config.block(index);
        Self {
            norm1: LayerNorm::new(config.dim, EPS_VIT, device),
            attn: Attention::new(config.dim, &widths, attended, device),
            norm2: LayerNorm::new(config.dim, EPS_VIT, device),
            mlp: MlpBlock::new(config.dim, widths.mlp_dim, Activation::Gelu, device),
            window_size,
        }
    }

    /// # Shapes
    /// - input, output: `[batch, height, width, dim]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        let shortcut = x.clone();
        let x = self.norm1.forward(x);
        let x = if self.window_size > 0 {
            // The padding is attended like any other token, as in the reference.
            let windows = self.attn.forward(ops::window_partition(x, self.window_size));
            ops::window_unpartition(windows, height, width)
        } else {
            self.attn.forward(x)
        };
        let x = ops::add(shortcut, x, Activation::None);
        ops::add(x.clone(), self.mlp.forward(self.norm2.forward(x)), Activation::None)
    }
}

/// Multi-head attention with decomposed relative position.
#[derive(Module, Debug)]
pub struct Attention {
    pub(crate) qkv: Linear,
    pub(crate) proj: Linear,
    pub(crate) rel_pos_h: Param<Tensor<2>>,
    pub(crate) rel_pos_w: Param<Tensor<2>>,
    #[module(skip)]
    pub(crate) heads: usize,
}

impl Attention {
    pub(crate) fn new(dim: usize, widths: &BlockConfig, attended: usize, device: &Device) -> Self {
        let inner = widths.inner_dim();
        Self {
            qkv: Linear::new(dim, 3 * inner, device),
            proj: Linear::new(inner, dim, device),
            rel_pos_h: parameter([2 * attended - 1, widths.head_dim], device),
            rel_pos_w: parameter([2 * attended - 1, widths.head_dim], device),
            heads: widths.heads,
        }
    }

    /// # Shapes
    /// - input, output: `[batch, height, width, dim]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, height, width, _] = x.dims();
        let [inner, _] = self.proj.weight.dims();
        let qkv = self.qkv.forward(x).reshape([batch, height * width, 3 * inner]);
        let bias = ops::Bias::Decomposed {
            vertical: self.rel_pos_h.val(),
            horizontal: self.rel_pos_w.val(),
            grid: [height, width],
        };
        let scale = ((inner / self.heads) as f64).powf(-0.5);
        let x = ops::self_attention(qkv, self.heads, Packing::Parts, scale, &bias);
        self.proj.forward(x.reshape([batch, height, width, inner]))
    }
}

/// From the tokens' width to the prompt's: 1×1 convolution, norm, 3×3 convolution, norm.
#[derive(Module, Debug)]
pub struct Neck {
    pub(crate) conv1: Linear,
    pub(crate) layer_norm1: LayerNorm,
    pub(crate) conv2: Param<Tensor<4>>,
    pub(crate) layer_norm2: LayerNorm,
}

impl Neck {
    pub(crate) fn new(dim: usize, out_dim: usize, device: &Device) -> Self {
        Self {
            conv1: Linear::without_bias(dim, out_dim, device),
            layer_norm1: LayerNorm::new(out_dim, EPS_VIT, device),
            conv2: parameter([out_dim, out_dim, 3, 3], device),
            layer_norm2: LayerNorm::new(out_dim, EPS_VIT, device),
        }
    }

    /// # Shapes
    /// - input: `[batch, height, width, dim]`
    /// - output: `[batch, height, width, out_dim]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.layer_norm1.forward(self.conv1.forward(x));
        self.layer_norm2.forward(ops::conv3x3(x, self.conv2.val(), None, 1, Activation::None))
    }
}
