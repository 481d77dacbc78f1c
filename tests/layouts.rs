//! Whatever a checkpoint's layout: it loads, and what does not fit is named in the file's own names.

use std::io::{Cursor, Read, Seek, SeekFrom};

use burn_sam::checkpoint::{Layout, Loading, convert};
use burn_sam::{CheckpointFault, Device, Origin, Predictor, SamError};
use safetensors::tensor::TensorView;
use safetensors::{SafeTensors, serialize};

const LAYOUTS: [(&str, Layout); 4] = [
    ("hugging_face", Layout::HuggingFace),
    ("slim_sam", Layout::HuggingFace),
    ("vit", Layout::BurnSam),
    ("tiny_vit", Layout::BurnSam),
];
const POSITIONS: [&str; 2] =
    ["shared_image_embedding.positional_embedding", "prompt_encoder.shared_embedding.positional_embedding"];

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}.safetensors", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn load(bytes: &[u8]) -> Result<Predictor, SamError> {
    Predictor::load(Cursor::new(bytes), Origin::default(), &Device::default())
}

fn refusal(bytes: &[u8]) -> String {
    let error = load(bytes).expect_err("it should be refused");
    assert_eq!(error.code(), "bad-checkpoint");
    error.to_string()
}

/// The file with other names, or more of them, for each tensor.
fn renamed(bytes: &[u8], names: impl Fn(&str) -> Vec<String>) -> Vec<u8> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensors: Vec<(String, TensorView<'_>)> = file
        .tensors()
        .into_iter()
        .flat_map(|(name, tensor)| names(&name).into_iter().map(move |name| (name, tensor.clone())))
        .collect();
    serialize(tensors, metadata.metadata().clone()).unwrap()
}

fn with_prefix(bytes: &[u8], prefix: &str) -> Vec<u8> {
    renamed(bytes, |name| vec![format!("{prefix}{name}")])
}

#[test]
fn layouts_are_told_apart() {
    for (name, layout) in LAYOUTS {
        let bytes = fixture(name);
        let predictor = load(&bytes).unwrap();
        let model = predictor.model();
        assert_eq!((model.name.as_str(), model.layout), ("custom", layout), "{name}");
        assert!(model.bytes > 0 && model.parameters > 0);
    }
    let without_config = |name: &str| {
        let bytes = fixture(name);
        let file = SafeTensors::deserialize(&bytes).unwrap();
        load(&serialize(file.tensors(), None).unwrap())
    };
    assert_eq!(without_config("tiny_vit").unwrap().model().layout, Layout::MobileSam);
}

#[test]
fn prefixes_of_all_names_are_stripped() {
    for (name, layout) in LAYOUTS {
        for prefix in ["module.", "model.", "model.module."] {
            assert_eq!(load(&with_prefix(&fixture(name), prefix)).unwrap().model().layout, layout);
        }
    }
}

#[test]
fn either_copy_of_the_positional_matrix_will_do() {
    let bytes = fixture("hugging_face");
    for kept in [&POSITIONS[..1], &POSITIONS[1..], &POSITIONS[..]] {
        let file = renamed(&bytes, |name| match POSITIONS.contains(&name) {
            true => kept.iter().map(|name| (*name).to_owned()).collect(),
            false => vec![name.to_owned()],
        });
        // Once only, whichever of them.
        assert_eq!(load(&file).unwrap().model().parameters, load(&bytes).unwrap().model().parameters);
    }
    let neither = renamed(&bytes, |name| if POSITIONS.contains(&name) { vec![] } else { vec![name.to_owned()] });
    assert!(refusal(&neither).contains("1 missing: shared_image_embedding.positional_embedding"));
}

#[test]
fn names_in_a_report_are_the_files_own() {
    let lost = "mask_decoder.upscale_layer_norm.bias";
    let misspelt = "model.mask_decoder.upscale_layer_nrm.bias";
    let file = renamed(&fixture("hugging_face"), |name| {
        vec![if name == lost { misspelt.to_owned() } else { format!("model.{name}") }]
    });
    let error = load(&file).unwrap_err();
    let SamError::BadCheckpoint(CheckpointFault::Tensors(faults)) = &error else { panic!("{error:?}") };
    assert_eq!(faults.missing, [format!("model.{lost}")]);
    assert_eq!(faults.extra, [misspelt]);
    assert_eq!(faults.nearest[&faults.missing[0]], misspelt);
    assert_eq!(faults.nearest[misspelt], faults.missing[0]);
    assert!(error.to_string().contains(&format!("(nearest known: model.{lost})")), "{error}");
}

