//! Checkpoint files before and after a model is made of them.

use std::io::BufReader;

use js_sys::Function;
use sha2::{Digest, Sha256 as Hasher};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::JsResult;
use super::source::{Sink, Source, Thrown};
use super::types::{CheckpointSourceJs, WriteJs};
use crate::checkpoint;
use crate::embedding_file::hex;

/// SHA-256 of bytes that come in pieces: browsers only hash what is in memory as a whole.
#[wasm_bindgen]
#[derive(Default)]
pub struct Sha256(Hasher);

#[wasm_bindgen]
impl Sha256 {
    /// Of nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In lower-case hexadecimal.
    pub fn digest(self) -> String {
        hex(&self.0.finalize())
    }
}

/// A checkpoint on its way into another file, in the original layout as safetensors. What `write` throws ends it.
#[wasm_bindgen]
pub struct Conversion {
    conversion: checkpoint::Conversion<'static, Sink>,
    thrown: Thrown,
}

#[wasm_bindgen]
impl Conversion {
    /// Writes what comes before the tensors; `half`: matrices in f16.
    #[wasm_bindgen(constructor)]
    pub fn new(source: CheckpointSourceJs, half: bool, write: WriteJs) -> JsResult<Self> {
        let thrown = Thrown::default();
        let source = BufReader::new(Source::new(source, &thrown)?);
        let sink = Sink::new(write.unchecked_into::<Function>(), &thrown);
        let conversion = checkpoint::Conversion::begin(source, sink, half).map_err(|error| thrown.or_any(error))?;
        Ok(Self { conversion, thrown })
    }

    /// Bytes written.
    #[wasm_bindgen(getter)]
    pub fn written(&self) -> f64 {
        self.conversion.written() as f64
    }

    /// Bytes of the whole file.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> f64 {
        self.conversion.total() as f64
    }

    /// Writes one tensor; true when the file is complete.
    pub fn step(&mut self) -> JsResult<bool> {
        self.conversion.step().map_err(|error| self.thrown.or_any(error))
    }
}
