//! Tensors of a checkpoint, as every container gives them.

use std::collections::BTreeMap;

use crate::SamError;

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
