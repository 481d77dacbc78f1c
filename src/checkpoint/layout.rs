//! How files name their tensors. Every layout is translated to the original one.
//!
//! Follows <https://github.com/huggingface/transformers/blob/main/src/transformers/models/sam/convert_sam_to_hf.py>

use std::borrow::Cow;

/// How a file names its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// SAM's own files.
    Original,
    /// MobileSAM's: the original layout around another image encoder.
    MobileSam,
    /// `SamModel` of Hugging Face's transformers.
    HuggingFace,
    /// The original layout with a `config` in the metadata, as `convert` writes it.
    BurnSam,
}

impl Layout {
    /// Its name in the JavaScript API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::MobileSam => "mobile-sam",
            Self::HuggingFace => "hugging-face",
            Self::BurnSam => "burn-sam",
        }
    }
}

/// The first parts of the names, in all layouts.
const ROOTS: [&str; 5] =
    ["image_encoder", "vision_encoder", "prompt_encoder", "mask_decoder", "shared_image_embedding"];

/// What stands before every name: `module.` where the model was wrapped to train on several GPUs, say.
pub(super) fn prefix<'a>(mut names: impl Iterator<Item = &'a str> + Clone) -> &'a str {
    let root = |name: &'a str| {
        let parts = name.split('.').scan(0, |next, part| {
            let start = *next;
            *next += part.len() + 1;
            Some((start, part))
        });
        parts.filter(|(_, part)| ROOTS.contains(part)).map(|(start, _)| &name[..start]).next()
    };
    let all = names.clone();
    let prefix = names.find_map(root).unwrap_or_default();
    if all.into_iter().all(|name| name.starts_with(prefix)) { prefix } else { "" }
}

/// Beginnings of names in the original layout and in Hugging Face's; `*` stands for one part. The first that fits counts.
const HUGGING_FACE: &[(&str, &str)] = &[
    ("image_encoder.patch_embed.proj", "vision_encoder.patch_embed.projection"),
    ("image_encoder.blocks.*.norm1", "vision_encoder.layers.*.layer_norm1"),
    ("image_encoder.blocks.*.norm2", "vision_encoder.layers.*.layer_norm2"),
    ("image_encoder.blocks", "vision_encoder.layers"),
    ("image_encoder.neck.0", "vision_encoder.neck.conv1"),
    ("image_encoder.neck.1", "vision_encoder.neck.layer_norm1"),
    ("image_encoder.neck.2", "vision_encoder.neck.conv2"),
    ("image_encoder.neck.3", "vision_encoder.neck.layer_norm2"),
    ("image_encoder", "vision_encoder"),
    (POSITIONS, "shared_image_embedding.positional_embedding"),
    // The same matrix again; a file may have either or both.
    (POSITIONS, "prompt_encoder.shared_embedding.positional_embedding"),
    ("prompt_encoder.point_embeddings", "prompt_encoder.point_embed"),
    ("prompt_encoder.mask_downscaling.0", "prompt_encoder.mask_embed.conv1"),
    ("prompt_encoder.mask_downscaling.1", "prompt_encoder.mask_embed.layer_norm1"),
    ("prompt_encoder.mask_downscaling.3", "prompt_encoder.mask_embed.conv2"),
    ("prompt_encoder.mask_downscaling.4", "prompt_encoder.mask_embed.layer_norm2"),
    ("prompt_encoder.mask_downscaling.6", "prompt_encoder.mask_embed.conv3"),
    ("mask_decoder.transformer.layers.*.norm1", "mask_decoder.transformer.layers.*.layer_norm1"),
    ("mask_decoder.transformer.layers.*.norm2", "mask_decoder.transformer.layers.*.layer_norm2"),
    ("mask_decoder.transformer.layers.*.norm3", "mask_decoder.transformer.layers.*.layer_norm3"),
    ("mask_decoder.transformer.layers.*.norm4", "mask_decoder.transformer.layers.*.layer_norm4"),
    ("mask_decoder.transformer.norm_final_attn", "mask_decoder.transformer.layer_norm_final_attn"),
    ("mask_decoder.output_upscaling.0", "mask_decoder.upscale_conv1"),
    ("mask_decoder.output_upscaling.1", "mask_decoder.upscale_layer_norm"),
    ("mask_decoder.output_upscaling.3", "mask_decoder.upscale_conv2"),
    ("mask_decoder.output_hypernetworks_mlps.*.layers.0", "mask_decoder.output_hypernetworks_mlps.*.proj_in"),
    ("mask_decoder.output_hypernetworks_mlps.*.layers.1", "mask_decoder.output_hypernetworks_mlps.*.layers.0"),
    ("mask_decoder.output_hypernetworks_mlps.*.layers.2", "mask_decoder.output_hypernetworks_mlps.*.proj_out"),
];

const POSITIONS: &str = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";
const IOU_HEAD: &str = "mask_decoder.iou_prediction_head";
/// More layers than any head has.
const MAX_LAYERS: usize = 64;

