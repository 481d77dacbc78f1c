//! The names of a checkpoint's tensors: the original layout of SAM and MobileSAM.
//!
//! The modules of [`crate::model`] carry the reference's names; where a name there is a position in a `Sequential`,
//! [`key`] translates.

/// Keys that released checkpoints contain and no module needs.
pub(crate) fn is_ignored(key: &str) -> bool {
    key.ends_with(".num_batches_tracked")
        || key.ends_with(".attention_bias_idxs")
        || key.starts_with("image_encoder.norm_head.")
        || key.starts_with("image_encoder.head.")
        || key == "pixel_mean"
        || key == "pixel_std"
}

/// Parts of a module's path and what stands for them in the original keys. [`key`] goes through the whole list in order
/// and applies every entry that fits what the ones before have left.
const RENAMES: &[(&str, &str)] = &[
    ("image_encoder.TinyVit.patch_embed.conv1", "image_encoder.patch_embed.seq.0"),
    ("image_encoder.TinyVit.patch_embed.conv2", "image_encoder.patch_embed.seq.2"),
    ("image_encoder.TinyVit.conv_layer", "image_encoder.layers.0"),
    ("neck.conv1", "neck.0"),
    ("neck.layer_norm1", "neck.1"),
    ("neck.conv2", "neck.2.weight"),
    ("neck.layer_norm2", "neck.3"),
    ("mask_downscaling.conv1", "mask_downscaling.0"),
    ("mask_downscaling.layer_norm1", "mask_downscaling.1"),
    ("mask_downscaling.conv2", "mask_downscaling.3"),
    ("mask_downscaling.layer_norm2", "mask_downscaling.4"),
    ("mask_downscaling.conv3", "mask_downscaling.6"),
    ("output_upscaling.conv1", "output_upscaling.0"),
    ("output_upscaling.layer_norm", "output_upscaling.1"),
    ("output_upscaling.conv2", "output_upscaling.3"),
    (".gamma", ".weight"),
    (".beta", ".bias"),
    ("not_a_point_embed", "not_a_point_embed.weight"),
    ("no_mask_embed", "no_mask_embed.weight"),
    ("iou_token", "iou_token.weight"),
    ("mask_tokens", "mask_tokens.weight"),
];

/// The key of a module's parameter in the original layout.
pub(crate) fn key(path: &[String]) -> String {
    let mut key = path.join(".");
    for (from, to) in RENAMES {
        if let Some(at) = key.find(from) {
            // `neck.conv1` is not part of `neck.conv10`: a name ends where the next one begins.
            if matches!(key.as_bytes().get(at + from.len()), None | Some(b'.')) {
                key.replace_range(at..at + from.len(), to);
            }
        }
    }
    if let Some(index) = key.strip_prefix("prompt_encoder.point_embeddings.") {
        key = format!("prompt_encoder.point_embeddings.{index}.weight");
    }
    // The first of TinyViT's layers is a module of its own here.
    if let Some(rest) = key.strip_prefix("image_encoder.TinyVit.layers.")
        && let Some((index, name)) = rest.split_once('.')
        && let Ok(index) = index.parse::<usize>()
    {
        key = format!("image_encoder.layers.{}.{name}", index + 1);
    }
    key.replace("image_encoder.TinyVit.", "image_encoder.").replace("image_encoder.Vit.", "image_encoder.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> String {
        key(&path.split('.').map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn paths_become_original_keys() {
        for (path, expected) in [
            ("image_encoder.Vit.blocks.11.attn.qkv.weight", "image_encoder.blocks.11.attn.qkv.weight"),
            ("image_encoder.Vit.blocks.0.norm1.gamma", "image_encoder.blocks.0.norm1.weight"),
            ("image_encoder.Vit.neck.conv2", "image_encoder.neck.2.weight"),
            ("image_encoder.TinyVit.neck.layer_norm2.beta", "image_encoder.neck.3.bias"),
            ("image_encoder.TinyVit.patch_embed.conv2.weight", "image_encoder.patch_embed.seq.2.weight"),
            ("image_encoder.TinyVit.conv_layer.blocks.1.conv3.bias", "image_encoder.layers.0.blocks.1.conv3.bias"),
            (
                "image_encoder.TinyVit.layers.2.blocks.1.attn.norm.gamma",
                "image_encoder.layers.3.blocks.1.attn.norm.weight",
            ),
            ("prompt_encoder.point_embeddings.3", "prompt_encoder.point_embeddings.3.weight"),
            ("mask_decoder.mask_tokens", "mask_decoder.mask_tokens.weight"),
            ("mask_decoder.output_upscaling.layer_norm.beta", "mask_decoder.output_upscaling.1.bias"),
            ("mask_decoder.transformer.layers.1.norm4.beta", "mask_decoder.transformer.layers.1.norm4.bias"),
        ] {
            assert_eq!(of(path), expected);
        }
    }
}
