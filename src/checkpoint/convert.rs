//! Writes a checkpoint again, whatever its container and layout: safetensors in the original layout with our `config`.

use std::io::{Read, Seek, Write};

use burn::tensor::Device;
use half::f16;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::file::Checkpoint;
use super::source::buffer;
use super::tensor::Element;
use super::weights::widen;
use super::{loading, plan};
use crate::SamError;
use crate::error::CheckpointFault;

/// Writes the tensors that the model needs, one after the other; batch norms stay apart. `half`: matrices and
/// convolutions in f16. What has one axis only costs next to nothing and stays as exact as it is, like the positional
/// matrix, whose rounding would move every point.
///
/// # Errors
/// [`SamError::BadCheckpoint`] as for [`load`](super::load), where a value is too large for f16, or where `sink` fails.
pub fn convert(source: impl Read + Seek, sink: impl Write, half: bool) -> Result<(), SamError> {
    let mut conversion = Conversion::begin(source, sink, half)?;
    while !conversion.step()? {}
    Ok(())
}

/// A checkpoint on its way into another file, one tensor at a time: see [`convert`].
pub struct Conversion<'a, W> {
    checkpoint: Checkpoint<'a>,
    sink: W,
    tensors: std::vec::IntoIter<(String, TensorInfo)>,
    written: u64,
    total: u64,
}

impl<'a, W: Write> Conversion<'a, W> {
    /// Writes what comes before the tensors.
    ///
    /// # Errors
    /// As [`convert`].
    pub fn begin(source: impl Read + Seek + 'a, mut sink: W, half: bool) -> Result<Self, SamError> {
        let checkpoint = Checkpoint::open(source)?;
        let config = loading::config(&checkpoint)?;
        let slots = plan::slots(&config.init(&Device::default()));
        plan::check(&slots, &checkpoint)?;
        let mut tensors = Vec::new();
        let mut end = 0;
        for key in plan::needed(&slots).into_keys() {
            let Some(info) = checkpoint.tensor(key) else { continue };
            let halved = info.element == Element::F16 || (info.shape.len() > 1 && !key.ends_with("_gaussian_matrix"));
            let (dtype, size): (Dtype, usize) = if half && halved { (Dtype::F16, 2) } else { (Dtype::F32, 4) };
            let start: usize = end;
            let bytes = info.shape.iter().try_fold(size, |bytes, axis| bytes.checked_mul(*axis));
            // A usize has 32 bits in a browser.
            end = bytes.and_then(|bytes| start.checked_add(bytes)).ok_or_else(|| SamError::OutOfMemory {
                what: "a checkpoint of more than 4 GiB".into(),
                instead: "write it with half its size".into(),
            })?;
            tensors.push((key.to_owned(), TensorInfo { dtype, shape: info.shape.clone(), data_offsets: (start, end) }));
        }
        let internal = |error: String| SamError::Internal { reason: error };
        let config = serde_json::to_string(&config).map_err(|error| internal(error.to_string()))?;
        let metadata = std::iter::once(("config".to_owned(), config)).collect();
        let header = Metadata::new(Some(metadata), tensors.clone()).map_err(|error| internal(error.to_string()))?;
        let mut header = serde_json::to_vec(&header).map_err(|error| internal(error.to_string()))?;
        header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
        sink.write_all(&(header.len() as u64).to_le_bytes()).map_err(unwritable)?;
        sink.write_all(&header).map_err(unwritable)?;
        let written = (size_of::<u64>() + header.len()) as u64;
        Ok(Self { checkpoint, sink, tensors: tensors.into_iter(), written, total: written + end as u64 })
    }

    /// Bytes written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes of the whole file.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Writes one tensor; true when the file is complete.
    ///
    /// # Errors
    /// As [`convert`].
    pub fn step(&mut self) -> Result<bool, SamError> {
        if let Some((key, TensorInfo { dtype, .. })) = self.tensors.next() {
            let stored = self.checkpoint.stored(&key)?;
            let bytes = match (&stored.element, dtype) {
                (Element::F32, Dtype::F32) | (Element::F16, Dtype::F16) => stored.bytes,
                (_, Dtype::F16) => halve(&widen(stored)?).ok_or_else(|| {
                    let name = self.checkpoint.name(&key);
                    CheckpointFault::model(format!("{name} has values too large for f16: convert it to f32"))
                })??,
                _ => encode(&widen(stored)?, f32::to_le_bytes)?,
            };
            self.sink.write_all(&bytes).map_err(unwritable)?;
            self.written += bytes.len() as u64;
        }
        let is_complete = self.tensors.len() == 0;
        if is_complete {
            self.sink.flush().map_err(unwritable)?;
        }
        Ok(is_complete)
    }
}

/// `None` where a finite value would become infinite.
fn halve(values: &[f32]) -> Option<Result<Vec<u8>, SamError>> {
    let fits = values.iter().all(|value| !value.is_finite() || f16::from_f32(*value).is_finite());
    fits.then(|| encode(values, |value| f16::from_f32(value).to_le_bytes()))
}

fn encode<const N: usize>(values: &[f32], bytes: impl Fn(f32) -> [u8; N]) -> Result<Vec<u8>, SamError> {
    let mut out = buffer(values.len() * N)?;
    for (out, value) in out.as_chunks_mut::<N>().0.iter_mut().zip(values) {
        *out = bytes(*value);
    }
    Ok(out)
}

fn unwritable(error: std::io::Error) -> SamError {
    CheckpointFault::file(format!("its conversion could not be written: {error}"))
}
