//! Checkpoint files before and after a model is made of them.

use std::io::BufReader;

use js_sys::Function;
use sha2::{Digest, Sha256 as Hasher};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::JsResult;
use super::source::{Sink, Source, Thrown};
use super::types::{CheckpointSourceJs, WriteJs};
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

/// Writes a checkpoint again, in the original layout as safetensors; `half`: its matrices in f16. What `write` throws ends it.
#[wasm_bindgen]
pub fn convert(source: CheckpointSourceJs, half: bool, write: WriteJs) -> JsResult<()> {
    let thrown = Thrown::default();
    let source = BufReader::new(Source::new(source, &thrown)?);
    let sink = Sink::new(write.unchecked_into::<Function>(), &thrown);
    crate::checkpoint::convert(source, sink, half).map_err(|error| thrown.or_any(error))
}
