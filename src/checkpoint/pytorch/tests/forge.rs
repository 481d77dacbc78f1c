//! Writes archives and pickles as nobody should.

/// A member of a zip archive, and what its headers say of it.
#[derive(Clone)]
pub struct Member {
    pub name: String,
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    /// Length in the list of members, where it is not the data's.
    pub len: Option<u32>,
    pub crc: Option<u32>,
    /// The place of the data in the list of members, where it is another member's.
    pub at: Option<u32>,
    /// Bytes between name and data that only the local header tells of.
    pub extra: u16,
}

pub fn member(name: &str, data: impl Into<Vec<u8>>) -> Member {
    Member { name: name.into(), data: data.into(), method: 0, flags: 0, len: None, crc: None, at: None, extra: 0 }
}

/// A zip archive with members as they are.
pub fn zip(members: &[Member]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let crc = member.crc.unwrap_or_else(|| rawzip::crc32(&member.data));
        let len = member.data.len() as u32;
        let [listed_len, name_len] = [member.len.unwrap_or(len), member.name.len() as u32];
        let at = member.at.unwrap_or(file.len() as u32);
        let common = |out: &mut Vec<u8>, len: u32, extra: u16| {
            for short in [20, member.flags, member.method, 0, 0] {
                out.extend(short.to_le_bytes());
            }
            for long in [crc, len, len] {
                out.extend(long.to_le_bytes());
            }
            out.extend((name_len as u16).to_le_bytes());
            out.extend(extra.to_le_bytes());
        };
        file.extend(b"PK\x03\x04");
        common(&mut file, len, member.extra);
        file.extend(member.name.as_bytes());
        file.extend(&member.data);

        directory.extend(b"PK\x01\x02\x14\0");
        common(&mut directory, listed_len, 0);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(member.name.as_bytes());
    }
    let start = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        file.extend((members.len() as u16).to_le_bytes());
    }
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

/// An archive of a pickle and of storages named 0, 1, …
pub fn archive(pickle: &[u8], storages: &[&[u8]]) -> Vec<u8> {
    zip(&members(pickle, storages))
}

pub fn members(pickle: &[u8], storages: &[&[u8]]) -> Vec<Member> {
    let storages = storages.iter().enumerate().map(|(key, data)| member(&format!("a/data/{key}"), *data));
    std::iter::once(member("a/data.pkl", pickle)).chain(storages).collect()
}

/// A file of the old format.
pub fn legacy(state: &[u8], keys: &[u8], rest: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    [&magic[..], state, keys, rest].concat()
}

pub fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

pub fn int(value: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &value.to_le_bytes()].concat()
}

pub fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(".to_vec(), items.concat(), b"t".to_vec()].concat()
}

pub fn ints(values: &[i64]) -> Vec<u8> {
    tuple(&values.iter().map(|value| int(*value)).collect::<Vec<_>>())
}

pub fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

pub fn call(function: Vec<u8>, arguments: &[Vec<u8>]) -> Vec<u8> {
    [function, tuple(arguments), b"R".to_vec()].concat()
}

pub fn storage(class: &str, key: &str, len: i64) -> Vec<u8> {
    let id = tuple(&[text("storage"), global("torch", class), text(key), text("cpu"), int(len)]);
    [id, b"Q".to_vec()].concat()
}

pub fn tensor(storage: Vec<u8>, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let hooks = call(global("collections", "OrderedDict"), &[]);
    let arguments = [storage, int(offset), ints(shape), ints(strides), b"\x89".to_vec(), hooks];
    call(global("torch._utils", "_rebuild_tensor_v2"), &arguments)
}

/// A pickle of a dict.
pub fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items: Vec<u8> = entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
    [&b"\x80\x02}("[..], &items, b"u."].concat()
}
