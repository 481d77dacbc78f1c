//! The model's shape from the shapes of its tensors, for checkpoints that carry no `config`.
//!
//! Widths and depths are read off the tensors; what leaves no trace in them is what all released models share.

use super::file::Checkpoint;
use super::report;
use crate::SamError;
use crate::error::CheckpointFault;
use crate::model::released::{DECODER_HEADS, IMAGE_SIZE};
use crate::model::{BlockConfig, DecoderConfig, EncoderConfig, SamConfig, TinyVitConfig, VitConfig};

pub(crate) fn config(checkpoint: &Checkpoint<'_>) -> Result<SamConfig, SamError> {
    let encoder = if count(checkpoint, "image_encoder.blocks.") > 0 {
        EncoderConfig::Vit(vit(checkpoint)?)
    } else if count(checkpoint, "image_encoder.layers.") > 0 {
        EncoderConfig::TinyVit(tiny_vit(checkpoint)?)
    } else {
        return Err(CheckpointFault::model(format!(
            "its tensors are not named like those of SAM or MobileSAM (it has {})",
            sample(checkpoint)
        )));
    };
    let dim = side(checkpoint, "mask_decoder.mask_tokens.weight", 1)?;
    let head = "mask_decoder.iou_prediction_head.layers.";
    Ok(SamConfig {
        format: 1,
        encoder,
        decoder: DecoderConfig {
            dim,
            heads: DECODER_HEADS,
            mlp_dim: side(checkpoint, "mask_decoder.transformer.layers.0.mlp.lin1.weight", 0)?,
            depth: count(checkpoint, "mask_decoder.transformer.layers."),
            mask_in_chans: side(checkpoint, "prompt_encoder.mask_downscaling.3.weight", 0)?,
            iou_head_depth: count(checkpoint, head),
            iou_head_dim: Some(side(checkpoint, &format!("{head}0.weight"), 0)?),
        },
    })
}

fn vit(checkpoint: &Checkpoint<'_>) -> Result<VitConfig, SamError> {
    let grid = side(checkpoint, "image_encoder.pos_embed", 1)?;
    let dim = side(checkpoint, "image_encoder.pos_embed", 3)?;
    let patch_size = side(checkpoint, "image_encoder.patch_embed.proj.weight", 2)?;
    let depth = count(checkpoint, "image_encoder.blocks.");
    let (mut windows, mut blocks) = (Vec::new(), Vec::new());
    for i in 0..depth {
        let of = |name: &str, axis| side(checkpoint, &format!("image_encoder.blocks.{i}.{name}"), axis);
        windows.push(of("attn.rel_pos_h", 0)?.div_ceil(2));
        let head_dim = of("attn.rel_pos_h", 1)?.max(1);
        let heads = of("attn.proj.weight", 1)? / head_dim;
        blocks.push(BlockConfig { heads, head_dim, mlp_dim: of("mlp.lin1.weight", 0)? });
    }
    let [heads, mlp_dim] = blocks.first().map_or([0, 0], |block| [block.heads, block.mlp_dim]);
    // Pruning leaves attention narrower than the tokens, or the blocks unlike.
    let is_whole = |block: &BlockConfig| [block.heads, block.inner_dim(), block.mlp_dim] == [heads, dim, mlp_dim];
    if blocks.iter().all(is_whole) {
        blocks.clear();
    }
    Ok(VitConfig {
        image_size: grid.saturating_mul(patch_size),
        patch_size,
        dim,
        depth,
        heads,
        mlp_dim,
        window_size: windows.iter().copied().min().unwrap_or_default(),
        global_attention: (0..depth).filter(|i| windows.get(*i) == Some(&grid)).collect(),
        blocks,
    })
}

fn tiny_vit(checkpoint: &Checkpoint<'_>) -> Result<TinyVitConfig, SamError> {
    // Two stages at least: where there is one only, the next one's first tensor is reported missing.
    let last = count(checkpoint, "image_encoder.layers.").max(2) - 1;
    let mut config = TinyVitConfig {
        image_size: IMAGE_SIZE,
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
    let blocks = |stage: usize| format!("image_encoder.layers.{stage}.blocks.");
    let first = |stage: usize, name: &str| format!("{}0.{name}", blocks(stage));
    config.depths.push(count(checkpoint, &blocks(0)));
    config.mbconv_expansion = side(checkpoint, &first(0, "conv1.c.weight"), 0)? / config.dims[0].max(1);
    // The first stage is convolutional: these two stand for nothing.
    config.heads.push(1);
    config.windows.push(1);
    for stage in 1..=last {
        config.depths.push(count(checkpoint, &blocks(stage)));
        let table = first(stage, "attn.attention_biases");
        config.heads.push(side(checkpoint, &table, 0)?);
        config.windows.push(side(checkpoint, &table, 1)?.isqrt());
    }
    config.mlp_ratio = side(checkpoint, &first(1, "mlp.fc1.weight"), 0)? / config.dims[1].max(1);
    Ok(config)
}

fn side(checkpoint: &Checkpoint<'_>, key: &str, axis: usize) -> Result<usize, SamError> {
    let Some(found) = checkpoint.tensor(key) else {
        let names: Vec<String> = checkpoint.keys().map(|key| checkpoint.name(key)).collect();
        let names = names.iter().chain(checkpoint.unknown()).map(String::as_str);
        return Err(report::missing(checkpoint.name(key), names));
    };
    found.shape.get(axis).copied().ok_or_else(|| {
        let (name, shape) = (checkpoint.name(key), &found.shape);
        CheckpointFault::model(format!("{name} has shape {shape:?}: it should have more axes"))
    })
}

/// More blocks or layers than any model has; what counts further is reported as not part of the model.
const MAX_COUNT: usize = 1024;

/// How many modules are numbered after `prefix`: by the largest number, so that a hole among their tensors is reported
/// missing and not taken for the end.
fn count(checkpoint: &Checkpoint<'_>, prefix: &str) -> usize {
    let numbers = checkpoint.keys().filter_map(|key| key.strip_prefix(prefix)?.split('.').next()?.parse().ok());
    numbers.filter(|number: &usize| *number < MAX_COUNT).max().map_or(0, |largest| largest + 1)
}

fn sample(checkpoint: &Checkpoint<'_>) -> String {
    let total = checkpoint.keys().count() + checkpoint.unknown().len();
    let names: Vec<String> = checkpoint.keys().take(3).map(|key| checkpoint.name(key)).collect();
    if total == 0 { "no tensors".into() } else { format!("{total} tensors: {}, …", names.join(", ")) }
}