#[test]
fn a_misshapen_tensor_is_named_with_one_of_its_shape() {
    let bytes = fixture("slim_sam");
    let (a, b) = ("vision_encoder.layers.0.mlp.lin2.weight", "vision_encoder.layers.1.mlp.lin2.weight");
    let swapped = renamed(&bytes, |name| {
        vec![
            if name == a {
                b
            } else if name == b {
                a
            } else {
                name
            }
            .to_owned(),
        ]
    });
    let error = load(&swapped).unwrap_err();
    let SamError::BadCheckpoint(CheckpointFault::Tensors(faults)) = &error else { panic!("{error:?}") };
    assert_eq!(faults.misshapen.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), [a, b]);
    assert_eq!((faults.nearest[a].as_str(), faults.nearest[b].as_str()), (b, a));
}

/// Of names in two layouts, those of the other one are extra.
#[test]
fn layouts_do_not_mix() {
    let file = renamed(&fixture("hugging_face"), |name| {
        vec![name.replace("vision_encoder.neck.conv1", "vision_encoder.neck.0")]
    });
    let refusal = refusal(&file);
    assert!(refusal.contains("1 missing: vision_encoder.neck.conv1.weight"), "{refusal}");
    assert!(refusal.contains("not part of the model: vision_encoder.neck.0.weight"), "{refusal}");
}

/// A hole in a file that describes itself only by its tensors is named, whichever tensor it is.
#[test]
fn any_missing_tensor_is_named() {
    for name in ["hugging_face", "slim_sam"] {
        let bytes = fixture(name);
        for lost in SafeTensors::deserialize(&bytes).unwrap().names() {
            if !POSITIONS.contains(&lost) {
                let file = renamed(&bytes, |name| if name == lost { vec![] } else { vec![name.to_owned()] });
                let refusal = refusal(&file);
                assert!(refusal.contains(lost), "without {lost}: {refusal}");
            }
        }
    }
}

#[test]
fn conversion_keeps_every_weight() {
    for (name, _) in LAYOUTS {
        let bytes = fixture(name);
        let (mut full, mut half) = (Vec::new(), Vec::new());
        convert(Cursor::new(&bytes), &mut full, false).unwrap();
        convert(Cursor::new(&bytes), &mut half, true).unwrap();
        let before = load(&bytes).unwrap();
        for after in [load(&full).unwrap(), load(&half).unwrap()] {
            assert_eq!(after.model().layout, Layout::BurnSam);
            assert_eq!(after.model().config, before.model().config);
            assert_eq!(after.model().parameters, before.model().parameters);
        }
        assert!(half.len() < full.len() * 2 / 3, "{name}: {} of {} bytes", half.len(), full.len());
        // Converting what has been converted changes nothing.
        let mut again = Vec::new();
        convert(Cursor::new(&full), &mut again, false).unwrap();
        assert_eq!(again, full);
    }
}

#[test]
fn a_value_too_large_for_f16_is_not_written() {
    let mut bytes = Vec::new();
    convert(Cursor::new(fixture("vit")), &mut bytes, false).unwrap();
    // The last tensor is a matrix of f32.
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&1e6f32.to_le_bytes());
    convert(Cursor::new(&bytes), Vec::new(), false).unwrap();
    let error = convert(Cursor::new(&bytes), Vec::new(), true).unwrap_err();
    assert_eq!(error.code(), "bad-checkpoint");
    assert!(error.to_string().contains("too large for f16"), "{error}");
}

#[test]
fn a_file_cut_short_or_longer_is_refused() {
    for (name, _) in LAYOUTS {
        let bytes = fixture(name);
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for length in (0..header).step_by(37).chain((header..bytes.len()).step_by(4099)).chain([bytes.len() - 1]) {
            refusal(&bytes[..length]);
        }
        refusal(&[&bytes[..], &[0]].concat());
    }
}

/// A flipped bit of the header is refused, or leaves a description that is still consistent; nothing panics.
#[test]
fn a_flipped_bit_of_the_header_never_panics() {
    for (name, _) in LAYOUTS {
        let mut bytes = fixture(name);
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let mut refused = 0;
        for at in (0..8).chain((8..header).step_by(97)) {
            for bit in [0, 1, 4, 7] {
                bytes[at] ^= 1 << bit;
                if let Err(error) = Loading::begin(Cursor::new(&bytes), &Device::default()) {
                    assert_eq!(error.code(), "bad-checkpoint", "{name}, byte {at}: {error}");
                    refused += 1;
                }
                bytes[at] ^= 1 << bit;
            }
        }
        assert!(refused > 0);
    }
}

/// Reads that fail, as a network drive's do.
struct Failing(Cursor<Vec<u8>>, u64);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.position() > self.1 {
            true => Err(std::io::Error::other("the drive was ejected")),
            false => self.0.read(buffer),
        }
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_source_that_cannot_be_read_says_why() {
    for limit in [0, 1000, 100_000] {
        let source = Failing(Cursor::new(fixture("vit")), limit);
        let error = Predictor::load(source, Origin::default(), &Device::default()).unwrap_err();
        assert_eq!(error.code(), "bad-checkpoint");
        assert!(error.to_string().contains("it could not be read: the drive was ejected"), "{error}");
    }
}
