//! The shape of a model: nothing about an architecture is hard-wired, every width and depth comes from here.

use serde::{Deserialize, Serialize};

use crate::ops::MAX_HEAD_DIM;

/// The largest result of a layer, in bytes: twelve times what ViT-H's takes at 1024 pixels, and little enough that no count of
/// bytes overflows in wasm.
const MAX_ACTIVATION: usize = 1 << 30;

/// A whole model. Serialised as the `config` metadata of our safetensors files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamConfig {
    /// Version of this description: 1.
    pub format: u32,
    /// Image encoder.
    pub encoder: EncoderConfig,
    /// Prompt encoder and mask decoder.
    pub decoder: DecoderConfig,
}

/// Which image encoder, and its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EncoderConfig {
    /// SAM's plain vision transformer.
    Vit(VitConfig),
    /// MobileSAM's TinyViT.
    TinyVit(TinyVitConfig),
}

/// The vision transformer of SAM (<https://arxiv.org/abs/2203.16527>).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VitConfig {
    /// Side of the square input, S.
    pub image_size: usize,
    /// Side of a patch.
    pub patch_size: usize,
    /// Width of the tokens.
    pub dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads.
    pub heads: usize,
    /// Hidden width of a block's MLP.
    pub mlp_dim: usize,
    /// Side of an attention window, in tokens.
    pub window_size: usize,
    /// Blocks that attend globally.
    pub global_attention: Vec<usize>,
    /// The widths of each block, where a model was pruned so that `heads`, `dim` and `mlp_dim` do not tell them; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<BlockConfig>,
}

/// The widths inside one block of a vision transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockConfig {
    /// Attention heads.
    pub heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Hidden width of the MLP.
    pub mlp_dim: usize,
}

/// TinyViT (<https://arxiv.org/abs/2207.10666>) as MobileSAM uses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TinyVitConfig {
    /// Side of the square input, S.
    pub image_size: usize,
    /// Width of each stage.
    pub dims: Vec<usize>,
    /// Blocks in each stage; the first stage's are convolutional.
    pub depths: Vec<usize>,
    /// Attention heads of each stage (unused in the first).
    pub heads: Vec<usize>,
    /// Window side of each stage (unused in the first).
    pub windows: Vec<usize>,
    /// Stride of the merge after each stage but the last.
    pub strides: Vec<usize>,
    /// Expansion of the MBConv blocks.
    #[serde(default = "four")]
    pub mbconv_expansion: usize,
    /// Expansion of the MLPs.
    #[serde(default = "four")]
    pub mlp_ratio: usize,
}

/// Prompt encoder and mask decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// Width of the prompt tokens and of the image embedding, D.
    pub dim: usize,
    /// Attention heads of the two-way transformer.
    pub heads: usize,
    /// Hidden width of its MLPs.
    pub mlp_dim: usize,
    /// Its number of layers.
    pub depth: usize,
    /// Channels inside the mask prompt's convolutions.
    #[serde(default = "sixteen")]
    pub mask_in_chans: usize,
    /// Layers of the IoU head.
    #[serde(default = "three")]
    pub iou_head_depth: usize,
    /// Hidden width of the IoU head; D where absent.
    #[serde(default)]
    pub iou_head_dim: Option<usize>,
}

/// Mask tokens: token 0 answers alone, tokens 1–3 are the candidates.
pub const MASK_TOKENS: usize = 4;
/// Cross attention in the decoder is half as wide as its tokens.
pub const ATTENTION_DOWNSAMPLE: usize = 2;
/// Input pixels per embedding cell, whatever the encoder.
pub const EMBEDDING_STRIDE: usize = 16;

fn three() -> usize {
    3
}
fn four() -> usize {
    4
}
fn sixteen() -> usize {
    16
}

