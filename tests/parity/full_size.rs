//! The released sizes, with seeded random weights: too large to commit, made on the spot.
//!
//! ```sh
//! python tools/fixtures/fullsize.py /tmp/full
//! BURN_SAM_FULL_SIZE=/tmp/full cargo test --lib full_size -- --ignored --nocapture
//! ```

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use super::decoder::check_prompts;
use super::fixtures::Fixture;
use super::{END_TO_END, assert_close, channels_first, channels_last, device};
use crate::model::SamConfig;
use crate::{Origin, Predictor};

#[test]
#[ignore = "needs full-size checkpoints: python tools/fixtures/fullsize.py DIR, then BURN_SAM_FULL_SIZE=DIR"]
fn mobile_sam() {
    check("mobile_sam", "mobile-sam");
}

#[test]
#[ignore = "needs full-size checkpoints: python tools/fixtures/fullsize.py DIR, then BURN_SAM_FULL_SIZE=DIR"]
fn sam_vit_b() {
    check("sam_vit_b", "sam-vit-b");
}

fn check(file: &str, name: &str) {
    let folder = PathBuf::from(std::env::var_os("BURN_SAM_FULL_SIZE").expect("BURN_SAM_FULL_SIZE names the folder"));
    let read = |name: String| std::fs::read(folder.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let checkpoint = File::open(folder.join(format!("{file}.safetensors"))).unwrap();
    let predictor = Predictor::load(checkpoint, Origin::default(), &device()).unwrap();
    assert_eq!(predictor.model().name, name);
    assert_eq!(Some(&predictor.model().config), SamConfig::released(name).as_ref());
    let fixture = Fixture::parse(read(format!("{file}_cases.safetensors")));
    let started = Instant::now();
    let input = channels_last(&fixture.get("image/landscape/input"));
    let embedding = predictor.model().sam.image_encoder().forward(input);
    println!("{name}: encoded in {:.1} s", started.elapsed().as_secs_f32());
    let expected = fixture.get("image/landscape/embedding");
    assert_close(&format!("{name} embedding"), channels_first(embedding), &expected, END_TO_END);
    check_prompts(&fixture, &predictor, END_TO_END);
}