/// Translates between Hugging Face's names and the original ones.
pub(super) struct HuggingFace {
    renames: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

impl HuggingFace {
    /// For a file with these names: how many layers lie between the first and the last of its IoU head is part of them.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let numbers = names.filter_map(|name| {
            name.strip_prefix(IOU_HEAD)?.strip_prefix(".layers.")?.split('.').next()?.parse::<usize>().ok()
        });
        let middle = numbers.filter(|number| *number < MAX_LAYERS).max().map_or(0, |last| last + 1);
        let fixed = HUGGING_FACE.iter().map(|(ours, theirs)| (Cow::Borrowed(*ours), Cow::Borrowed(*theirs)));
        let head = (0..middle + 2).map(|layer| {
            let theirs = match layer {
                0 => format!("{IOU_HEAD}.proj_in"),
                layer if layer > middle => format!("{IOU_HEAD}.proj_out"),
                layer => format!("{IOU_HEAD}.layers.{}", layer - 1),
            };
            (Cow::Owned(format!("{IOU_HEAD}.layers.{layer}")), Cow::Owned(theirs))
        });
        Self { renames: fixed.chain(head).collect() }
    }

    /// The original key of a tensor; `None` where Hugging Face has no tensor of this name.
    pub(super) fn key(&self, name: &str) -> Option<String> {
        let key = rename(name, self.renames.iter().map(|(ours, theirs)| (&**theirs, &**ours)));
        let is_copy = HUGGING_FACE.contains(&(POSITIONS, name));
        (is_copy || self.name(&key) == name).then_some(key)
    }

    /// What a tensor is called there.
    pub(super) fn name(&self, key: &str) -> String {
        rename(key, self.renames.iter().map(|(ours, theirs)| (&**ours, &**theirs)))
    }
}

/// The name with the first beginning that fits replaced.
fn rename<'a>(name: &str, mut renames: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    renames.find_map(|(from, to)| replace_start(name, from, to)).unwrap_or_else(|| name.into())
}

fn replace_start(name: &str, from: &str, to: &str) -> Option<String> {
    let (mut rest, mut wild) = (Some(name), None);
    for part in from.split('.') {
        let (found, after) = match rest?.split_once('.') {
            Some((found, after)) => (found, Some(after)),
            None => (rest?, None),
        };
        match part {
            "*" => wild = Some(found),
            part if part != found => return None,
            _ => (),
        }
        rest = after;
    }
    let start = to.replace('*', wild.unwrap_or("*"));
    Some(match rest {
        Some(rest) => format!("{start}.{rest}"),
        None => start,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_there_and_back() {
        let names = HuggingFace::new(["mask_decoder.iou_prediction_head.layers.1.bias"].into_iter());
        for (key, name) in [
            ("image_encoder.pos_embed", "vision_encoder.pos_embed"),
            ("image_encoder.patch_embed.proj.bias", "vision_encoder.patch_embed.projection.bias"),
            ("image_encoder.blocks.11.norm1.weight", "vision_encoder.layers.11.layer_norm1.weight"),
            ("image_encoder.blocks.2.attn.rel_pos_h", "vision_encoder.layers.2.attn.rel_pos_h"),
            ("image_encoder.neck.2.weight", "vision_encoder.neck.conv2.weight"),
            ("prompt_encoder.no_mask_embed.weight", "prompt_encoder.no_mask_embed.weight"),
            ("prompt_encoder.point_embeddings.3.weight", "prompt_encoder.point_embed.3.weight"),
            ("prompt_encoder.mask_downscaling.6.bias", "prompt_encoder.mask_embed.conv3.bias"),
            ("mask_decoder.transformer.layers.1.norm4.bias", "mask_decoder.transformer.layers.1.layer_norm4.bias"),
            ("mask_decoder.output_upscaling.1.weight", "mask_decoder.upscale_layer_norm.weight"),
            (
                "mask_decoder.output_hypernetworks_mlps.3.layers.1.weight",
                "mask_decoder.output_hypernetworks_mlps.3.layers.0.weight",
            ),
            ("mask_decoder.iou_prediction_head.layers.0.bias", "mask_decoder.iou_prediction_head.proj_in.bias"),
            ("mask_decoder.iou_prediction_head.layers.2.bias", "mask_decoder.iou_prediction_head.layers.1.bias"),
            ("mask_decoder.iou_prediction_head.layers.3.bias", "mask_decoder.iou_prediction_head.proj_out.bias"),
        ] {
            assert_eq!(names.name(key), name);
            assert_eq!(names.key(name).as_deref(), Some(key));
        }
        for copy in
            ["shared_image_embedding.positional_embedding", "prompt_encoder.shared_embedding.positional_embedding"]
        {
            assert_eq!(names.key(copy).as_deref(), Some(POSITIONS));
        }
    }

    #[test]
    fn original_names_are_unknown_there() {
        let names = HuggingFace::new(std::iter::empty());
        for name in [
            "image_encoder.pos_embed",
            "vision_encoder.neck.0.weight",
            "vision_encoder.layers.0.norm1.weight",
            "mask_decoder.transformer.layers.0.norm1.bias",
        ] {
            assert_eq!(names.key(name), None, "{name}");
        }
    }

    #[test]
    fn a_prefix_is_one_that_all_names_have() {
        let prefix = |names: &[&'static str]| super::prefix(names.iter().copied());
        assert_eq!(prefix(&["module.image_encoder.pos_embed", "module.pixel_mean"]), "module.");
        assert_eq!(prefix(&["model.sam.prompt_encoder.a", "model.sam.mask_decoder.b"]), "model.sam.");
        assert_eq!(prefix(&["module.image_encoder.pos_embed", "mask_decoder.a"]), "");
        assert_eq!(prefix(&["image_encoder.mask_decoder.a"]), "");
        assert_eq!(prefix(&["a.b", "c"]), "");
        assert_eq!(prefix(&[]), "");
    }
}
