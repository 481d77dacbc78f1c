//! The whole model.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/sam.py>

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::config::{EncoderConfig, SamConfig};
use super::image_encoder::ImageEncoderVit;
use super::mask_decoder::MaskDecoder;
use super::prompt_encoder::PromptEncoder;
use super::tiny_vit::TinyVit;

/// Image encoder, prompt encoder and mask decoder.
#[derive(Module, Debug)]
pub struct Sam {
    pub(crate) image_encoder: ImageEncoder,
    pub(crate) prompt_encoder: PromptEncoder,
    pub(crate) mask_decoder: MaskDecoder,
}

/// One of the image encoders.
#[derive(Module, Debug)]
// There is one encoder per model: the difference in size costs nothing.
#[allow(clippy::large_enum_variant)]
pub enum ImageEncoder {
    /// SAM's ViT.
    Vit(ImageEncoderVit),
    /// MobileSAM's TinyViT.
    TinyVit(TinyVit),
}

impl SamConfig {
    /// A model of this shape; its weights come from a checkpoint.
    pub fn init(&self, device: &Device) -> Sam {
        let out_dim = self.decoder.dim;
        Sam {
            image_encoder: match &self.encoder {
                EncoderConfig::Vit(vit) => ImageEncoder::Vit(vit.init(out_dim, device)),
                EncoderConfig::TinyVit(tiny) => ImageEncoder::TinyVit(tiny.init(out_dim, device)),
            },
            prompt_encoder: PromptEncoder::new(self, device),
            mask_decoder: MaskDecoder::new(&self.decoder, device),
        }
    }
}

impl Sam {
    /// The image encoder.
    pub fn image_encoder(&self) -> &ImageEncoder {
        &self.image_encoder
    }

    /// The prompt encoder.
    pub fn prompt_encoder(&self) -> &PromptEncoder {
        &self.prompt_encoder
    }

    /// The mask decoder.
    pub fn mask_decoder(&self) -> &MaskDecoder {
        &self.mask_decoder
    }
}

impl ImageEncoder {
    /// Number of steps of [`forward_step`](Self::forward_step).
    pub fn steps(&self) -> usize {
        match self {
            Self::Vit(vit) => vit.steps(),
            Self::TinyVit(tiny) => tiny.steps(),
        }
    }

    /// One step of the encoder: 0 takes the image `[batch, S, S, 3]`, the last gives `[batch, S/16, S/16, D]`.
    pub fn forward_step(&self, step: usize, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Vit(vit) => vit.forward_step(step, x),
            Self::TinyVit(tiny) => tiny.forward_step(step, x),
        }
    }

    /// Every step.
    ///
    /// # Shapes
    /// - image: `[batch, S, S, 3]`, normalised and padded
    /// - output: `[batch, S/16, S/16, D]`
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        (0..self.steps()).fold(image, |x, step| self.forward_step(step, x))
    }
}
