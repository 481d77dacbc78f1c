//! The one error type of the crate: every failure says what is wrong and what to do, and carries a stable code.

use thiserror::Error;

/// What can go wrong, with a stable [`code`](SamError::code) for each kind.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SamError {
    /// The checkpoint is not one of a model this crate knows, or is damaged.
    #[error("this checkpoint cannot be used: {reason}")]
    BadCheckpoint {
        /// What is wrong with it.
        reason: String,
    },
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
    /// A part of the interface that this version does not fill yet.
    #[error("{what} is not implemented yet; {instead}")]
    NotImplemented {
        /// The missing part.
        what: String,
        /// What to do until then.
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
            Self::BadCheckpoint { .. } => "bad-checkpoint",
            Self::BadImage { .. } => "bad-image",
            Self::BadPrompt { .. } => "bad-prompt",
            Self::BadEmbedding { .. } => "bad-embedding",
            Self::NoWebGpu { .. } => "no-webgpu",
            Self::DeviceLost { .. } => "device-lost",
            Self::NotImplemented { .. } => "not-implemented",
            Self::Internal { .. } => "internal",
        }
    }

    pub(crate) fn checkpoint(reason: impl Into<String>) -> Self {
        Self::BadCheckpoint { reason: reason.into() }
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
}
