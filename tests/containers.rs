//! One small model in every file that PyTorch and safetensors make of it: the masks are the same.

use std::io::Cursor;

use burn_sam::checkpoint::convert;
use burn_sam::{Device, ImageReader, LowResMask, Origin, Point, Predictor, Prompt, SamError, block_on};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};

fn fixture(file: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/pytorch/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn load(bytes: &[u8]) -> Result<Predictor, SamError> {
    Predictor::load(Cursor::new(bytes), Origin::default(), &Device::default())
}

/// Logits and scores of a picture and a point.
fn masks(bytes: &[u8]) -> Vec<LowResMask> {
    let predictor = load(bytes).unwrap_or_else(|error| panic!("{error}"));
    let mut reader = ImageReader::new(48, 37, predictor.image_size()).unwrap();
    let rgba: Vec<u8> = (0..48 * 37 * 4).map(|i| (i * 7 % 251) as u8).collect();
    reader.push(&rgba).unwrap();
    let image = predictor.encode(reader).unwrap().run();
    let prompt = Prompt::new().with_point(Point::foreground(20.0, 11.0).unwrap());
    block_on(image.decode(&[prompt], true)).unwrap().remove(0)
}

fn assert_same(name: &str, found: &[LowResMask], expected: &[LowResMask]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.score, expected.score, "{name}");
        assert_eq!(found.logits, expected.logits, "{name}");
    }
}

/// The model's safetensors file with its values rounded to another type.
fn rounded(dtype: Dtype, round: impl Fn(f32) -> [u8; 2]) -> Vec<u8> {
    let file = fixture("model.safetensors");
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let tensors: Vec<_> = tensors
        .tensors()
        .into_iter()
        .map(|(name, tensor)| {
            let values = tensor.data().as_chunks::<4>().0.iter().flat_map(|value| round(f32::from_le_bytes(*value)));
            (name, tensor.shape().to_vec(), values.collect::<Vec<u8>>())
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, data)| (name, TensorView::new(dtype, shape.clone(), data).unwrap()));
    serialize(views, None).unwrap()
}

#[test]
fn every_container_gives_the_same_masks() {
    let expected = masks(&fixture("model.safetensors"));
    assert!(expected.iter().any(|mask| mask.logits.iter().any(|logit| *logit > 0.0)));
    for file in ["model.pth", "model_legacy.pth", "model_wrapped.pth", "model_flat.pth"] {
        assert_same(file, &masks(&fixture(file)), &expected);
    }
}

#[test]
fn every_container_of_a_smaller_type_gives_the_same_masks() {
    let half = masks(&rounded(Dtype::F16, |value| half::f16::from_f32(value).to_le_bytes()));
    assert_same("model_half.pth", &masks(&fixture("model_half.pth")), &half);
    let bfloat = masks(&rounded(Dtype::BF16, |value| half::bf16::from_f32(value).to_le_bytes()));
    assert_same("model_bfloat.pth", &masks(&fixture("model_bfloat.pth")), &bfloat);
}

#[test]
fn the_name_and_the_size_are_those_of_the_safetensors_file() {
    let (ours, expected) = (load(&fixture("model_wrapped.pth")).unwrap(), load(&fixture("model.safetensors")).unwrap());
    assert_eq!(ours.model().parameters, expected.model().parameters);
    assert_eq!(ours.model().name, expected.model().name);
    assert_eq!(ours.model().config, expected.model().config);
    assert_ne!(ours.model().hash, expected.model().hash, "the hash is the file's");
}

#[test]
fn a_converted_file_gives_the_same_masks() {
    let mut converted = Vec::new();
    convert(Cursor::new(fixture("model_wrapped.pth")), &mut converted, false).unwrap();
    assert_same("converted", &masks(&converted), &masks(&fixture("model.safetensors")));
}

#[test]
fn what_does_not_fit_is_named() {
    for (file, reason) in [
        ("zip.pth", "not named like those of SAM"),
        ("no_state.pth", "no state dict"),
        ("whole_module.pth", "torch.nn.modules.linear.Linear"),
        ("whole_module_legacy.pth", "Save `model.state_dict()` alone"),
        ("torchscript.pt", "TorchScript"),
    ] {
        let error = load(&fixture(file)).expect_err("it should be refused");
        assert_eq!(error.code(), "bad-checkpoint");
        assert!(error.to_string().contains(reason), "{file}: {error}");
    }
}

/// A prompt's answer depends on every weight: cutting any of them off must not go unnoticed.
#[test]
fn a_model_cut_short_is_refused() {
    for file in ["model.pth", "model_legacy.pth"] {
        let bytes = fixture(file);
        for length in (0..bytes.len()).step_by(bytes.len() / 50) {
            assert_eq!(load(&bytes[..length]).expect_err("it should be refused").code(), "bad-checkpoint", "{length}");
        }
    }
}
