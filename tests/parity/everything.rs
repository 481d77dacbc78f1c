//! Automatic masks: the reference's filters on the same logits, and the built-in model on the scene.

use serde_json::Value;

use super::end_to_end::encode;
use super::fixtures::{Fixture, bytes, predictor, text};
use crate::block_on;
use crate::everything::{
    Answer, EverythingOptions, Filter, OutputMode, PointGrids, Record, Scanner, Segmentation, crops, grids,
};
use crate::geometry::Geometry;

/// Largest error of a score by the built-in model.
const SCORE: f32 = 1e-3;

/// Nothing of a record may differ, nor may their order.
#[test]
fn the_same_logits_give_the_same_records() {
    let fixture = Fixture::open("everything");
    let cases = fixture.list("filter");
    for case in cases {
        let (records, expected) = (replay(&fixture, case), expected(&fixture, "filter", case));
        let name = text(case, "name");
        println!("{name}: {} records", expected.len());
        assert_eq!(records.len(), expected.len(), "{name}: records");
        for (index, (record, expected)) in records.into_iter().zip(expected).enumerate() {
            let place = format!("{name}, record {index}");
            let numbers = |r: &Record| {
                let stability = if r.stability_score.is_nan() { None } else { Some(r.stability_score) };
                (r.area, r.bbox, r.predicted_iou, stability, r.crop_box)
            };
            assert_eq!(numbers(&record), numbers(&expected), "{place}");
            // The reader of the fixture may round a number's last bit another way.
            let points = record.point_coords.iter().flatten().zip(expected.point_coords.iter().flatten());
            assert!(
                points.clone().count() == 2 && points.into_iter().all(|(a, e)| (a - e).abs() < 1e-12),
                "{place}: point"
            );
            assert!(record.segmentation == expected.segmentation, "{place}: the masks differ");
        }
    }
}

/// Every form of a mask is the same mask.
#[test]
fn the_forms_of_a_mask_agree() {
    let fixture = Fixture::open("everything");
    let case = &fixture.list("filter")[0];
    let records = |mode| {
        let mut case = case.clone();
        case["options"]["output_mode"] = Value::from(mode);
        replay(&fixture, &case)
    };
    let [binary, runs, coco] = ["binary_mask", "uncompressed_rle", "coco_rle"].map(records);
    for ((binary, runs), coco) in binary.iter().zip(&runs).zip(&coco) {
        let Segmentation::BinaryMask(pixels) = &binary.segmentation else { panic!("pixels were asked for") };
        let Segmentation::UncompressedRle { size, counts } = &runs.segmentation else { panic!("runs were asked for") };
        let Segmentation::CocoRle { size: coco_size, counts: text } = &coco.segmentation else { panic!("COCO's text") };
        assert_eq!(&from_columns(counts, *size), pixels);
        assert_eq!((coco_size, text.is_empty()), (size, false));
        assert_eq!(pixels.iter().filter(|pixel| **pixel == 1).count(), binary.area);
    }
}

/// From pixels to records. Masks may differ in the pixels of their edge; thresholds are far from every score.
#[test]
fn built_in_model_on_the_scene() {
    let predictor = predictor("pkg/models/tiny.safetensors");
    let fixture = Fixture::open("everything");
    let picture = image::load_from_memory(&bytes("tests/fixtures/scene.png")).unwrap();
    let whole = encode(&predictor, &picture);
    for case in fixture.list("scene") {
        let name = text(case, "name");
        // In one batch of points as in many.
        for points_per_batch in [64, 5] {
            let options = EverythingOptions { points_per_batch, ..options(case) };
            let everything = whole.everything(&options).unwrap();
            let crop = |[x, y, w, h]: [usize; 4]| {
                Ok(encode(&predictor, &picture.crop_imm(x as u32, y as u32, w as u32, h as u32)))
            };
            let records = block_on(everything.run(crop)).unwrap();
            let expected = expected(&fixture, "scene", case);
            assert_eq!(records.len(), expected.len(), "{name}: records");
            for (index, (record, expected)) in records.iter().zip(&expected).enumerate() {
                check(&format!("{name}, record {index}"), record, expected);
            }
        }
    }
}

fn check(name: &str, record: &Record, expected: &Record) {
    let place = |record: &Record| (record.point_coords.clone(), record.crop_box);
    assert_eq!(place(record), place(expected), "{name}");
    let pixels = |record: &Record| match &record.segmentation {
        Segmentation::UncompressedRle { size, counts } => from_columns(counts, *size),
        other => panic!("run lengths were asked for, not {other:?}"),
    };
    let (actual, reference) = (pixels(record), pixels(expected));
    let count = |at_least: u8| actual.iter().zip(&reference).filter(|(a, e)| **a + **e >= at_least).count();
    let iou = count(2) as f64 / count(1) as f64;
    let scores = [record.predicted_iou - expected.predicted_iou, record.stability_score - expected.stability_score];
    println!("{name}: IoU {iou:.5}, errors of the scores {scores:?}");
    assert!(iou >= 0.999, "{name}: IoU {iou}");
    assert!(scores.iter().all(|error| error.abs() <= SCORE), "{name}: errors of the scores {scores:?}");
    assert!(record.bbox.iter().zip(expected.bbox).all(|(a, e)| a.abs_diff(e) <= 1), "{name}: {:?}", record.bbox);
}

