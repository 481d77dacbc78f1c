//! Named tensors of a safetensors file.

use safetensors::{Dtype, SafeTensors};

use crate::SamError;
use crate::error::{CheckpointFault, Unreadable};

/// How PyTorch's files begin: as a zip archive, or before version 1.6 as a pickle.
const PYTORCH: [&[u8]; 2] = [b"PK\x03\x04", b"\x80\x02"];

/// A parsed file; the tensors' bytes stay where they are.
pub(crate) struct Checkpoint<'a> {
    tensors: SafeTensors<'a>,
    config: Option<String>,
}

impl<'a> Checkpoint<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, SamError> {
        if bytes.is_empty() {
            return Err(CheckpointFault::file("it is empty (0 bytes); choose another file"));
        }
        if PYTORCH.iter().any(|magic| bytes.starts_with(magic)) {
            return Err(SamError::NotImplemented {
                what: "reading PyTorch's files (.pth, .pt)".into(),
                instead: "convert the checkpoint to safetensors".into(),
            });
        }
        let unreadable = |error: safetensors::SafeTensorError| {
            CheckpointFault::file(format!("it is not a readable safetensors file, or it is cut short ({error})"))
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let config = metadata.metadata().as_ref().and_then(|map| map.get("config").cloned());
        Ok(Self { tensors: SafeTensors::deserialize(bytes).map_err(unreadable)?, config })
    }

    /// The `config` of the metadata, where there is one.
    pub(crate) fn config(&self) -> Option<&str> {
        self.config.as_deref()
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        self.tensors.names()
    }

    pub(crate) fn shape(&self, key: &str) -> Option<Vec<usize>> {
        Some(self.tensors.tensor(key).ok()?.shape().to_vec())
    }

    /// A tensor's values, row-major, widened to f32. `None` where there is no such tensor.
    pub(crate) fn read(&self, key: &str) -> Option<Result<Vec<f32>, Unreadable>> {
        let tensor = self.tensors.tensor(key).ok()?;
        let data = tensor.data();
        let values = match tensor.dtype() {
            Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            Dtype::BF16 => data.as_chunks::<2>().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect(),
            other => return Some(Err(Unreadable { key: key.into(), dtype: format!("{other:?}") })),
        };
        Some(Ok(values))
    }
}
