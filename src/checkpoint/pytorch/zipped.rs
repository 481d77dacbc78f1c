//! The zip archive that PyTorch writes since version 1.6: `<name>/data.pkl` and a member `<name>/data/<key>` per storage.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use rawzip::{CompressionMethod, Crc32, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord};

use super::pickle::{self, Pickle};
use crate::SamError;
use crate::checkpoint::source;
use crate::error::{CheckpointFault, shown};

/// The most members. ViT-H's archive has 600.
const MAX_MEMBERS: usize = 1 << 15;
/// The longest name of a member, in bytes.
const MAX_NAME: usize = 512;
/// The list of members is looked for in so many bytes at the end.
const MAX_TAIL: u64 = 1 << 17;
/// Bytes before a member's values, its name not counted.
const LOCAL_HEADER: u64 = 30;

pub(super) struct Zipped<R> {
    archive: ZipArchive<Shared<R>>,
    members: BTreeMap<String, Member>,
    /// The folder that holds all, with its slash.
    folder: String,
}

/// A reader that only one asks at a time.
struct Shared<R>(RefCell<R>);

impl<R: Read + Seek> ReaderAt for Shared<R> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut reader = self.0.borrow_mut();
        reader.seek(SeekFrom::Start(offset))?;
        reader.read(buffer)
    }
}

struct Member {
    entry: ZipArchiveEntryWayfinder,
    start: u64,
    len: u64,
    /// Where the next member begins.
    end: u64,
    crc: u32,
    /// Why it is not read.
    unreadable: Option<String>,
}

#[cfg(test)]
impl<R> Zipped<R> {
    pub(super) fn into_reader(self) -> R {
        self.archive.into_inner().0.into_inner()
    }
}

impl<R: Read + Seek> Zipped<R> {
    pub(super) fn open(mut reader: R) -> Result<Self, SamError> {
        let file_len = source::len(&mut reader)?;
        let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let locator = ZipArchive::with_max_search_space(MAX_TAIL);
        let archive = locator
            .locate_in_reader(Shared(RefCell::new(reader)), &mut buffer, file_len)
            .map_err(|(_, error)| fault(error))?;

        let mut members = BTreeMap::new();
        let mut entries = archive.entries(&mut buffer);
        while let Some(header) = entries.next_entry().map_err(fault)? {
            let name = name(&header)?;
            let shown = shown(&name);
            if members.insert(name, Member::new(&header)).is_some() {
                return Err(CheckpointFault::file(format!("two members of its archive are named {shown}")));
            }
            if members.len() > MAX_MEMBERS {
                return Err(CheckpointFault::file(format!("its archive has more than {MAX_MEMBERS} members")));
            }
        }
        keep_apart(&mut members, archive.directory_offset())?;
        let folder = folder(&members)?;
        Ok(Self { archive, members, folder })
    }

    /// The pickle of the state dict.
    pub(super) fn pickle(&mut self) -> Result<Pickle, SamError> {
        if self.member("byteorder").is_some() && self.small("byteorder", 16)? != b"little" {
            return Err(super::big_endian());
        }
        pickle::load(&self.small("data.pkl", pickle::MAX_BYTES as u64)?)
    }

    /// Length of a storage in bytes.
    pub(super) fn storage_len(&self, key: &str) -> Option<u64> {
        Some(self.member(&format!("data/{key}"))?.len)
    }

    /// Some bytes of a storage, in pieces.
    pub(super) fn storage(
        &mut self,
        key: &str,
        range: Range<u64>,
        piece: u64,
        each: impl FnMut(Vec<u8>),
    ) -> Result<(), SamError> {
        self.read(&format!("data/{key}"), range, piece, each)
    }

    fn member(&self, name: &str) -> Option<&Member> {
        self.members.get(&format!("{}{name}", self.folder))
    }

    /// A whole member, if it is no longer than this.
    fn small(&mut self, name: &str, most: u64) -> Result<Vec<u8>, SamError> {
        let len = self.member(name).map_or(0, |member| member.len);
        if len > most {
            return Err(CheckpointFault::file(format!("{name} in its archive has {len} bytes; {most} are the most")));
        }
        let mut bytes = Vec::new();
        self.read(name, 0..len, len, |piece| bytes = piece)?;
        Ok(bytes)
    }

