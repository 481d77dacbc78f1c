//! The readers of checkpoints, to be fuzzed. They are compiled here once more, without the rest of the crate: burn need not be
//! built with a fuzzer's instruments.

#![allow(dead_code)]

#[path = "../../src/error.rs"]
pub mod error;

pub use error::SamError;

mod checkpoint;

use std::io::Cursor;

use checkpoint::tensor::{Container, Element};

/// Opens a file of PyTorch's and reads every tensor.
pub fn pytorch(file: &[u8]) {
    if checkpoint::pytorch::is_archive(file)
        && let Ok(container) = checkpoint::pytorch::Archive::open(Cursor::new(file))
    {
        read_all(container);
    }
}

/// Opens a safetensors file and reads every tensor.
pub fn safetensors(file: &[u8]) {
    if let Ok(container) = checkpoint::safetensors::Safetensors::open(Cursor::new(file)) {
        read_all(container);
    }
}

fn read_all(mut container: impl Container) {
    for (name, info) in container.tensors().clone() {
        let size = match info.element {
            Element::F32 => 4,
            Element::F16 | Element::BF16 => 2,
            Element::Other(_) => continue,
        };
        if let Ok(values) = container.read(&name) {
            assert_eq!(values.len(), info.shape.iter().product::<usize>() * size);
        }
    }
}
