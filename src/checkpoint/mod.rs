//! Bytes of a checkpoint → named tensors → the model. Loading is strict: a missing, extra or misshapen tensor fails
//! and is named.

mod convert;
mod file;
mod infer;
mod keys;
mod layout;
mod loading;
mod plan;
mod pytorch;
mod report;
mod safetensors;
mod source;
mod stand_in;
mod tensor;
mod weights;

use std::io::{ErrorKind, Read, Seek};

use burn::tensor::Device;
use sha2::{Digest, Sha256};

pub use self::convert::{Conversion, convert};
pub use self::layout::Layout;
pub use self::loading::{Loaded, Loading, Precision};
use self::source::unreadable;
pub use self::stand_in::stand_in;
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
    /// The architecture's usual name: `tiny`, `mobile-sam`, `sam-vit-b`, `slimsam-77`, …, or `custom`.
    pub name: String,
    /// How the file names its tensors.
    pub layout: Layout,
    /// Number of weights in the checkpoint.
    pub parameters: usize,
    /// Size of the weights on the device.
    pub bytes: u64,
    /// How the weights of the encoder's linear layers are kept: [`Precision::F32`] or [`Precision::F16`].
    pub precision: Precision,
    /// SHA-256 of the checkpoint.
    pub hash: [u8; 32],
}

/// What the caller already knows of a checkpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// The model's name.
    pub name: Option<&'a str>,
    /// SHA-256 of the file, which is read once more where this is not known.
    pub hash: Option<[u8; 32]>,
}

/// Loads a checkpoint: safetensors or PyTorch's own (.pth, .pt), in the layout of SAM, MobileSAM or Hugging Face's
/// `SamModel`; f32, f16 or bf16. The source is read tensor by tensor.
///
/// # Errors
/// [`SamError::BadCheckpoint`] names what is missing, unknown or misshapen.
pub fn load(mut source: impl Read + Seek, origin: Origin<'_>, device: &Device) -> Result<LoadedModel, SamError> {
    let loaded = Loading::begin(&mut source, device)?.finish()?;
    LoadedModel::new(loaded, origin, source)
}

impl LoadedModel {
    /// What [`Loading`] made of a source, named and hashed.
    ///
    /// # Errors
    /// [`SamError::BadCheckpoint`] where the source cannot be read once more.
    pub fn new(loaded: Loaded, origin: Origin<'_>, source: impl Read + Seek) -> Result<Self, SamError> {
        let hash = match origin.hash {
            Some(hash) => hash,
            None => sha256(source)?,
        };
        let Loaded { sam, config, layout, parameters, bytes, precision } = loaded;
        let name = origin.name.unwrap_or_else(|| name(&config)).into();
        Ok(Self { sam, config, name, layout, parameters, bytes, precision, hash })
    }
}

fn sha256(mut source: impl Read + Seek) -> Result<[u8; 32], SamError> {
    source.rewind().map_err(unreadable)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match source.read(&mut piece) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(length) => hasher.update(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return Err(unreadable(error)),
        }
    }
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
        EncoderConfig::Vit(vit) if !vit.blocks.is_empty() => "custom",
        EncoderConfig::Vit(vit) => match (vit.dim, vit.depth, vit.mlp_dim) {
            (768, 12, 3072) => "sam-vit-b",
            (1024, 24, 4096) => "sam-vit-l",
            (1280, 32, 5120) => "sam-vit-h",
            (384, 12, 1536) => "slimsam-50",
            (168, 12, 696) => "slimsam-77",
            _ => "custom",
        },
        EncoderConfig::TinyVit(tiny) => match (tiny.dims.as_slice(), tiny.image_size) {
            ([64, 128, 160, 320], 1024) => "mobile-sam",
            ([32, 64, 128, 192], 512) => "tiny",
            _ => "custom",
        },
    }
}
