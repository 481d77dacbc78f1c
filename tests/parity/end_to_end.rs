//! From the reference's preprocessed tensor, and from pixels, to masks at the size of the image.

use super::fixtures::{Fixture, bytes, predictor, text};
use super::{END_TO_END, MODELS, assert_values, channels_last};
use crate::geometry::Geometry;
use crate::{
    Box, ImageEmbedding, ImageReader, Label, Mask, MaskData, MaskPrompt, Output, Point, Predictor, Prompt,
    SegmentOptions, block_on,
};

/// From the preprocessed tensor: low-res logits, scores, and logits at the image's size.
#[test]
fn small_models() {
    for model in MODELS {
        println!("== {model}");
        let fixture = Fixture::open(&format!("{model}_cases"));
        let predictor = predictor(&format!("tests/fixtures/{model}.safetensors"));
        for case in fixture.list("end_to_end") {
            let image = text(case, "image");
            let size = fixture.list("images").iter().find(|i| i["name"] == image).unwrap()["original_size"].clone();
            let [height, width] = [0, 1].map(|axis| size[axis].as_u64().unwrap() as usize);
            let geometry = Geometry::new(width, height, predictor.image_size()).unwrap();
            let input = channels_last(&fixture.get(&format!("image/{image}/input")));
            let embedding = predictor.encode_tensor(input, geometry).run();
            check(&fixture, case, &embedding, true);
        }
    }
}

/// The built-in model on our own test scene, from pixels.
#[test]
fn built_in_model_on_the_scene() {
    let predictor = predictor("pkg/models/tiny.safetensors");
    let fixture = Fixture::open("tiny_photo");
    let picture = image::load_from_memory(&bytes("tests/fixtures/scene.png")).unwrap();
    let embedding = encode(&predictor, &picture);
    for case in fixture.list("end_to_end") {
        check(&fixture, case, &embedding, false);
    }
}

/// Several prompts at once give what each gives alone.
#[test]
fn a_batch_equals_its_members() {
    let predictor = predictor("pkg/models/tiny.safetensors");
    let picture = image::load_from_memory(&bytes("tests/fixtures/scene.png")).unwrap();
    let embedding = encode(&predictor, &picture);
    let point = |x, y| Point::foreground(x, y).unwrap();
    let prompts = [
        Prompt::new().with_point(point(80.0, 60.0)),
        Prompt::new().with_box(Box::new([40.0, 30.0, 200.0, 180.0]).unwrap()),
        Prompt::new().with_point(point(250.0, 180.0)),
        Prompt::new(),
    ];
    let options = SegmentOptions { output: Output::Logits, ..SegmentOptions::default() };
    let together = block_on(embedding.segment(&prompts, &options)).unwrap();
    assert_eq!(together.len(), prompts.len());
    for (prompt, together) in prompts.iter().zip(together) {
        let alone = block_on(embedding.segment(std::slice::from_ref(prompt), &options)).unwrap().remove(0);
        assert_eq!(alone.len(), 3);
        for (a, b) in alone.iter().zip(&together) {
            assert_eq!(a.token, b.token);
            assert_values("low-res logits", &b.low_res, &a.low_res, 1e-5);
        }
    }
}

/// A saved embedding gives the very same masks.
#[test]
fn a_saved_embedding_gives_identical_masks() {
    let predictor = predictor("pkg/models/tiny.safetensors");
    let picture = image::load_from_memory(&bytes("tests/fixtures/scene.png")).unwrap();
    let embedding = encode(&predictor, &picture);
    let again = predictor.open(&block_on(embedding.save()).unwrap()).unwrap();
    let prompt = [Prompt::new().with_point(Point::foreground(80.0, 60.0).unwrap())];
    let options = SegmentOptions::default();
    assert_eq!(
        block_on(embedding.segment(&prompt, &options)).unwrap(),
        block_on(again.segment(&prompt, &options)).unwrap()
    );
}

pub fn encode(predictor: &Predictor, picture: &image::DynamicImage) -> ImageEmbedding {
    let rgba = picture.to_rgba8();
    let (width, height) = (rgba.width() as usize, rgba.height() as usize);
    let mut reader = ImageReader::new(width, height, predictor.image_size()).unwrap();
    reader.push(rgba.as_raw()).unwrap();
    predictor.encode(reader).unwrap().run()
}

