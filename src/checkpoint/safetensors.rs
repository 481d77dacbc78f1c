//! Named tensors of a safetensors file, each read when it is asked for.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::source::{buffer, cut_short, unreadable};
use super::tensor::{Container, Element, TensorInfo, check_count, check_name};
use crate::SamError;
use crate::error::CheckpointFault;

/// The header of a released checkpoint takes 50 kB. What it says takes some ten times as much memory.
const MAX_HEADER: u64 = 4 << 20;

/// A file whose header has been read; the tensors' bytes stay where they are.
pub(crate) struct Safetensors<R> {
    reader: R,
    tensors: BTreeMap<String, TensorInfo>,
    /// Where each tensor begins in the file, and its length in bytes.
    places: BTreeMap<String, (u64, usize)>,
    config: Option<String>,
}

impl<R: Read + Seek> Safetensors<R> {
    pub(crate) fn open(mut reader: R) -> Result<Self, SamError> {
        let size = reader.seek(SeekFrom::End(0)).map_err(unreadable)?;
        reader.rewind().map_err(unreadable)?;
        let mut length = [0; 8];
        reader.read_exact(&mut length).map_err(unreadable)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER {
            return Err(CheckpointFault::file(
                "it is neither a safetensors file nor one of PyTorch's (.pth, .pt); choose another file",
            ));
        }
        let start = size_of::<u64>() as u64 + length;
        if start > size {
            return Err(cut_short());
        }
        let mut header = buffer(length as usize)?;
        reader.read_exact(&mut header).map_err(unreadable)?;
        // Reading it checks that the tensors lie one behind the other, each as long as its shape and type say.
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| CheckpointFault::file(format!("it is not a readable safetensors file ({error})")))?;
        let end = start.saturating_add(metadata.data_len() as u64);
        if end > size {
            return Err(cut_short());
        }
        if end < size {
            return Err(CheckpointFault::file(format!("it is damaged: {} bytes follow its last tensor", size - end)));
        }
        let (mut tensors, mut places) = (BTreeMap::new(), BTreeMap::new());
        let found = metadata.tensors();
        check_count(found.len())?;
        for (name, info) in found {
            check_name(&name)?;
            let (from, to) = info.data_offsets;
            places.insert(name.clone(), (start + from as u64, to - from));
            tensors.insert(name, TensorInfo { shape: info.shape.clone(), element: element(info.dtype) });
        }
        let config = metadata.metadata().as_ref().and_then(|map| map.get("config").cloned());
        Ok(Self { reader, tensors, places, config })
    }

    /// The `config` of the metadata, where there is one.
    pub(crate) fn config(&self) -> Option<&str> {
        self.config.as_deref()
    }
}

impl<R: Read + Seek> Container for Safetensors<R> {
    fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, SamError> {
        let Some((start, length)) = self.places.get(name) else {
            return Err(SamError::Internal { reason: format!("{name} is not in the checkpoint") });
        };
        let mut bytes = buffer(*length)?;
        self.reader.seek(SeekFrom::Start(*start)).map_err(unreadable)?;
        self.reader.read_exact(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F32 => Element::F32,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        other => Element::Other(format!("{other:?}")),
    }
}