    fn read(
        &mut self,
        name: &str,
        range: Range<u64>,
        piece: u64,
        mut each: impl FnMut(Vec<u8>),
    ) -> Result<(), SamError> {
        let shown = shown(name);
        let Some(member) = self.member(name) else {
            return Err(CheckpointFault::file(format!("its archive has no {shown}")));
        };
        if let Some(reason) = &member.unreadable {
            return Err(CheckpointFault::file(format!("{shown} in its archive {reason}")));
        }
        let (start, end) = self.archive.get_entry(member.entry).map_err(fault)?.compressed_data_range();
        if end > member.end || range.end > member.len {
            return Err(CheckpointFault::file(format!("its archive is damaged: {shown} reaches into what follows it")));
        }
        let (whole, crc) = (range == (0..member.len), member.crc);
        // PyTorch can be told to compute no checksums; it writes zeros then.
        let mut sum = (whole && crc != 0).then(Crc32::new);
        let reader = self.archive.get_mut().0.get_mut();
        source::pieces(reader, start + range.start..start + range.end, piece, |bytes| {
            if let Some(sum) = &mut sum {
                sum.update(&bytes);
            }
            each(bytes);
        })?;
        if sum.is_some_and(|sum| sum.checksum() != crc) {
            return Err(CheckpointFault::file(format!(
                "its archive is damaged: the checksum of {shown} is another one"
            )));
        }
        Ok(())
    }
}

impl Member {
    fn new(header: &ZipFileHeaderRecord<'_>) -> Self {
        let method = header.compression_method();
        let len = header.compressed_size_hint();
        let unreadable = if header.flags().is_encrypted() {
            Some("is encrypted, which is not read".into())
        } else if method != CompressionMethod::STORE {
            let method = method.name().unwrap_or("in an unknown way");
            Some(format!("is compressed ({method}), which PyTorch does not do: save the file again with `torch.save`"))
        } else if header.uncompressed_size_hint() != len {
            Some("has two lengths: it is damaged".into())
        } else {
            None
        };
        let start = header.local_header_offset();
        Self { entry: header.wayfinder(), start, len, end: 0, crc: header.crc32(), unreadable }
    }
}

fn name(header: &ZipFileHeaderRecord<'_>) -> Result<String, SamError> {
    let path = header.file_path();
    let raw: &[u8] = path.as_ref();
    let odd = |name: &str| CheckpointFault::file(format!("a member of its archive has an odd name: {}", shown(name)));
    let Ok(name) = std::str::from_utf8(raw) else { return Err(odd(&String::from_utf8_lossy(raw))) };
    let climbs = name.split('/').any(|part| matches!(part, "." | "..")) || name.starts_with('/') || name.contains('\\');
    if climbs || name.is_empty() || name.len() > MAX_NAME {
        return Err(odd(name));
    }
    Ok(name.to_owned())
}

/// Finds where every member must end, and refuses those that share bytes: a small file could hold more than it is long.
fn keep_apart(members: &mut BTreeMap<String, Member>, directory: u64) -> Result<(), SamError> {
    let mut in_order: Vec<_> = members.iter_mut().collect();
    in_order.sort_unstable_by_key(|(_, member)| member.start);
    let mut next = directory;
    for (name, member) in in_order.into_iter().rev() {
        let end = member.start.checked_add(LOCAL_HEADER).and_then(|start| start.checked_add(member.len));
        if end.is_none_or(|end| end > next) {
            let name = shown(name);
            return Err(CheckpointFault::file(format!("its archive is damaged: {name} reaches into what follows it")));
        }
        member.end = next;
        next = member.start;
    }
    Ok(())
}

/// The folder that `torch.save` has put everything in, with its slash.
fn folder(members: &BTreeMap<String, Member>) -> Result<String, SamError> {
    let folders: Vec<_> = members.keys().filter_map(|name| Some((name, name.strip_suffix("data.pkl")?))).collect();
    let mut folders =
        folders.into_iter().map(|(_, folder)| folder).filter(|folder| folder.find('/') == folder.len().checked_sub(1));
    let (Some(folder), None) = (folders.next(), folders.next()) else {
        return Err(CheckpointFault::file(
            "it is a zip archive, but none that PyTorch's `torch.save` wrote (no data.pkl)",
        ));
    };
    if members
        .keys()
        .any(|name| name.strip_prefix(folder).is_some_and(|name| name == "constants.pkl" || name.starts_with("code/")))
    {
        return Err(CheckpointFault::file(
            "it is a TorchScript archive (`torch.jit.save`), that is a program: save `model.state_dict()` with `torch.save`",
        ));
    }
    Ok(folder.to_owned())
}

fn fault(error: rawzip::Error) -> SamError {
    match error.into_kind() {
        rawzip::ErrorKind::IO(error) => source::unreadable(error),
        kind => CheckpointFault::file(format!("it is no readable zip archive, or it is cut short ({kind})")),
    }
}