impl VitConfig {
    /// The widths of a block.
    pub fn block(&self, index: usize) -> BlockConfig {
        let (heads, head_dim) = (self.heads, self.dim / self.heads.max(1));
        let whole = BlockConfig { heads, head_dim, mlp_dim: self.mlp_dim };
        self.blocks.get(index).copied().unwrap_or(whole)
    }
}

impl BlockConfig {
    /// Width of the attention: all heads together.
    pub fn inner_dim(&self) -> usize {
        self.heads.saturating_mul(self.head_dim)
    }
}

impl EncoderConfig {
    /// Side of the square input, S.
    pub fn image_size(&self) -> usize {
        match self {
            Self::Vit(vit) => vit.image_size,
            Self::TinyVit(tiny) => tiny.image_size,
        }
    }
}

impl SamConfig {
    /// Side of the square input, S.
    pub fn image_size(&self) -> usize {
        self.encoder.image_size()
    }

    /// Side of the image embedding, S/16.
    pub fn embedding_size(&self) -> usize {
        self.image_size() / EMBEDDING_STRIDE
    }

    /// Why no model can be built from this description, if so. Sizes from a file are bounded before anything is
    /// allocated from them.
    pub fn check(&self) -> Result<(), String> {
        let at_most = |name: &str, value: usize, limit: usize| {
            if value == 0 || value > limit {
                Err(format!("config: {name} is {value}; it must be 1 to {limit}"))
            } else {
                Ok(())
            }
        };
        let divides = |name: &str, heads: usize, dim: usize| {
            if heads == 0 || !dim.is_multiple_of(heads) {
                Err(format!("config: {heads} {name} do not divide a width of {dim}"))
            } else {
                Ok(())
            }
        };
        if self.format != 1 {
            return Err(format!("config: format {} is not known; this version reads format 1", self.format));
        }
        at_most("image_size", self.image_size(), 4096)?;
        if !self.image_size().is_multiple_of(64) {
            return Err(format!("config: image_size {} is not a multiple of 64", self.image_size()));
        }
        match &self.encoder {
            EncoderConfig::Vit(vit) => {
                if vit.patch_size != EMBEDDING_STRIDE {
                    return Err(format!("config: patch_size {} is not {EMBEDDING_STRIDE}", vit.patch_size));
                }
                at_most("dim", vit.dim, 8192)?;
                at_most("depth", vit.depth, 128)?;
                at_most("mlp_dim", vit.mlp_dim, 65536)?;
                at_most("window_size", vit.window_size, self.embedding_size())?;
                if vit.blocks.is_empty() {
                    divides("heads", vit.heads, vit.dim)?;
                    at_most("the width of a head", vit.dim / vit.heads, MAX_HEAD_DIM)?;
                } else if vit.blocks.len() != vit.depth {
                    return Err(format!("config: {} blocks are not a depth of {}", vit.blocks.len(), vit.depth));
                }
                for block in &vit.blocks {
                    at_most("the width of a block's attention", block.inner_dim(), 8192)?;
                    at_most("the width of a block's head", block.head_dim, MAX_HEAD_DIM)?;
                    at_most("mlp_dim of a block", block.mlp_dim, 65536)?;
                }
            }
            EncoderConfig::TinyVit(tiny) => {
                let stages = tiny.dims.len();
                if !(2..=8).contains(&stages)
                    || [tiny.depths.len(), tiny.heads.len(), tiny.windows.len(), tiny.strides.len() + 1]
                        .iter()
                        .any(|n| *n != stages)
                {
                    return Err(
                        "config: dims, depths, heads, windows and strides do not describe the same stages".into()
                    );
                }
                for stage in 0..stages {
                    at_most("dims", tiny.dims[stage], 8192)?;
                    at_most("depths", tiny.depths[stage], 128)?;
                    at_most("windows", tiny.windows[stage], 64)?;
                    if stage > 0 {
                        divides("heads", tiny.heads[stage], tiny.dims[stage])?;
                        at_most("the width of a head", tiny.dims[stage] / tiny.heads[stage], MAX_HEAD_DIM)?;
                    }
                }
                if !tiny.dims[0].is_multiple_of(2) {
                    return Err("config: the first width must be even".into());
                }
                if tiny.strides.iter().any(|s| !(1..=2).contains(s))
                    || tiny.strides.iter().product::<usize>() * 4 != EMBEDDING_STRIDE
                {
                    return Err(format!("config: strides {:?} do not reach one sixteenth of the input", tiny.strides));
                }
                at_most("mbconv_expansion", tiny.mbconv_expansion, 16)?;
                at_most("mlp_ratio", tiny.mlp_ratio, 16)?;
            }
        }
        let decoder = &self.decoder;
        at_most("decoder dim", decoder.dim, 4096)?;
        at_most("decoder depth", decoder.depth, 64)?;
        at_most("decoder mlp_dim", decoder.mlp_dim, 65536)?;
        at_most("mask_in_chans", decoder.mask_in_chans, 1024)?;
        at_most("iou_head_depth", decoder.iou_head_depth, 16)?;
        at_most("iou_head_dim", decoder.iou_head_dim(), 65536)?;
        if !decoder.dim.is_multiple_of(8) || !decoder.mask_in_chans.is_multiple_of(4) {
            return Err("config: the decoder's dim must be a multiple of 8 and mask_in_chans of 4".into());
        }
        divides("decoder heads", decoder.heads, decoder.dim / ATTENTION_DOWNSAMPLE)?;
        at_most("the width of a decoder's head", decoder.dim / decoder.heads, MAX_HEAD_DIM)?;
        let most = self.most_values().saturating_mul(size_of::<f32>());
        if most > MAX_ACTIVATION {
            return Err(format!(
                "config: at {0} × {0} pixels a layer's result would take {1} MB; at most {2} are possible",
                self.image_size(),
                most >> 20,
                MAX_ACTIVATION >> 20
            ));
        }
        Ok(())
    }

