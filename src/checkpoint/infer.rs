//! The model's shape from the shapes of its tensors, for checkpoints that carry no `config`.
//!
//! Widths and depths are read off the tensors; what leaves no trace in them is what all released models share.

use super::safetensors::Checkpoint;
use crate::SamError;
use crate::model::{DecoderConfig, EncoderConfig, SamConfig, TinyVitConfig, VitConfig};

/// Side of the input of every released model.
const RELEASED_IMAGE_SIZE: usize = 1024;
/// Heads of every released mask decoder.
const RELEASED_DECODER_HEADS: usize = 8;

pub(crate) fn config(checkpoint: &Checkpoint<'_>) -> Result<SamConfig, SamError> {
    let encoder = if checkpoint.shape("image_encoder.pos_embed").is_some() {
        EncoderConfig::Vit(vit(checkpoint)?)
    } else if checkpoint.shape("image_encoder.patch_embed.seq.0.c.weight").is_some() {
        EncoderConfig::TinyVit(tiny_vit(checkpoint)?)
    } else {
        return Err(SamError::checkpoint(format!(
            "its tensors are not named like those of SAM or MobileSAM (it has {})",
            sample(checkpoint)
        )));
    };
    let dim = side(checkpoint, "mask_decoder.mask_tokens.weight", 1)?;
    let head = "mask_decoder.iou_prediction_head.layers";
    Ok(SamConfig {
        format: 1,
        encoder,
        decoder: DecoderConfig {
            dim,
            heads: RELEASED_DECODER_HEADS,
            mlp_dim: side(checkpoint, "mask_decoder.transformer.layers.0.mlp.lin1.weight", 0)?,
            depth: count(checkpoint, |i| format!("mask_decoder.transformer.layers.{i}.norm1.weight")),
            mask_in_chans: side(checkpoint, "prompt_encoder.mask_downscaling.3.weight", 0)?,
            iou_head_depth: count(checkpoint, |i| format!("{head}.{i}.weight")),
            iou_head_dim: Some(side(checkpoint, &format!("{head}.0.weight"), 0)?),
        },
    })
}

fn vit(checkpoint: &Checkpoint<'_>) -> Result<VitConfig, SamError> {
    let grid = side(checkpoint, "image_encoder.pos_embed", 1)?;
    let dim = side(checkpoint, "image_encoder.pos_embed", 3)?;
    let patch_size = side(checkpoint, "image_encoder.patch_embed.proj.weight", 2)?;
    let depth = count(checkpoint, |i| format!("image_encoder.blocks.{i}.norm1.weight"));
    let mut windows = Vec::new();
    for i in 0..depth {
        windows.push(side(checkpoint, &format!("image_encoder.blocks.{i}.attn.rel_pos_h"), 0)?.div_ceil(2));
    }
    let head_dim = side(checkpoint, "image_encoder.blocks.0.attn.rel_pos_h", 1)?.max(1);
    let inner = side(checkpoint, "image_encoder.blocks.0.attn.proj.weight", 1)?;
    Ok(VitConfig {
        image_size: grid * patch_size,
        patch_size,
        dim,
        depth,
        heads: inner / head_dim,
        mlp_dim: side(checkpoint, "image_encoder.blocks.0.mlp.lin1.weight", 0)?,
        window_size: windows.iter().copied().min().unwrap_or_default(),
        global_attention: (0..depth).filter(|i| windows.get(*i) == Some(&grid)).collect(),
    })
}

fn tiny_vit(checkpoint: &Checkpoint<'_>) -> Result<TinyVitConfig, SamError> {
    let last = count(checkpoint, |i| format!("image_encoder.layers.{i}.downsample.conv1.c.weight"));
    let mut config = TinyVitConfig {
        image_size: RELEASED_IMAGE_SIZE,
        dims: vec![side(checkpoint, "image_encoder.patch_embed.seq.2.c.weight", 0)?],
        depths: Vec::new(),
        heads: Vec::new(),
        windows: Vec::new(),
        // The reference merges by two, but for the last stage.
        strides: (0..last).map(|i| if i + 1 == last { 1 } else { 2 }).collect(),
        mbconv_expansion: 0,
        mlp_ratio: 0,
    };
    for stage in 0..last {
        config.dims.push(side(checkpoint, &format!("image_encoder.layers.{stage}.downsample.conv1.c.weight"), 0)?);
    }
    let block = |stage: usize, i: usize, name: &str| format!("image_encoder.layers.{stage}.blocks.{i}.{name}");
    config.depths.push(count(checkpoint, |i| block(0, i, "conv1.c.weight")));
    config.mbconv_expansion = side(checkpoint, &block(0, 0, "conv1.c.weight"), 0)? / config.dims[0].max(1);
    // The first stage is convolutional: these two stand for nothing.
    config.heads.push(1);
    config.windows.push(1);
    for stage in 1..=last {
        config.depths.push(count(checkpoint, |i| block(stage, i, "attn.qkv.weight")));
        let table = block(stage, 0, "attn.attention_biases");
        config.heads.push(side(checkpoint, &table, 0)?);
        config.windows.push(side(checkpoint, &table, 1)?.isqrt());
    }
    config.mlp_ratio = side(checkpoint, &block(1, 0, "mlp.fc1.weight"), 0)? / config.dims[1].max(1);
    Ok(config)
}

fn side(checkpoint: &Checkpoint<'_>, key: &str, axis: usize) -> Result<usize, SamError> {
    let shape = checkpoint.shape(key).ok_or_else(|| SamError::checkpoint(format!("{key} is missing")))?;
    shape.get(axis).copied().ok_or_else(|| SamError::checkpoint(format!("{key} has shape {shape:?}: too few axes")))
}

/// How many of a numbered key there are.
fn count(checkpoint: &Checkpoint<'_>, key: impl Fn(usize) -> String) -> usize {
    (0..).take_while(|i| checkpoint.shape(&key(*i)).is_some()).count()
}

fn sample(checkpoint: &Checkpoint<'_>) -> String {
    let mut keys = checkpoint.keys();
    keys.sort_unstable();
    let total = keys.len();
    keys.truncate(3);
    if total == 0 { "no tensors".into() } else { format!("{total} tensors: {}, …", keys.join(", ")) }
}
