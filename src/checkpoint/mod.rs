//! Bytes of a checkpoint → named tensors → the model. Loading is strict: a missing, extra or misshapen tensor fails
//! and is named.

mod infer;
mod keys;
mod safetensors;
mod weights;

use burn::tensor::Device;
use sha2::{Digest, Sha256};

use self::safetensors::Checkpoint;
use crate::SamError;
use crate::error::CheckpointFault;
use crate::model::{EncoderConfig, Sam, SamConfig};

/// A model with its weights, and what is known of where they came from.
#[derive(Debug)]
pub struct LoadedModel {
    /// The model on its device.
    pub sam: Sam,
    /// Its shape.
    pub config: SamConfig,
    /// The architecture's usual name: `tiny`, `mobile-sam`, `sam-vit-b`, …, or `custom`.
    pub name: String,
    /// Number of weights in the checkpoint.
    pub parameters: usize,
    /// SHA-256 of the checkpoint.
    pub hash: [u8; 32],
}

/// What the caller already knows of a checkpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// The model's name.
    pub name: Option<&'a str>,
    /// SHA-256 of the bytes: a browser computes it ten times faster than wasm does.
    pub hash: Option<[u8; 32]>,
}

/// Loads a checkpoint: safetensors in the original layout of SAM or MobileSAM, f32, f16 or bf16.
///
/// # Errors
/// [`SamError::BadCheckpoint`] names what is missing, unknown or misshapen.
pub fn load(bytes: &[u8], origin: Origin<'_>, device: &Device) -> Result<LoadedModel, SamError> {
    let checkpoint = Checkpoint::parse(bytes)?;
    let config = match checkpoint.config() {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| CheckpointFault::model(format!("its config is not readable: {error}")))?,
        None => infer::config(&checkpoint)?,
    };
    config.check().map_err(CheckpointFault::model)?;
    check_biases(&config)?;
    let (sam, parameters) = weights::load(config.init(device), &checkpoint, device)?;
    Ok(LoadedModel {
        sam,
        parameters,
        name: origin.name.unwrap_or_else(|| name(&config)).into(),
        config,
        hash: origin.hash.unwrap_or_else(|| Sha256::digest(bytes).into()),
    })
}

/// The most values that position biases may become: MobileSAM's become a million.
const MAX_BIASES: usize = 1 << 25;

/// TinyViT's tables of position biases are spread over all pairs of a window's tokens: a few megabytes of a hostile file
/// would fill the memory.
fn check_biases(config: &SamConfig) -> Result<(), SamError> {
    let EncoderConfig::TinyVit(tiny) = &config.encoder else { return Ok(()) };
    let stages = tiny.depths.iter().zip(&tiny.heads).zip(&tiny.windows).skip(1);
    let spread = stages.fold(0usize, |sum, ((depth, heads), window)| {
        sum.saturating_add(window.saturating_pow(4).saturating_mul(*heads).saturating_mul(*depth))
    });
    if spread > MAX_BIASES {
        return Err(CheckpointFault::model(format!(
            "config: the position biases of its windows would be {spread} values; {MAX_BIASES} is the most"
        )));
    }
    Ok(())
}

fn name(config: &SamConfig) -> &'static str {
    match &config.encoder {
        EncoderConfig::Vit(vit) => match (vit.dim, vit.depth) {
            (768, 12) => "sam-vit-b",
            (1024, 24) => "sam-vit-l",
            (1280, 32) => "sam-vit-h",
            _ => "custom",
        },
        EncoderConfig::TinyVit(tiny) => match (tiny.dims.as_slice(), tiny.image_size) {
            ([64, 128, 160, 320], 1024) => "mobile-sam",
            ([32, 64, 128, 192], 256) => "tiny",
            _ => "custom",
        },
    }
}