    /// Numbers in the largest result of a layer.
    fn most_values(&self) -> usize {
        let side = self.embedding_size();
        let on = |side: usize, width: usize| side.saturating_mul(side).saturating_mul(width);
        // With so many cells for one of the embedding.
        let values = |cells: usize, width: usize| on(side, width).saturating_mul(cells);
        let encoder = match &self.encoder {
            EncoderConfig::Vit(vit) => {
                let attention = vit.blocks.iter().map(|block| 3 * block.inner_dim()).max().unwrap_or(3 * vit.dim);
                let mlp = vit.blocks.iter().map(|block| block.mlp_dim).max().unwrap_or(vit.mlp_dim);
                // Windows reach beyond the edge.
                on(side.next_multiple_of(vit.window_size.max(1)), attention).max(values(1, mlp))
            }
            EncoderConfig::TinyVit(tiny) => {
                let widths = |stage: usize| match stage {
                    0 => tiny.dims[0] * tiny.mbconv_expansion,
                    _ => tiny.dims[stage] * tiny.mlp_ratio.max(3),
                };
                // The strides before a stage have made so many cells of the first one's sixteen.
                let cells =
                    |stage: usize| tiny.strides.iter().take(stage).fold(16, |cells, stride| cells / (stride * stride));
                let stages = (0..tiny.dims.len()).map(|stage| values(cells(stage), widths(stage)));
                // A stage ends with the width of the next, and the first of all convolutions has four cells for one of a stage's.
                let wider = (1..tiny.dims.len()).map(|stage| values(cells(stage - 1), tiny.dims[stage]));
                stages.chain(wider).max().unwrap_or(0).max(values(64, tiny.dims[0] / 2))
            }
        };
        // Upscaling ends with sixteen cells for one, an eighth as wide.
        encoder.max(values(16, self.decoder.dim / 8))
    }
}

impl DecoderConfig {
    /// Hidden width of the IoU head.
    pub fn iou_head_dim(&self) -> usize {
        self.iou_head_dim.unwrap_or(self.dim)
    }
}
