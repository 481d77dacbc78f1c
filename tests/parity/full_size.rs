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
use crate::checkpoint::{LoadedModel, Loading};
use crate::geometry::Geometry;
use crate::model::SamConfig;
use crate::{Origin, Point, Precision, Predictor, Prompt, block_on};

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
    let checkpoint = File::open(folder().join(format!("{file}.safetensors"))).unwrap();
    let predictor = Predictor::load(checkpoint, Origin::default(), &device()).unwrap();
    assert_eq!(predictor.model().name, name);
    assert_eq!(Some(&predictor.model().config), SamConfig::released(name).as_ref());
    let fixture = Fixture::parse(read(&format!("{file}_cases.safetensors")));
    let started = Instant::now();
    let input = channels_last(&fixture.get("image/landscape/input"));
    let embedding = predictor.model().sam.image_encoder().forward(input);
    println!("{name}: encoded in {:.1} s", started.elapsed().as_secs_f32());
    let expected = fixture.get("image/landscape/embedding");
    assert_close(&format!("{name} embedding"), channels_first(embedding), &expected, END_TO_END);
    check_prompts(&fixture, &predictor, END_TO_END);
}

#[test]
#[ignore = "needs full-size checkpoints: python tools/fixtures/fullsize.py DIR, then BURN_SAM_FULL_SIZE=DIR"]
fn mobile_sam_in_f16() {
    check_f16("mobile_sam");
}

#[test]
#[ignore = "needs full-size checkpoints: python tools/fixtures/fullsize.py DIR, then BURN_SAM_FULL_SIZE=DIR"]
fn sam_vit_b_in_f16() {
    check_f16("sam_vit_b");
}

/// Weights rounded to f16 give the same masks: an intersection over union of 0.99 and more.
fn check_f16(file: &str) {
    let input = channels_last(&Fixture::parse(read(&format!("{file}_cases.safetensors"))).get("image/landscape/input"));
    let [_, side, ..] = input.dims();
    let places = [0.25, 0.5, 0.75].map(|part| part * side as f32);
    let clicks = places.iter().flat_map(|y| places.map(|x| Point::foreground(x, *y).unwrap()));
    let clicks: Vec<Prompt> = clicks.map(|point| Prompt::new().with_point(point)).collect();
    let [wide, half] = [Precision::F32, Precision::F16].map(|precision| {
        let open = || File::open(folder().join(format!("{file}.safetensors"))).unwrap();
        let loaded = Loading::begin(open(), &device()).unwrap().with_precision(precision).finish().unwrap();
        assert_eq!(loaded.precision, precision);
        let predictor = Predictor::new(LoadedModel::new(loaded, Origin::default(), open()).unwrap(), &device());
        let image = predictor.encode_tensor(input.clone(), Geometry::new(side, side, side).unwrap()).run();
        let mut masks = block_on(image.decode(&clicks, true)).unwrap();
        masks.iter_mut().for_each(|masks| masks.sort_by_key(|mask| mask.token));
        masks.concat()
    });
    let ious = wide.iter().zip(&half).map(|(wide, half)| {
        let pixels = || wide.logits.iter().zip(&half.logits).map(|(a, b)| (*a > 0.0, *b > 0.0));
        let [both, either] = [pixels().filter(|(a, b)| *a && *b).count(), pixels().filter(|(a, b)| *a || *b).count()];
        assert!(either > 0, "an empty mask");
        both as f64 / either as f64
    });
    let least = ious.fold(1.0, f64::min);
    println!("{file}: {} masks, the least alike with an IoU of {least:.4}", wide.len());
    assert!((0.99..1.0).contains(&least));
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("BURN_SAM_FULL_SIZE").expect("BURN_SAM_FULL_SIZE names the folder"))
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
