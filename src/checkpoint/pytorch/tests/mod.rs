//! Files that PyTorch wrote (tools/fixtures/containers.py), and files that nobody should.

mod forge;
mod hostile;
mod large;
mod mutations;

use std::io::Cursor;
use std::path::PathBuf;

use safetensors::SafeTensors;

use super::{Archive, is_archive};
use crate::SamError;
use crate::checkpoint::tensor::{Container, Element};

/// Files that hold what `tensors.safetensors` does.
const SAME: &[&str] = &[
    "zip",
    "zip_protocol_3",
    "zip_protocol_4",
    "zip_protocol_5",
    "zip_without_checksums",
    "legacy",
    "legacy_protocol_3",
    "legacy_protocol_4",
    "legacy_protocol_5",
    "wrapped",
    "wrapped_legacy",
    "wrapped_twice",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch")
}

fn fixture(file: &str) -> Vec<u8> {
    std::fs::read(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn open(bytes: &[u8]) -> Result<Archive<Cursor<&[u8]>>, SamError> {
    Archive::open(Cursor::new(bytes))
}

/// Opens a file and reads all it has.
fn read_all(bytes: &[u8]) -> Result<Archive<Cursor<&[u8]>>, SamError> {
    let mut archive = open(bytes)?;
    for name in archive.tensors().keys().cloned().collect::<Vec<_>>() {
        archive.read(&name)?;
    }
    Ok(archive)
}

/// Why a file is refused.
fn refusal(bytes: &[u8]) -> String {
    let error = read_all(bytes).err().expect("it should be refused");
    assert_eq!(error.code(), "bad-checkpoint", "{error}");
    error.to_string()
}

#[test]
fn every_file_of_pytorch_holds_the_same_tensors() {
    let expected = fixture("tensors.safetensors");
    let expected = SafeTensors::deserialize(&expected).unwrap();
    for name in SAME {
        let bytes = fixture(&format!("{name}.pth"));
        assert!(is_archive(&bytes), "{name}");
        let mut archive = open(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut names = expected.names();
        names.sort_unstable();
        assert_eq!(archive.tensors().keys().collect::<Vec<_>>(), names, "{name}");
        for key in names {
            let tensor = expected.tensor(key).unwrap();
            let info = archive.tensors()[key].clone();
            assert_eq!(info.shape, tensor.shape(), "{name}: {key}");
            let element = match info.element {
                Element::Other(other) => other,
                element => format!("{element:?}"),
            };
            assert_eq!(element, format!("{:?}", tensor.dtype()), "{name}: {key}");
            assert_eq!(archive.read(key).unwrap(), tensor.data(), "{name}: {key}");
        }
    }
}

#[test]
fn types_that_no_storage_is_named_after_are_named() {
    let bytes = fixture("new_types.pth");
    let mut archive = open(&bytes).unwrap();
    let elements: Vec<_> = archive.tensors().iter().map(|(name, info)| (name.as_str(), info.element.clone())).collect();
    let other = |name: &str| Element::Other(name.into());
    assert_eq!(elements, [("eight", other("F8_E4M3")), ("float", Element::F32), ("short", other("U16"))]);
    assert_eq!(archive.read("short").unwrap(), [1, 0, 1, 0]);
}

#[test]
fn what_is_no_state_dict_is_refused_by_name() {
    for (file, reason) in [
        ("whole_module.pth", "torch.nn.modules.linear.Linear"),
        ("whole_module_legacy.pth", "torch.nn.modules.linear.Linear"),
        ("whole_module.pth", "Save `model.state_dict()` alone"),
        ("with_arguments.pth", "argparse.Namespace"),
        ("two_states.pth", "several state dicts (a, b)"),
        ("no_state.pth", "no state dict"),
        ("torchscript.pt", "TorchScript"),
        ("compressed.pth", "is compressed (DEFLATE"),
    ] {
        let refusal = refusal(&fixture(file));
        assert!(refusal.contains(reason), "{file}: {refusal}");
    }
}

#[test]
fn pytorch_files_are_told_from_safetensors() {
    for (start, is) in [
        (&b"PK\x03\x04\x00\x00\x08\x08\x00\x00"[..], true),
        (b"PK\x05\x06", true),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", true),
        (b"\x80\x04\x95\x0d\0\0\0\0\0\0\0\x8a\n", true),
        // The header of a safetensors file may have 640 bytes.
        (b"\x80\x02\0\0\0\0\0\0{\"a\":", false),
        (b"\x80\x01", false),
        (b"", false),
    ] {
        assert_eq!(is_archive(start), is, "{start:?}");
    }
}
