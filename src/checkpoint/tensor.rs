//! Tensors of a checkpoint, as every container gives them.

use std::collections::BTreeMap;

use crate::SamError;
use crate::error::{CheckpointFault, shown};

/// More tensors than any model has: each costs memory before it is known to be one of ours.
pub(crate) const MAX_TENSORS: usize = 1 << 15;
/// The longest name of a tensor, in bytes.
pub(crate) const MAX_NAME: usize = 512;

/// # Errors
/// [`SamError::BadCheckpoint`] where it is too long: names are compared letter by letter, and shown.
pub(crate) fn check_name(name: &str) -> Result<(), SamError> {
    if name.len() <= MAX_NAME {
        return Ok(());
    }
    Err(CheckpointFault::file(format!("the name of a tensor is too long: {}", shown(name))))
}

/// # Errors
/// [`SamError::BadCheckpoint`] where there are too many.
pub(crate) fn check_count(tensors: usize) -> Result<(), SamError> {
    if tensors <= MAX_TENSORS {
        return Ok(());
    }
    Err(CheckpointFault::file(format!("it has more than {MAX_TENSORS} tensors; choose another file")))
}

/// Type of a tensor's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    F16,
    BF16,
    /// Not read; its name.
    Other(String),
}

/// What a checkpoint says of one of its tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorInfo {
    pub(crate) shape: Vec<usize>,
    pub(crate) element: Element,
}

/// Named tensors in a file.
pub(crate) trait Container {
    /// Every tensor by its name in the file.
    fn tensors(&self) -> &BTreeMap<String, TensorInfo>;

    /// A tensor's values, row-major, little endian, in its own type.
    fn read(&mut self, name: &str) -> Result<Vec<u8>, SamError>;
}
