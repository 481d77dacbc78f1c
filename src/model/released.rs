//! The shapes of the models that were released as files of PyTorch, whose description comes last.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/build_sam.py> and
//! <https://github.com/ChaoningZhang/MobileSAM/blob/master/mobile_sam/build_sam.py>

use super::config::{DecoderConfig, EMBEDDING_STRIDE, EncoderConfig, SamConfig, TinyVitConfig, VitConfig};

/// Side of the input of every released model.
pub(crate) const IMAGE_SIZE: usize = 1024;
/// Heads of every released mask decoder.
pub(crate) const DECODER_HEADS: usize = 8;

impl SamConfig {
    /// The shape of `mobile-sam`, `sam-vit-b`, `sam-vit-l` or `sam-vit-h`.
    pub fn released(name: &str) -> Option<Self> {
        match name {
            "mobile-sam" => Some(Self::mobile_sam()),
            "sam-vit-b" => Some(vit(768, 12, 12)),
            "sam-vit-l" => Some(vit(1024, 24, 16)),
            "sam-vit-h" => Some(vit(1280, 32, 16)),
            _ => None,
        }
    }

    /// The shape of MobileSAM, whose decoder is that of every released model.
    pub fn mobile_sam() -> Self {
        let encoder = EncoderConfig::TinyVit(TinyVitConfig {
            image_size: IMAGE_SIZE,
            dims: vec![64, 128, 160, 320],
            depths: vec![2, 2, 6, 2],
            // The first stage is convolutional: its two stand for nothing.
            heads: vec![1, 4, 5, 10],
            windows: vec![1, 7, 14, 7],
            strides: vec![2, 2, 1],
            mbconv_expansion: 4,
            mlp_ratio: 4,
        });
        Self { format: 1, encoder, decoder: decoder() }
    }
}

/// The last block of every quarter attends globally.
fn vit(dim: usize, depth: usize, heads: usize) -> SamConfig {
    let encoder = EncoderConfig::Vit(VitConfig {
        image_size: IMAGE_SIZE,
        patch_size: EMBEDDING_STRIDE,
        dim,
        depth,
        heads,
        mlp_dim: 4 * dim,
        window_size: 14,
        global_attention: (1..=4).map(|quarter| quarter * depth / 4 - 1).collect(),
        blocks: Vec::new(),
    });
    SamConfig { format: 1, encoder, decoder: decoder() }
}

fn decoder() -> DecoderConfig {
    DecoderConfig {
        dim: 256,
        heads: DECODER_HEADS,
        mlp_dim: 2048,
        depth: 2,
        mask_in_chans: 16,
        iou_head_depth: 3,
        iou_head_dim: Some(256),
    }
}
