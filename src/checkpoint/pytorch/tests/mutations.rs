//! Every file cut short and with bits turned over: an error or tensors, never a panic. `fuzz/` does the same at random.

use super::{fixture, folder, open, read_all};

/// The files that are small enough to be changed in every place.
fn small_files() -> Vec<(String, Vec<u8>)> {
    let names = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names
        .filter(|name| !name.ends_with(".safetensors") && !name.starts_with("model"))
        .map(|name| (name.clone(), fixture(&name)))
        .collect();
    files.sort();
    assert!(files.len() > 15);
    files
}

#[test]
fn a_file_cut_short_is_refused_wherever_it_ends() {
    for (name, bytes) in small_files() {
        // The ends of a file say where everything is; what lies between is as good as any other value.
        let places = (0..bytes.len()).filter(|at| at % 7 == 0 || *at < 700 || *at + 700 > bytes.len());
        for len in places {
            let error = read_all(&bytes[..len]).err().unwrap_or_else(|| panic!("{name} up to byte {len}"));
            assert_eq!(error.code(), "bad-checkpoint", "{name} up to byte {len}: {error}");
        }
    }
}

#[test]
fn a_file_with_a_bit_turned_over_is_refused_or_read() {
    for name in ["zip.pth", "legacy.pth", "zip_protocol_4.pth", "wrapped_legacy.pth", "torchscript.pt"] {
        let mut bytes = fixture(name);
        for at in 0..bytes.len() {
            let flip = 1 << (at % 8);
            bytes[at] ^= flip;
            if let Err(error) = read_all(&bytes) {
                assert_eq!(error.code(), "bad-checkpoint", "{name} with byte {at} changed: {error}");
            }
            bytes[at] ^= flip;
        }
    }
}

/// In archives with checksums a damaged value does not go unnoticed.
#[test]
fn a_damaged_value_is_noticed() {
    let bytes = fixture("zip.pth");
    let values = open(&bytes).unwrap();
    let names: Vec<_> = crate::checkpoint::tensor::Container::tensors(&values).keys().cloned().collect();
    assert!(!names.is_empty());
    // The first storage's values follow its padded header.
    let at = bytes.windows(4).position(|window| window == b"ZZZZ").unwrap_or_default();
    assert!(at > 0, "PyTorch pads the headers with Z");
    let start = bytes[at..].iter().position(|byte| *byte != b'Z').unwrap() + at;
    let mut changed = bytes.clone();
    changed[start] ^= 1;
    assert!(read_all(&changed).is_err());
}

/// Numbers at the edges in every place, and parts doubled or left out.
#[test]
fn a_file_with_forged_numbers_is_refused_or_read() {
    for name in ["zip.pth", "legacy_protocol_4.pth"] {
        let bytes = fixture(name);
        for at in (0..bytes.len()).step_by(3) {
            for number in [&[0xff; 1][..], &[0xff; 4], &[0; 8], &[0xff; 8], &[0xff, 0xff, 0xff, 0x7f]] {
                let end = (at + number.len()).min(bytes.len());
                let changed = [&bytes[..at], &number[..end - at], &bytes[end..]].concat();
                drop(read_all(&changed));
            }
            let end = (at + 16).min(bytes.len());
            drop(read_all(&[&bytes[..at], &bytes[end..]].concat()));
            drop(read_all(&[&bytes[..end], &bytes[at..]].concat()));
        }
    }
}
