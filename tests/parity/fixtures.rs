//! Reads the fixtures: tensors by name and the index of cases.

use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::{Origin, Predictor};

/// A tensor of a fixture, widened to f32.
pub struct Values {
    pub data: Vec<f32>,
    pub shape: Vec<usize>,
}

/// One file of tests/fixtures.
pub struct Fixture {
    bytes: Vec<u8>,
    pub index: Value,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A model of the fixtures, ready to run.
pub fn predictor(file: &str) -> Predictor {
    let source = std::fs::File::open(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    Predictor::load(source, Origin::default(), &super::device()).unwrap_or_else(|error| panic!("{file}: {error}"))
}

impl Fixture {
    pub fn open(name: &str) -> Self {
        Self::parse(bytes(&format!("tests/fixtures/{name}.safetensors")))
    }

    pub fn parse(bytes: Vec<u8>) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let index = metadata.metadata().as_ref().and_then(|map| map.get("index")).expect("an index");
        Self { index: serde_json::from_str(index).unwrap(), bytes }
    }

    pub fn get(&self, name: &str) -> Values {
        self.find(name).unwrap_or_else(|| panic!("{name} is not in the fixture"))
    }

    pub fn find(&self, name: &str) -> Option<Values> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = tensors.tensor(name).ok()?;
        let bytes = tensor.data();
        let data = match tensor.dtype() {
            Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            Dtype::I32 => bytes.as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b) as f32).collect(),
            Dtype::U32 => bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b) as f32).collect(),
            Dtype::I8 => bytes.iter().map(|b| f32::from(b.cast_signed())).collect(),
            Dtype::U8 => bytes.iter().map(|b| f32::from(*b)).collect(),
            other => panic!("{name} is {other:?}"),
        };
        Some(Values { data, shape: tensor.shape().to_vec() })
    }

    /// The entries of a list of the index.
    pub fn list(&self, name: &str) -> &[Value] {
        self.index[name].as_array().unwrap_or_else(|| panic!("the index has no {name}"))
    }
}

pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is missing in {value}"))
}
