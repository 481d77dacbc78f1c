//! Files of PyTorch before version 1.6: five pickles, then every storage as its number of values and the values.

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::ops::Range;

use super::objects::Object;
use super::pickle::{self, Pickle};
use super::view::Storage;
use crate::SamError;
use crate::checkpoint::source;
use crate::error::CheckpointFault;

/// What the first pickle holds.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// What the second one holds.
const VERSION: i128 = 1001;
/// The most storages, each of which is asked for its length.
const MAX_STORAGES: usize = 1 << 15;
/// Bytes of the number before a storage's values.
const LENGTH: u64 = 8;

/// The pickle of the state dict, and where in the file the bytes of every storage are.
pub(super) fn open(reader: &mut (impl Read + Seek)) -> Result<(Pickle, BTreeMap<String, Range<u64>>), SamError> {
    let file_len = source::len(reader)?;
    // All pickles together may be as large as one: the others hold next to nothing.
    let head = source::read(reader, 0, file_len.min(pickle::MAX_BYTES as u64))?;
    let mut at = 0;
    let mut next = || {
        let pickle = pickle::load(head.get(at..).unwrap_or_default())?;
        at += pickle.len;
        Ok::<_, SamError>(pickle)
    };

    let (magic, version, system, state, keys) = (next()?, next()?, next()?, next()?, next()?);
    if magic.objects.int(magic.root) != Some(MAGIC) {
        return Err(CheckpointFault::file("it is a pickle, but none that PyTorch's `torch.save` wrote"));
    }
    if version.objects.int(version.root) != Some(VERSION) {
        return Err(CheckpointFault::file("PyTorch wrote it in a version of its old format that is not known"));
    }
    if is_big_endian(&system) {
        return Err(super::big_endian());
    }
    let storages = storages(reader, at as u64, file_len, &state, &keys)?;
    Ok((state, storages))
}

fn is_big_endian(system: &Pickle) -> bool {
    let Object::Dict(entries) = system.objects.get(system.root) else { return false };
    entries.iter().any(|(key, value)| {
        system.objects.text(*key) == Some("little_endian") && matches!(system.objects.get(*value), Object::Bool(false))
    })
}

/// The storages follow each other in the order of `keys`, without gaps.
fn storages(
    reader: &mut (impl Read + Seek),
    mut at: u64,
    file_len: u64,
    state: &Pickle,
    keys: &Pickle,
) -> Result<BTreeMap<String, Range<u64>>, SamError> {
    let damaged = |reason: &str| CheckpointFault::file(format!("it is damaged or cut short ({reason})"));
    let mut described: BTreeMap<&str, &Storage> = BTreeMap::new();
    for storage in state.objects.storages() {
        described.insert(&storage.key, storage);
    }
    let mut found = BTreeMap::new();
    let keys_in_order = keys.objects.list(keys.root).ok_or_else(|| damaged("no list of storages"))?;
    if keys_in_order.len() > MAX_STORAGES {
        return Err(CheckpointFault::file(format!("it has more than {MAX_STORAGES} storages")));
    }
    for key in keys_in_order {
        let storage = keys.objects.text(*key).and_then(|key| described.get(key));
        let storage = storage.ok_or_else(|| damaged("a storage that no tensor has"))?;
        let len = source::read(reader, at, LENGTH)?;
        if len != storage.len.to_le_bytes() {
            return Err(damaged("a storage of another length than its tensors say"));
        }
        let start = at + LENGTH;
        let end = storage.bytes().and_then(|bytes| start.checked_add(bytes)).filter(|end| *end <= file_len);
        at = end.ok_or_else(|| damaged("a storage ends behind the file"))?;
        if found.insert(storage.key.clone(), start..at).is_some() {
            return Err(damaged("the same storage twice"));
        }
    }
    Ok(found)
}
