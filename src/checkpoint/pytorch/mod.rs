//! Checkpoints as PyTorch's `torch.save` writes them (.pth, .pt): a zip archive since version 1.6, before that pickles and
//! values one after the other. Only the pickle and the index are held; tensors are read one at a time.
//!
//! The formats: <https://github.com/pytorch/pytorch/blob/main/torch/serialization.py>

mod legacy;
mod objects;
mod pickle;
mod state;
mod view;
mod zipped;

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::ops::Range;

use self::view::View;
use self::zipped::Zipped;
use super::source;
use super::tensor::{Container, TensorInfo};
use crate::SamError;
use crate::error::{CheckpointFault, shown};

/// How zip archives begin: with a member, or with the list of none.
const ZIP: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// So many bytes of a storage are read at a time where its values are not in a tensor's order: of any type, whole values.
const PIECE: u64 = 8 << 20;

/// So many bytes tell whether a file [`is_archive`].
pub(crate) const START: u64 = 16;

/// Whether a file that begins so is PyTorch's to read.
pub(crate) fn is_archive(start: &[u8]) -> bool {
    // The length of a safetensors header can look like a pickle's first bytes, but a brace follows it.
    let is_pickle = matches!(start, [0x80, 2..=5, ..]) && start.get(8) != Some(&b'{');
    is_pickle || is_zip(start)
}

fn is_zip(start: &[u8]) -> bool {
    ZIP.iter().any(|magic| start.starts_with(magic))
}

/// The state dict in a file: its tensors, and where their values are.
pub(crate) struct Archive<R> {
    file: File<R>,
    views: BTreeMap<String, View>,
    tensors: BTreeMap<String, TensorInfo>,
}

enum File<R> {
    Zipped(Zipped<R>),
    Legacy { reader: R, storages: BTreeMap<String, Range<u64>> },
}

impl<R: Read + Seek> Archive<R> {
    /// Reads what the file says of its tensors.
    ///
    /// # Errors
    /// [`SamError::BadCheckpoint`] where it is damaged, or holds more than a state dict.
    pub(crate) fn open(mut reader: R) -> Result<Self, SamError> {
        let start_len = source::len(&mut reader)?.min(START);
        let start = source::read(&mut reader, 0, start_len)?;
        let (file, pickle) = if is_zip(&start) {
            let mut zipped = Zipped::open(reader)?;
            let pickle = zipped.pickle()?;
            (File::Zipped(zipped), pickle)
        } else {
            let (pickle, storages) = legacy::open(&mut reader)?;
            (File::Legacy { reader, storages }, pickle)
        };
        let views = state::tensors(&pickle)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in &views {
            let needed = view.storage.bytes();
            if needed.is_none() || needed > file.storage_len(&view.storage.key) {
                return Err(CheckpointFault::file(format!(
                    "it is damaged or cut short: it lacks values of {}",
                    shown(name)
                )));
            }
            let info = TensorInfo { shape: view.shape.clone(), element: view.element.clone() };
            tensors.insert(name.clone(), info);
        }
        Ok(Self { file, views, tensors })
    }
}

#[cfg(test)]
impl<R> Archive<R> {
    fn into_reader(self) -> R {
        match self.file {
            File::Zipped(zipped) => zipped.into_reader(),
            File::Legacy { reader, .. } => reader,
        }
    }
}

impl<R: Read + Seek> Container for Archive<R> {
    fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, SamError> {
        let fault = |reason: &str| CheckpointFault::file(format!("{} {reason}", shown(name)));
        let view = self.views.get(name).ok_or_else(|| fault("is not in it"))?;
        let range = view.range().ok_or_else(|| {
            fault("is a few values of a large storage: save the file again with `{k: v.clone() for k, v in …}`")
        })?;
        let key = &view.storage.key;
        if view.is_row_major() {
            let (mut bytes, whole) = (Vec::new(), range.end - range.start);
            self.file.storage(key, range, whole, |piece| bytes = piece)?;
            return Ok(bytes);
        }
        let mut gather = view.gather()?.ok_or_else(|| {
            fault("has axes that overlap: save the file again with `{k: v.contiguous() for k, v in …}`")
        })?;
        self.file.storage(key, range, PIECE, |piece| gather.take(&piece))?;
        gather.finish().ok_or_else(|| fault("has fewer values than its shape says"))
    }
}

impl<R: Read + Seek> File<R> {
    fn storage_len(&self, key: &str) -> Option<u64> {
        match self {
            Self::Zipped(zipped) => zipped.storage_len(key),
            Self::Legacy { storages, .. } => storages.get(key).map(|range| range.end - range.start),
        }
    }

    /// Some bytes of a storage, in pieces.
    fn storage(&mut self, key: &str, range: Range<u64>, piece: u64, each: impl FnMut(Vec<u8>)) -> Result<(), SamError> {
        match self {
            Self::Zipped(zipped) => zipped.storage(key, range, piece, each),
            Self::Legacy { reader, storages } => {
                let start = storages.get(key).map_or(0, |storage| storage.start);
                source::pieces(reader, start + range.start..start + range.end, piece, each)
            }
        }
    }
}

fn big_endian() -> SamError {
    CheckpointFault::file("its values are big endian, which is not read: save it again on another computer")
}

#[cfg(test)]
mod tests;