fn segment(fixture: &Fixture, case: &serde_json::Value, embedding: &ImageEmbedding, output: Output) -> Vec<Mask> {
    let get = |part: &str| fixture.find(&format!("e2e/{}/{part}", text(case, "name")));
    let mut prompt = Prompt::new();
    if let (Some(points), Some(labels)) = (get("points"), get("labels")) {
        for (position, label) in points.data.chunks(2).zip(labels.data) {
            let label = if label == 1.0 { Label::Foreground } else { Label::Background };
            prompt = prompt.with_point(Point::new(position[0], position[1], label).unwrap());
        }
    }
    if let Some(corners) = get("box") {
        prompt = prompt.with_box(Box::new(corners.data[..].try_into().unwrap()).unwrap());
    }
    if let Some(mask) = get("mask_input") {
        prompt = prompt.with_mask(MaskPrompt::LowRes(mask.data));
    }
    let multimask = case["multimask"].as_bool().unwrap();
    let options = SegmentOptions { multimask, output, ..SegmentOptions::default() };
    let mut masks = block_on(embedding.segment(&[prompt], &options)).unwrap().remove(0);
    assert!(masks.windows(2).all(|pair| pair[0].score >= pair[1].score), "best score first");
    masks.sort_by_key(|mask| mask.token);
    masks
}

/// Scores, low-res logits, and either the logits at the image's size or, where the fixture has none, the masks.
fn check(fixture: &Fixture, case: &serde_json::Value, embedding: &ImageEmbedding, full_size: bool) {
    let name = text(case, "name");
    let get = |part: &str| fixture.get(&format!("e2e/{name}/{part}"));
    let masks = segment(fixture, case, embedding, Output::Logits);
    let scores: Vec<f32> = masks.iter().map(|mask| mask.score).collect();
    assert_values(&format!("{name} scores"), &scores, &get("iou").data, END_TO_END);
    let low_res: Vec<f32> = masks.iter().flat_map(|mask| mask.low_res.clone()).collect();
    let expected = get("low_res");
    assert_values(&format!("{name} low-res logits"), &low_res, &expected.data, END_TO_END);
    assert_same_sign(&format!("{name} low-res logits"), &low_res, &expected.data);
    if full_size {
        let logits: Vec<f32> = masks.iter().flat_map(|mask| logits(mask).to_vec()).collect();
        let expected = get("logits");
        assert_values(&format!("{name} logits"), &logits, &expected.data, END_TO_END);
        assert_same_sign(&format!("{name} logits"), &logits, &expected.data);
    } else {
        check_iou(fixture, case, &segment(fixture, case, embedding, Output::Mask), 0.999);
    }
}

fn logits(mask: &Mask) -> &[f32] {
    match &mask.data {
        MaskData::Logits(values) => values,
        MaskData::Binary(_) => panic!("logits were asked for"),
    }
}

/// The sign of every logit that is further from zero than ten times the tolerance.
fn assert_same_sign(name: &str, actual: &[f32], expected: &[f32]) {
    let scale = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let clear = |v: f32| v.abs() > 10.0 * END_TO_END * scale;
    let wrong = actual.iter().zip(expected).filter(|(a, e)| clear(**e) && (**a > 0.0) != (**e > 0.0)).count();
    assert_eq!(wrong, 0, "{name}: {wrong} pixels have another sign");
}

/// Compares binary masks with the reference's, kept as run lengths that begin with the zeros.
fn check_iou(fixture: &Fixture, case: &serde_json::Value, masks: &[Mask], at_least: f64) {
    let name = text(case, "name");
    for (index, mask) in masks.iter().enumerate() {
        let runs = fixture.get(&format!("e2e/{name}/runs/{index}")).data;
        let expected: Vec<u8> =
            runs.iter().enumerate().flat_map(|(i, run)| std::iter::repeat_n((i % 2) as u8, *run as usize)).collect();
        let MaskData::Binary(actual) = &mask.data else { panic!("a mask was asked for") };
        assert_eq!(actual.len(), expected.len(), "{name}: pixels");
        let count = |of: fn(u8, u8) -> bool| actual.iter().zip(&expected).filter(|(a, e)| of(**a, **e)).count();
        let (both, either) = (count(|a, e| a + e == 2), count(|a, e| a + e > 0));
        let iou = if either == 0 { 1.0 } else { both as f64 / either as f64 };
        println!("{name} mask {}: IoU {iou:.5}", mask.token);
        assert!(iou >= at_least, "{name} mask {}: IoU {iou}, at least {at_least}", mask.token);
    }
}
