//! Loading is strict: what does not fit is refused and named, and nothing else happens.

use std::collections::HashMap;
use std::io::Cursor;

use burn_sam::{CheckpointFault, Device, Origin, Predictor, SamError};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};

const TINY_VIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny_vit.safetensors");
/// Tensors of no model.
const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pytorch/tensors.safetensors");
const VIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/vit.safetensors");

fn load(bytes: &[u8]) -> Result<Predictor, SamError> {
    Predictor::load(Cursor::new(bytes), Origin::default(), &Device::default())
}

/// Why a checkpoint is refused.
fn refusal(bytes: &[u8]) -> String {
    let error = load(bytes).expect_err("it should be refused");
    assert_eq!(error.code(), "bad-checkpoint");
    error.to_string()
}

/// A fixture's tensors and metadata, to be changed and written again.
struct Parts {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
    metadata: HashMap<String, String>,
}

impl Parts {
    fn read() -> Self {
        Self::of(TINY_VIT)
    }

    fn of(file: &str) -> Self {
        let bytes = std::fs::read(file).unwrap();
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

/// What `fuzz/` does at random, in every place of a small file.
#[test]
fn a_changed_file_is_refused_or_read() {
    let mut bytes = std::fs::read(SMALL).unwrap();
    for length in 0..bytes.len() {
        refusal(&bytes[..length]);
    }
    for at in 0..bytes.len() {
        for flip in [1 << (at % 8), 0xff] {
            bytes[at] ^= flip;
            refusal(&bytes);
            bytes[at] ^= flip;
        }
    }
}

#[test]
fn files_of_other_kinds_are_refused() {
    refusal(b"hello, world");
    refusal(&[0xff; 64]);
    let nothing: [(String, TensorView<'_>); 0] = [];
    assert!(refusal(&serialize(nothing, None).unwrap()).contains("no tensors"));
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

/// A released checkpoint describes itself only by its tensors: a hole in it must neither be taken for the end of a list
/// nor end in a panic.
#[test]
fn any_missing_tensor_is_named_where_there_is_no_config() {
    for mut parts in [Parts::read(), vit_with_eight_heads()] {
        parts.metadata.remove("config");
        load(&parts.write()).unwrap();
        let ignored = ["num_batches_tracked", "attention_bias_idxs", "image_encoder.head.", "image_encoder.norm_head."];
        for index in 0..parts.tensors.len() {
            let removed = parts.tensors.remove(index);
            if !ignored.iter().any(|part| removed.0.contains(part)) {
                let refusal = refusal(&parts.write());
                assert!(refusal.contains(&removed.0), "without {}: {refusal}", removed.0);
            }
            parts.tensors.insert(index, removed);
        }
    }
}

/// A ViT whose decoder has the heads of the released ones, which no tensor tells: the other fixture's.
fn vit_with_eight_heads() -> Parts {
    let (mut vit, tiny_vit) = (Parts::of(VIT), Parts::read());
    let is_encoder = |name: &str| name.starts_with("image_encoder.") && !name.starts_with("image_encoder.neck.");
    let (_, _, shape, data) = vit.tensor("image_encoder.neck.0.weight");
    data.truncate(data.len() / shape[0] * 16);
    shape[0] = 16;
    vit.tensors.retain(|(name, ..)| is_encoder(name) || name == "image_encoder.neck.0.weight");
    let others = tiny_vit.tensors.into_iter().filter(|(name, ..)| {
        !name.starts_with("image_encoder.")
            || (name.starts_with("image_encoder.neck.") && name != "image_encoder.neck.0.weight")
    });
    vit.tensors.extend(others);
    vit
}

#[test]
fn a_missing_tensor_is_named_once() {
    let mut parts = Parts::read();
    let name = "image_encoder.patch_embed.seq.0.bn.running_var";
    parts.tensors.retain(|(found, ..)| found != name);
    let refusal = refusal(&parts.write());
    assert_eq!(refusal.matches(name).count(), 1, "{refusal}");
}

/// Tables of position biases are spread over all pairs of tokens: 8 MB of a file would become 34 GB.
#[test]
fn a_config_whose_biases_would_fill_the_memory_is_refused() {
    let mut parts = Parts::read();
    parts.config("\"windows\": [4, 4, 4, 3]", "\"windows\": [4, 64, 4, 3]");
    parts.config("\"dims\": [8, 16, 24, 32]", "\"dims\": [8, 512, 24, 32]");
    parts.config("\"heads\": [1, 2, 2, 4]", "\"heads\": [1, 512, 2, 4]");
    let refusal = refusal(&parts.write());
    assert!(refusal.contains("position biases"), "{refusal}");
}

/// The kernels of attention keep a head's numbers at hand.
#[test]
fn a_config_with_a_head_too_wide_is_refused() {
    let mut parts = Parts::read();
    parts.config("\"dims\": [8, 16, 24, 32]", "\"dims\": [8, 514, 24, 32]");
    let refusal = refusal(&parts.write());
    assert!(refusal.contains("the width of a head is 257; it must be 1 to 256"), "{refusal}");
}

/// A small file may say that it is of any size: only its layers' results tell that none has the memory.
#[test]
fn a_config_whose_layers_would_fill_the_memory_is_refused() {
    let mut parts = Parts::read();
    parts.config("\"image_size\": 64", "\"image_size\": 4096");
    assert!(load(&parts.write()).is_ok());
    parts.config("\"dims\": [8, 16, 24, 32]", "\"dims\": [320, 16, 24, 32]");
    let refused = refusal(&parts.write());
    let expanded: usize = 4 * 320;
    assert!(refused.contains(&format!("would take {} MB", (1024 * 1024 * expanded * 4) >> 20)), "{refused}");
}

/// Names, shapes, types and the description of the model, each with some letters or digits of others: whatever that makes of
/// the file is refused, or loads, and nothing else happens.
#[test]
fn a_header_with_wrong_letters_does_no_harm() {
    let mut seed = 1_u32;
    let mut next = |below: usize| {
        // The constants of Numerical Recipes.
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for mut parts in [Parts::read(), Parts::of(VIT), vit_with_eight_heads()] {
        for with_config in [true, false] {
            if !with_config {
                parts.metadata.clear();
            }
            let file = parts.write();
            let end = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
            let mut refused = 0;
            for _ in 0..250 {
                let mut changed = file.clone();
                for _ in 0..1 + next(3) {
                    let at = 8 + next(end - 8);
                    let others: &[u8] = match changed[at] {
                        b'0'..=b'9' => b"0123456789",
                        b'a'..=b'z' => b"abcdefghijklmnopqrstuvwxyz",
                        _ => continue,
                    };
                    changed[at] = others[next(others.len())];
                }
                if let Err(error) = load(&changed) {
                    assert_eq!(error.code(), "bad-checkpoint", "{error}");
                    refused += 1;
                }
            }
            assert!(refused > 100, "{refused}");
        }
    }
}

/// Names are compared letter by letter with those of the model, to say which is the nearest.
#[test]
fn names_and_numbers_of_tensors_that_no_model_has_are_refused() {
    let tensor = |name: String| (name, Dtype::F32, vec![0], Vec::new());
    let parts =
        |names: Vec<String>| Parts { tensors: names.into_iter().map(tensor).collect(), metadata: HashMap::new() };
    let long = format!("{}.image_encoder.blocks.0.x", "a".repeat(3_000_000));
    let refused = refusal(&parts(vec![long]).write());
    assert!(refused.contains("too long: aaaa") && refused.len() < 400, "{refused}");

    let many = (0..40_000).map(|i| format!("image_encoder.{i}")).collect();
    let refused = refusal(&parts(many).write());
    assert!(refused.contains("more than 32768 tensors"), "{refused}");

    // As many and as long as may be: not all of them are compared.
    let mut wide = Parts::read();
    wide.tensors.retain(|(name, ..)| name != "prompt_encoder.not_a_point_embed.weight");
    wide.tensors.extend((0..6000).map(|i| tensor(format!("image_encoder.{i:0>450}\u{7}"))));
    let refused = refusal(&wide.write());
    assert!(refused.contains("1 missing: prompt_encoder.not_a_point_embed.weight"), "{refused}");
    assert!(refused.contains("6000 not part of the model: image_encoder.0"), "{refused}");
    assert!(!refused.contains('\u{7}') && refused.len() < 3000, "{refused}");
}

/// Kernels of other sizes hold as many weights or none at all; neither may pass for the model's own.
#[test]
fn a_patch_convolution_of_another_kernel_is_misshapen() {
    let name = "image_encoder.patch_embed.proj.weight";
    let own = Parts::of(VIT).tensor(name).2.clone();
    let [outputs, 3, 16, 16] = own[..] else { panic!("{own:?}") };
    for shape in [vec![outputs, 12, 8, 8], vec![0, 3, 1 << 16, 1 << 16], vec![outputs, 0, 16, 16], vec![outputs]] {
        let mut parts = Parts::of(VIT);
        let (_, _, stored, data) = parts.tensor(name);
        data.resize(shape.iter().product::<usize>() * 4, 0);
        *stored = shape.clone();
        let refusal = refusal(&parts.write());
        assert!(refusal.contains(&format!("{name} {shape:?}, expected {own:?}")), "{refusal}");
        parts.metadata.remove("config");
        self::refusal(&parts.write());
    }
}

#[test]
fn what_does_not_fit_can_be_read_off_the_error() {
    let mut parts = Parts::read();
    parts.tensors.retain(|(name, ..)| name != "mask_decoder.iou_token.weight");
    parts.tensors.push(("mask_decoder.surprise".into(), Dtype::F32, vec![1], vec![0; 4]));
    parts.tensor("prompt_encoder.no_mask_embed.weight").1 = Dtype::I32;
    let (_, _, shape, data) = parts.tensor("prompt_encoder.not_a_point_embed.weight");
    *shape = vec![1, 8];
    data.truncate(8 * 4);
    let error = load(&parts.write()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this checkpoint cannot be used: 1 missing: mask_decoder.iou_token.weight (nearest in the file: \
         mask_decoder.surprise); 1 of another shape: prompt_encoder.not_a_point_embed.weight [1, 8], expected [1, 16]; \
         1 unreadable: prompt_encoder.no_mask_embed.weight is I32; f32, f16 and bf16 are read; 1 not part of the model: \
         mask_decoder.surprise (nearest known: mask_decoder.iou_token.weight)"
    );
    let SamError::BadCheckpoint(CheckpointFault::Tensors(faults)) = error else { panic!("{error:?}") };
    assert_eq!(faults.missing, ["mask_decoder.iou_token.weight"]);
    assert_eq!(faults.extra, ["mask_decoder.surprise"]);
    assert_eq!(faults.misshapen[0].key, "prompt_encoder.not_a_point_embed.weight");
    assert_eq!((&faults.misshapen[0].found[..], &faults.misshapen[0].expected[..]), (&[1, 8][..], &[1, 16][..]));
    assert_eq!(faults.unreadable[0].key, "prompt_encoder.no_mask_embed.weight");
    assert_eq!(faults.unreadable[0].dtype, "I32");
}
