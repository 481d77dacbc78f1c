//! The one error type of the crate: every failure says what is wrong and what to do, and carries a stable code.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use thiserror::Error;

/// What can go wrong, with a stable [`code`](SamError::code) for each kind.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SamError {
    /// The checkpoint is not one of a model this crate knows, or is damaged.
    #[error("this checkpoint cannot be used: {0}")]
    BadCheckpoint(CheckpointFault),
    /// The image has no pixels, or not as many as it claims.
    #[error("this image cannot be used: {reason}")]
    BadImage {
        /// What is wrong with it.
        reason: String,
    },
    /// A prompt the model cannot be asked.
    #[error("bad prompt: {field} {reason}")]
    BadPrompt {
        /// Which part of the prompt, as the caller wrote it: `points[1].x`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A saved embedding that does not belong to this model or is damaged.
    #[error("this saved embedding cannot be used: {reason}")]
    BadEmbedding {
        /// What is wrong with it.
        reason: String,
    },
    /// There is no WebGPU, or it gave no device.
    #[error("WebGPU is not available: {reason}. Use device \"cpu\" or \"auto\"")]
    NoWebGpu {
        /// What the browser said.
        reason: String,
    },
    /// The device failed while computing or while a result was read back.
    #[error("the device was lost: {reason}. Load the model again")]
    DeviceLost {
        /// What the device said.
        reason: String,
    },
    /// There is no memory for one large thing; everything else goes on.
    #[error("there is not enough memory for {what}; {instead}")]
    OutOfMemory {
        /// What was to be kept.
        what: String,
        /// What to do instead.
        instead: String,
    },
    /// A mistake in this crate.
    #[error("internal error: {reason}. Please report it")]
    Internal {
        /// What was found to be inconsistent.
        reason: String,
    },
}

impl SamError {
    /// The stable code, the same in Rust and in JavaScript.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadCheckpoint(_) => "bad-checkpoint",
            Self::BadImage { .. } => "bad-image",
            Self::BadPrompt { .. } => "bad-prompt",
            Self::BadEmbedding { .. } => "bad-embedding",
            Self::NoWebGpu { .. } => "no-webgpu",
            Self::DeviceLost { .. } => "device-lost",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::Internal { .. } => "internal",
        }
    }

    pub(crate) fn image(reason: impl Into<String>) -> Self {
        Self::BadImage { reason: reason.into() }
    }

    pub(crate) fn prompt(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::BadPrompt { field: field.into(), reason: reason.into() }
    }

    pub(crate) fn embedding(reason: impl Into<String>) -> Self {
        Self::BadEmbedding { reason: reason.into() }
    }

    /// Where the field of a bad prompt lies: `points[1].` makes `points[1].x` of `x`.
    pub(crate) fn within(self, place: &str) -> Self {
        match self {
            Self::BadPrompt { field, reason } => Self::BadPrompt { field: format!("{place}{field}"), reason },
            other => other,
        }
    }
}

/// Why a checkpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CheckpointFault {
    /// The file is not a checkpoint, or is damaged.
    #[error("{reason}")]
    File {
        /// What is wrong with it.
        reason: String,
    },
    /// The model it describes is not one this crate can build.
    #[error("{reason}")]
    Model {
        /// What is wrong with the description.
        reason: String,
    },
    /// Its tensors are not those of the model it describes.
    #[error("{0}")]
    Tensors(TensorFaults),
}

impl CheckpointFault {
    pub(crate) fn file(reason: impl Into<String>) -> SamError {
        SamError::BadCheckpoint(Self::File { reason: reason.into() })
    }

    pub(crate) fn model(reason: impl Into<String>) -> SamError {
        SamError::BadCheckpoint(Self::Model { reason: reason.into() })
    }
}

/// The tensors of a checkpoint that do not fit its model, by kind; their keys are the checkpoint's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TensorFaults {
    /// Keys the model needs and the checkpoint lacks.
    pub missing: Vec<String>,
    /// Tensors of another shape than the model's.
    pub misshapen: Vec<Misshapen>,
    /// Tensors of a type that is not read.
    pub unreadable: Vec<Unreadable>,
    /// Keys the model has no place for.
    pub extra: Vec<String>,
    /// For the first keys of each list, what they may be meant for: the nearest extra key for a missing one, the nearest of
    /// the model's for an extra one, and the nearest of the same shape for a misshapen one.
    pub nearest: BTreeMap<String, String>,
}

/// A tensor of another shape than the model's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// The tensor.
    pub key: String,
    /// Its shape.
    pub found: Vec<usize>,
    /// The shape it should have.
    pub expected: Vec<usize>,
}

/// A tensor of a type that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The tensor.
    pub key: String,
    /// Its type, as safetensors names it.
    pub dtype: String,
}

impl TensorFaults {
    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.misshapen.is_empty() && self.unreadable.is_empty() && self.extra.is_empty()
    }
}

impl Display for Misshapen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}, expected {:?}", shown(&self.key), self.found, self.expected)
    }
}

impl Display for Unreadable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; f32, f16 and bf16 are read", shown(&self.key), self.dtype)
    }
}

impl Display for TensorFaults {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kinds = [
            self.list("missing", &self.missing, "nearest in the file"),
            self.list("of another shape", &self.misshapen, "that is the shape of"),
            self.list("unreadable", &self.unreadable, ""),
            self.list("not part of the model", &self.extra, "nearest known"),
        ];
        f.write_str(&kinds.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

/// A sentence names this many tensors of a kind and counts the rest.
pub(crate) const NAMED: usize = 8;

impl TensorFaults {
    fn list<T: Fault>(&self, what: &str, faults: &[T], nearest: &str) -> Option<String> {
        let describe = |fault: &T| match self.nearest.get(fault.key()) {
            Some(name) => format!("{} ({nearest}: {})", fault.words(), shown(name)),
            None => fault.words(),
        };
        let shown: Vec<String> = faults.iter().take(NAMED).map(describe).collect();
        let rest = faults.len().saturating_sub(NAMED);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        (!faults.is_empty()).then(|| format!("{} {what}: {}{rest}", faults.len(), shown.join(", ")))
    }
}

/// A name from a file, fit to be read by people.
pub(crate) fn shown(name: &str) -> String {
    const LONGEST: usize = 120;
    let escaped: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() { format!("{escaped}…") } else { escaped }
}

trait Fault {
    fn key(&self) -> &str;
    fn words(&self) -> String;
}

impl Fault for String {
    fn key(&self) -> &str {
        self
    }

    fn words(&self) -> String {
        shown(self)
    }
}

impl Fault for Misshapen {
    fn key(&self) -> &str {
        &self.key
    }

    fn words(&self) -> String {
        self.to_string()
    }
}

impl Fault for Unreadable {
    fn key(&self) -> &str {
        &self.key
    }

    fn words(&self) -> String {
        self.to_string()
    }
}