/// The reference's own logits and scores through our filters.
fn replay(fixture: &Fixture, case: &Value) -> Vec<Record> {
    let name = text(case, "name");
    let options = options(case);
    let [height, width] = size(case);
    let (step, input_size) = (case["step"].as_f64().unwrap() as f32, case["input_size"].as_u64().unwrap() as usize);
    let values = fixture.get(&format!("filter/{name}/logits"));
    let logits: Vec<f32> = values.data.iter().map(|value| value * step).collect();
    let scores = fixture.get(&format!("filter/{name}/scores")).data;
    let mut answers = scores.iter().zip(logits.chunks_exact((input_size / 4).pow(2)));

    let grids = grids(&options).unwrap();
    let mut filter = Filter::new(options.clone(), [width, height]);
    for crop in crops([width, height], &options).unwrap() {
        let scanner = Scanner::new(Geometry::new(crop.width(), crop.height(), input_size).unwrap());
        for [x, y] in &grids[crop.layer] {
            let point = [x * crop.width() as f64, y * crop.height() as f64];
            for (score, logits) in answers.by_ref().take(3) {
                filter.add(&scanner, &crop, Answer { point, score: *score, logits });
            }
        }
        filter.end_crop();
    }
    assert!(answers.next().is_none(), "{name}: points are missing");
    filter.finish().into_iter().map(|found| found.record(options.output_mode)).collect()
}

fn options(case: &Value) -> EverythingOptions {
    let mut options = EverythingOptions::default();
    for (name, value) in case["options"].as_object().unwrap() {
        let number = || value.as_f64().unwrap();
        let count = || value.as_u64().unwrap() as usize;
        match name.as_str() {
            "points_per_side" if value.is_null() => {}
            "points_per_side" => options.points = PointGrids::PerSide(count()),
            "point_grids" => options.points = PointGrids::Explicit(serde_json::from_value(value.clone()).unwrap()),
            "points_per_batch" => options.points_per_batch = count(),
            "pred_iou_thresh" => options.pred_iou_thresh = number(),
            "stability_score_thresh" => options.stability_score_thresh = number(),
            "stability_score_offset" => options.stability_score_offset = number(),
            "box_nms_thresh" => options.box_nms_thresh = number(),
            "crop_n_layers" => options.crop_n_layers = count(),
            "crop_nms_thresh" => options.crop_nms_thresh = number(),
            "crop_overlap_ratio" => options.crop_overlap_ratio = number(),
            "crop_n_points_downscale_factor" => options.crop_n_points_downscale_factor = count(),
            "min_mask_region_area" => options.min_mask_region_area = count(),
            "output_mode" => options.output_mode = output_mode(value.as_str().unwrap()),
            other => panic!("{other} is no parameter"),
        }
    }
    options
}

fn output_mode(name: &str) -> OutputMode {
    match name {
        "binary_mask" => OutputMode::BinaryMask,
        "uncompressed_rle" => OutputMode::UncompressedRle,
        "coco_rle" => OutputMode::CocoRle,
        other => panic!("{other} is no output mode"),
    }
}

fn size(case: &Value) -> [usize; 2] {
    [0, 1].map(|axis| case["size"][axis].as_u64().unwrap() as usize)
}

/// The records of a case as the fixture has them.
fn expected(fixture: &Fixture, section: &str, case: &Value) -> Vec<Record> {
    let size = size(case);
    let mode = options(case).output_mode;
    let counts = fixture.find(&format!("{section}/{}/counts", text(case, "name")));
    let counts: Vec<u32> = counts.map_or(Vec::new(), |counts| counts.data.iter().map(|count| *count as u32).collect());
    let mut rest = &counts[..];
    let record = |record: &Value| {
        let mut runs = || {
            let (runs, after) = rest.split_at(record["runs"].as_u64().unwrap() as usize);
            rest = after;
            runs.to_vec()
        };
        let segmentation = match mode {
            OutputMode::BinaryMask => Segmentation::BinaryMask(from_rows(&runs())),
            OutputMode::UncompressedRle => Segmentation::UncompressedRle { size, counts: runs() },
            OutputMode::CocoRle => Segmentation::CocoRle { size, counts: text(record, "counts").into() },
        };
        let read = |name: &str| serde_json::from_value::<Vec<f64>>(record[name].clone()).unwrap();
        let corners = |name: &str| <[usize; 4]>::try_from(read(name).iter().map(|v| *v as usize).collect::<Vec<_>>());
        Record {
            segmentation,
            area: record["area"].as_u64().unwrap() as usize,
            bbox: corners("bbox").unwrap(),
            predicted_iou: record["predicted_iou"].as_f64().unwrap() as f32,
            point_coords: serde_json::from_value(record["point_coords"].clone()).unwrap(),
            stability_score: record["stability_score"].as_f64().map_or(f32::NAN, |score| score as f32),
            crop_box: corners("crop_box").unwrap(),
        }
    };
    case["records"].as_array().unwrap().iter().map(record).collect()
}

fn from_rows(runs: &[u32]) -> Vec<u8> {
    let run = |(index, count): (usize, &u32)| std::iter::repeat_n((index % 2) as u8, *count as usize);
    runs.iter().enumerate().flat_map(run).collect()
}

fn from_columns(runs: &[u32], [height, width]: [usize; 2]) -> Vec<u8> {
    let columns = from_rows(runs);
    (0..height * width).map(|index| columns[index % width * height + index / width]).collect()
}
