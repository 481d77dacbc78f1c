//! Checkpoints of transformers' `SamModel`, as they are and pruned, against what transformers computes from them.

use std::io::Cursor;

use super::decoder::check_prompts;
use super::fixtures::{Fixture, bytes, predictor};
use super::{assert_close, channels_first, channels_last, device};
use crate::checkpoint::{Layout, convert};
use crate::{Origin, Predictor};

const CHECKPOINTS: [&str; 2] = ["hugging_face", "slim_sam"];
/// Both libraries sum the same few hundred products.
const TOLERANCE: f32 = 1e-5;

fn check(fixture: &Fixture, predictor: &Predictor) {
    let embedding = predictor.model().sam.image_encoder().forward(channels_last(&fixture.get("image/noise/input")));
    assert_close("embedding", channels_first(embedding), &fixture.get("image/noise/embedding"), TOLERANCE);
    check_prompts(fixture, predictor, TOLERANCE);
}

#[test]
fn equals_transformers() {
    for name in CHECKPOINTS {
        let predictor = predictor(&format!("tests/fixtures/{name}.safetensors"));
        assert_eq!(predictor.model().layout, Layout::HuggingFace);
        check(&Fixture::open(&format!("{name}_cases")), &predictor);
    }
}

/// The same weights in the original layout, in f32 and as the f16 they are: nothing is lost on the way.
#[test]
fn equals_transformers_after_conversion() {
    for name in CHECKPOINTS {
        for half in [false, true] {
            let mut converted = Vec::new();
            convert(Cursor::new(bytes(&format!("tests/fixtures/{name}.safetensors"))), &mut converted, half).unwrap();
            let predictor = Predictor::load(Cursor::new(converted), Origin::default(), &device()).unwrap();
            assert_eq!(predictor.model().layout, Layout::BurnSam);
            check(&Fixture::open(&format!("{name}_cases")), &predictor);
        }
    }
}
