//! A checkpoint that JavaScript reads for us, a piece at a time, and a file that it writes.

use std::cell::RefCell;
use std::io::{Error, Read, Result, Seek, SeekFrom, Write};
use std::rc::Rc;

use js_sys::{Function, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use super::error::{JsSamError, describe, is_sam_error};
use super::types::CheckpointSourceJs;
use crate::SamError;
use crate::error::CheckpointFault;

/// What the caller's own functions threw: `std::io` has no room for it.
#[derive(Clone, Default)]
pub(super) struct Thrown(Rc<RefCell<Option<JsValue>>>);

impl Thrown {
    fn keep(&self, error: JsValue) -> Error {
        let said = describe(&error);
        self.0.replace(Some(error));
        Error::other(said)
    }

    /// The error that ended a read or a write: the caller's own where it has a code.
    pub(super) fn or(&self, error: SamError) -> JsSamError {
        match self.0.take() {
            Some(thrown) if is_sam_error(&thrown) => JsSamError::Thrown(thrown),
            _ => error.into(),
        }
    }

    /// Whatever the caller's own function threw.
    pub(super) fn or_any(&self, error: SamError) -> JsSamError {
        self.0.take().map_or_else(|| error.into(), JsSamError::Thrown)
    }
}

/// Reads through a `CheckpointSource`.
pub(super) struct Source {
    source: CheckpointSourceJs,
    size: u64,
    position: u64,
    thrown: Thrown,
}

impl Source {
    pub(super) fn new(source: CheckpointSourceJs, thrown: &Thrown) -> std::result::Result<Self, JsSamError> {
        let size = source.size().map_err(JsSamError::Thrown)?;
        // The largest whole number that JavaScript counts to.
        if !(0.0..=9_007_199_254_740_991.0).contains(&size) {
            return Err(CheckpointFault::file(format!("its size is said to be {size}")).into());
        }
        Ok(Self { source, size: size as u64, position: 0, thrown: thrown.clone() })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let length = self.size.saturating_sub(self.position).min(buffer.len() as u64);
        if length == 0 {
            return Ok(0);
        }
        let piece = self.source.read(self.position as f64, length as f64).map_err(|error| self.thrown.keep(error))?;
        let piece: Uint8Array = piece.dyn_into().map_err(|_| Error::other("no Uint8Array was read"))?;
        let read = u64::from(piece.length());
        if read > length {
            return Err(Error::other(format!("{read} bytes were read instead of {length}")));
        }
        if let Some(buffer) = buffer.get_mut(..read as usize) {
            piece.copy_to(buffer);
        }
        self.position += read;
        Ok(read as usize)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::End(offset) => (self.size, offset),
            SeekFrom::Current(offset) => (self.position, offset),
        };
        let outside = || Error::other("a position before the beginning");
        self.position = base.checked_add_signed(offset).ok_or_else(outside)?;
        Ok(self.position)
    }
}

/// Passes what is written to a function.
pub(super) struct Sink {
    write: Function,
    thrown: Thrown,
}

impl Sink {
    pub(super) fn new(write: Function, thrown: &Thrown) -> Self {
        Self { write, thrown: thrown.clone() }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let written = self.write.call1(&JsValue::UNDEFINED, &Uint8Array::from(bytes));
        written.map_err(|error| self.thrown.keep(error))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
