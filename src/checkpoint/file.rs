//! A checkpoint's tensors under their keys of the original layout, whatever container and layout the file has.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use super::layout::{self, HuggingFace, Layout};
use super::pytorch;
use super::safetensors::Safetensors;
use super::source::unreadable;
use super::tensor::{Container, TensorInfo};
use super::weights::Stored;
use crate::SamError;
use crate::error::CheckpointFault;

/// An open file of named tensors.
pub(super) struct Checkpoint<'a> {
    container: Box<dyn Container + 'a>,
    config: Option<String>,
    layout: Layout,
    prefix: String,
    hugging_face: Option<HuggingFace>,
    /// Names in the file, by key.
    names: BTreeMap<String, String>,
    /// Names in the file that its layout does not have.
    unknown: Vec<String>,
}

impl<'a> Checkpoint<'a> {
    pub(super) fn open(reader: impl Read + Seek + 'a) -> Result<Self, SamError> {
        let (container, config) = container(reader)?;
        let names = || container.tensors().keys().map(String::as_str);
        let prefix = layout::prefix(names()).to_owned();
        let bare = || names().map(|name| name.get(prefix.len()..).unwrap_or_default());
        let has = |part: &str| bare().any(|name| name.starts_with(part));
        let hugging_face = has("vision_encoder.").then(|| HuggingFace::new(bare()));
        let layout = match (&config, &hugging_face) {
            (Some(_), None) => Layout::BurnSam,
            (_, Some(_)) => Layout::HuggingFace,
            (None, None) if has("image_encoder.layers.") => Layout::MobileSam,
            (None, None) => Layout::Original,
        };
        let (mut by_key, mut unknown) = (BTreeMap::new(), Vec::new());
        for (name, bare) in names().zip(bare()) {
            let key = match &hugging_face {
                Some(hugging_face) => hugging_face.key(bare),
                None => Some(bare.to_owned()),
            };
            match key {
                // A second name is only ever that of the copy of the positional matrix.
                Some(key) => drop(by_key.entry(key).or_insert_with(|| name.to_owned())),
                None => unknown.push(name.to_owned()),
            }
        }
        Ok(Self { names: by_key, container, config, layout, prefix, hugging_face, unknown })
    }

    /// The `config` of the metadata, where there is one.
    pub(super) fn config(&self) -> Option<&str> {
        self.config.as_deref()
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// The keys of all tensors, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Names in the file that its layout does not have.
    pub(super) fn unknown(&self) -> &[String] {
        &self.unknown
    }

    pub(super) fn tensor(&self, key: &str) -> Option<&TensorInfo> {
        self.container.tensors().get(self.names.get(key)?)
    }

    /// A tensor's values as they are in the file.
    pub(super) fn stored(&mut self, key: &str) -> Result<Stored, SamError> {
        let (Some(name), Some(info)) = (self.names.get(key), self.tensor(key)) else {
            return Err(SamError::Internal { reason: format!("{key} is not in the checkpoint") });
        };
        let (element, length) = (info.element.clone(), info.shape.iter().product::<usize>());
        let bytes = self.container.read(name)?;
        if bytes.len() != length.saturating_mul(element.size()?) {
            return Err(CheckpointFault::file(format!("{name} has {} bytes for {length} values", bytes.len())));
        }
        Ok(Stored { bytes, element })
    }

    /// What a tensor is called in this file, or would be.
    pub(super) fn name(&self, key: &str) -> String {
        match (self.names.get(key), &self.hugging_face) {
            (Some(name), _) => name.clone(),
            (None, Some(hugging_face)) => format!("{}{}", self.prefix, hugging_face.name(key)),
            (None, None) => format!("{}{key}", self.prefix),
        }
    }
}

/// The file's tensors and the `config` of its metadata, by what the file begins with.
fn container<'a>(mut reader: impl Read + Seek + 'a) -> Result<(Box<dyn Container + 'a>, Option<String>), SamError> {
    let mut start = Vec::new();
    reader.by_ref().take(pytorch::START).read_to_end(&mut start).map_err(unreadable)?;
    if start.is_empty() {
        return Err(CheckpointFault::file("it is empty (0 bytes); choose another file"));
    }
    if pytorch::is_archive(&start) {
        return Ok((Box::new(pytorch::Archive::open(reader)?), None));
    }
    let file = Safetensors::open(reader)?;
    let config = file.config().map(str::to_owned);
    Ok((Box::new(file), config))
}
