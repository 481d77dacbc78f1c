//! Loading is strict: what does not fit is refused and named, and nothing else happens.

use std::collections::HashMap;

use burn_sam::{Device, Origin, Predictor, SamError};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny_vit.safetensors");

fn load(bytes: &[u8]) -> Result<Predictor, SamError> {
    Predictor::load(bytes, Origin::default(), &Device::default())
}

/// Why a checkpoint is refused.
fn refusal(bytes: &[u8]) -> String {
    let error = load(bytes).expect_err("it should be refused");
    assert_eq!(error.code(), "bad-checkpoint");
    error.to_string()
}

/// The fixture's tensors and metadata, to be changed and written again.
struct Parts {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
    metadata: HashMap<String, String>,
}

impl Parts {
    fn read() -> Self {
        let bytes = std::fs::read(FILE).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors =
            file.tensors().into_iter().map(|(name, t)| (name, t.dtype(), t.shape().to_vec(), t.data().to_vec()));
        Self { tensors: tensors.collect(), metadata: metadata.metadata().clone().unwrap().into_iter().collect() }
    }

    fn write(&self) -> Vec<u8> {
        let views = self
            .tensors
            .iter()
            .map(|(name, dtype, shape, data)| (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
        serialize(views, Some(self.metadata.clone().into_iter().collect())).unwrap()
    }

    fn tensor(&mut self, name: &str) -> &mut (String, Dtype, Vec<usize>, Vec<u8>) {
        self.tensors.iter_mut().find(|(found, ..)| found == name).unwrap()
    }

    fn config(&mut self, from: &str, to: &str) {
        let config = self.metadata.get_mut("config").unwrap();
        assert!(config.contains(from), "{config}");
        *config = config.replace(from, to);
    }
}

#[test]
fn the_whole_file_loads() {
    let sam = load(&Parts::read().write()).unwrap();
    assert_eq!(sam.model().name, "custom");
    assert_eq!(sam.image_size(), 64);
    let hash: String = sam.model().hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash.len(), 64);
}

#[test]
fn a_missing_tensor_is_named() {
    let mut parts = Parts::read();
    parts.tensors.retain(|(name, ..)| name != "mask_decoder.iou_token.weight");
    assert!(refusal(&parts.write()).contains("1 missing: mask_decoder.iou_token.weight"));
}

#[test]
fn an_extra_tensor_is_named() {
    let mut parts = Parts::read();
    parts.tensors.push(("mask_decoder.surprise".into(), Dtype::F32, vec![1], vec![0; 4]));
    assert!(refusal(&parts.write()).contains("1 not part of the model: mask_decoder.surprise"));
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let mut parts = Parts::read();
    let (_, _, shape, data) = parts.tensor("prompt_encoder.no_mask_embed.weight");
    assert_eq!(shape, &[1, 16]);
    *shape = vec![1, 8];
    data.truncate(8 * 4);
    let refusal = refusal(&parts.write());
    assert!(refusal.contains("prompt_encoder.no_mask_embed.weight [1, 8], expected [1, 16]"), "{refusal}");
}

#[test]
fn a_tensor_of_integers_is_named() {
    let mut parts = Parts::read();
    parts.tensor("prompt_encoder.no_mask_embed.weight").1 = Dtype::I32;
    let refusal = refusal(&parts.write());
    assert!(refusal.contains("prompt_encoder.no_mask_embed.weight is I32"), "{refusal}");
}

#[test]
fn a_file_cut_short_is_refused_wherever_it_ends() {
    let bytes = Parts::read().write();
    for length in [0, 1, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        refusal(&bytes[..length]);
    }
}

#[test]
fn files_of_other_kinds_are_refused() {
    refusal(b"hello, world");
    refusal(&[0xff; 64]);
    let nothing: [(String, TensorView<'_>); 0] = [];
    assert!(refusal(&serialize(nothing, None).unwrap()).contains("no tensors"));
}

#[test]
fn a_pytorch_archive_is_not_read_yet() {
    for archive in [&b"PK\x03\x04 and so on"[..], &b"\x80\x02\x8a\nl\xfc\x9cF and so on"[..]] {
        let error = load(archive).unwrap_err();
        assert_eq!(error.code(), "not-implemented");
        assert!(error.to_string().contains("convert the checkpoint to safetensors"));
    }
}

/// A forged description must not make the loader allocate or divide by what it says.
#[test]
fn a_config_that_makes_no_sense_is_refused() {
    for (from, to) in [
        ("\"format\": 1", "\"format\": 2"),
        ("\"image_size\": 64", "\"image_size\": 0"),
        ("\"image_size\": 64", "\"image_size\": 1000000000"),
        ("\"image_size\": 64", "\"image_size\": 72"),
        ("\"dims\": [8, 16, 24, 32]", "\"dims\": [8, 16, 24]"),
        ("\"dims\": [8, 16, 24, 32]", "\"dims\": []"),
        ("\"heads\": [1, 2, 2, 4]", "\"heads\": [1, 0, 2, 4]"),
        ("\"windows\": [4, 4, 4, 3]", "\"windows\": [4, 0, 4, 3]"),
        ("\"strides\": [2, 2, 1]", "\"strides\": [0, 2, 1]"),
        ("\"strides\": [2, 2, 1]", "\"strides\": [1, 1, 1]"),
        ("\"kind\": \"tiny_vit\"", "\"kind\": \"resnet\""),
        ("\"dim\": 16", "\"dim\": 15"),
        ("\"depth\": 2", "\"depth\": -1"),
    ] {
        let mut parts = Parts::read();
        parts.config(from, to);
        refusal(&parts.write());
    }
    let mut parts = Parts::read();
    parts.metadata.insert("config".into(), "{".into());
    refusal(&parts.write());
}
