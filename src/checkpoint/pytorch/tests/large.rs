//! An archive of five gigabytes that is nowhere: ViT-H's is half as large. Only what is asked for may be read.

use std::io::{self, Read, Seek, SeekFrom};

use super::forge::{dict, storage, tensor};
use crate::checkpoint::pytorch::Archive;
use crate::checkpoint::tensor::Container;

const LARGE: u64 = 5 << 30;

/// A file of zeros but for some parts.
struct Sparse {
    parts: Vec<(u64, Vec<u8>)>,
    len: u64,
    at: u64,
    /// Bytes read so far.
    read: u64,
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.len.saturating_sub(self.at).min(buffer.len() as u64) as usize;
        for (place, byte) in (self.at..).zip(&mut buffer[..len]) {
            let part = self.parts.iter().find_map(|(start, bytes)| bytes.get(place.checked_sub(*start)? as usize));
            *byte = part.copied().unwrap_or_default();
        }
        self.at += len as u64;
        self.read += len as u64;
        Ok(len)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.len.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

/// A zip64 archive of members that are stored one behind the other.
fn zip64(members: &[(&str, u64, Vec<u8>)]) -> Sparse {
    let (mut parts, mut directory, mut at) = (Vec::new(), Vec::new(), 0u64);
    for (name, len, data) in members {
        let mut header = b"PK\x03\x04".to_vec();
        header.extend([0; 22]);
        header.extend((name.len() as u32).to_le_bytes());
        header.extend(name.as_bytes());

        directory.extend(b"PK\x01\x02");
        directory.extend([0; 16]);
        directory.extend([0xff; 8]);
        directory.extend((name.len() as u16).to_le_bytes());
        directory.extend(28u16.to_le_bytes());
        directory.extend([0; 10]);
        directory.extend([0xff; 4]);
        directory.extend(name.as_bytes());
        directory.extend([1, 0, 24, 0]);
        directory.extend([*len, *len, at].map(u64::to_le_bytes).concat());

        let start = at + header.len() as u64;
        parts.push((at, header));
        // The last values of a storage are the ones that are not zero.
        parts.push((start + len - data.len() as u64, data.clone()));
        at = start + len;
    }
    let count = members.len() as u64;
    let end = at + directory.len() as u64;
    let mut tail = directory.clone();
    tail.extend(b"PK\x06\x06");
    tail.extend(44u64.to_le_bytes());
    tail.extend([0; 12]);
    tail.extend([count, count, directory.len() as u64, at].map(u64::to_le_bytes).concat());
    tail.extend(b"PK\x06\x07\0\0\0\0");
    tail.extend(end.to_le_bytes());
    tail.extend(1u32.to_le_bytes());
    tail.extend(b"PK\x05\x06\0\0\0\0");
    tail.extend([0xff; 12]);
    tail.extend([0; 2]);
    let len = at + tail.len() as u64;
    parts.push((at, tail));
    Sparse { parts, len, at: 0, read: 0 }
}

#[test]
fn an_archive_larger_than_the_memory_is_read_by_slices() {
    let values = LARGE as i64 / 4;
    let pickle = dict(&[
        ("whole", tensor(storage("FloatStorage", "0", values), 0, &[values], &[1])),
        ("end", tensor(storage("FloatStorage", "0", values), values - 2, &[2], &[1])),
        ("behind", tensor(storage("FloatStorage", "1", 1), 0, &[1], &[1])),
    ]);
    let file = zip64(&[
        ("a/data.pkl", pickle.len() as u64, pickle),
        ("a/data/0", LARGE, vec![1, 2, 3, 4, 5, 6, 7, 8]),
        ("a/data/1", 4, vec![9, 10, 11, 12]),
    ]);
    let mut archive = Archive::open(file).unwrap();
    assert_eq!(archive.tensors()["whole"].shape, [values as usize]);
    assert_eq!(archive.read("end").unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(archive.read("behind").unwrap(), [9, 10, 11, 12]);
    assert!(archive.into_reader().read < 4000);
}
