//! Reads parts of a checkpoint's file, in memory that may be lacking.

use std::io::{Error, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;

use crate::SamError;
use crate::error::CheckpointFault;

/// Length of the file in bytes.
pub(super) fn len(reader: &mut impl Seek) -> Result<u64, SamError> {
    reader.seek(SeekFrom::End(0)).map_err(unreadable)
}

/// So many bytes from a place. They take memory before they are there: no more may be asked for than the file has.
pub(super) fn read(reader: &mut (impl Read + Seek), start: u64, len: u64) -> Result<Vec<u8>, SamError> {
    // What does not fit is more than there is room for.
    let mut bytes = buffer(usize::try_from(len).unwrap_or(usize::MAX))?;
    reader.seek(SeekFrom::Start(start)).map_err(unreadable)?;
    reader.read_exact(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// The bytes of a part, so many at a time.
pub(super) fn pieces(
    reader: &mut (impl Read + Seek),
    part: Range<u64>,
    piece: u64,
    mut each: impl FnMut(Vec<u8>),
) -> Result<(), SamError> {
    let mut at = part.start;
    while at < part.end {
        let len = piece.min(part.end - at);
        each(read(reader, at, len)?);
        at += len;
    }
    Ok(())
}

/// An empty buffer of `length` values.
///
/// # Errors
/// [`SamError::OutOfMemory`]: one large buffer more than there is room for must not end the session.
pub(super) fn buffer<T: Clone + Default>(length: usize) -> Result<Vec<T>, SamError> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|_| SamError::OutOfMemory {
        what: format!("{:.0} MB of the checkpoint", (length as f64 * size_of::<T>() as f64 / 1e6).ceil()),
        instead: "use a smaller model".into(),
    })?;
    buffer.resize(length, T::default());
    Ok(buffer)
}

pub(super) fn cut_short() -> SamError {
    CheckpointFault::file("it is cut short; download or copy it again")
}

pub(super) fn unreadable(error: Error) -> SamError {
    match error.kind() {
        ErrorKind::UnexpectedEof => cut_short(),
        _ => CheckpointFault::file(format!("it could not be read: {error}")),
    }
}
