//! The modules of the paper (<https://arxiv.org/abs/2304.02643>), one file each, under the reference's names.
//!
//! Images and embeddings are channels-last here, `[batch, height, width, channels]`: every 1×1 convolution is then a
//! matrix product and every `LayerNorm2d` a plain layer norm.

pub mod common;
pub mod config;
pub mod image_encoder;
pub mod mask_decoder;
pub mod prompt_encoder;
pub(crate) mod released;
pub mod sam;
pub mod tiny_vit;
pub mod transformer;

pub use config::{BlockConfig, DecoderConfig, EncoderConfig, SamConfig, TinyVitConfig, VitConfig};
pub use sam::{ImageEncoder, Sam};
