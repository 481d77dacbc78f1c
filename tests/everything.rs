//! The generator step by step: what it asks for, what it refuses, what it has when it is stopped.

use burn_sam::everything::{EverythingOptions, OutputMode, PointGrids, Segmentation};
use burn_sam::{Device, ImageEmbedding, ImageReader, Origin, Predictor, SamError, block_on};

const WIDTH: usize = 90;
const HEIGHT: usize = 60;

fn predictor() -> Predictor {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny_vit.safetensors");
    Predictor::load(std::fs::File::open(file).unwrap(), Origin::default(), &Device::default()).unwrap()
}

fn image(predictor: &Predictor, width: usize, height: usize) -> ImageEmbedding {
    let mut reader = ImageReader::new(width, height, predictor.image_size()).unwrap();
    let rgba: Vec<u8> = (0..width * height * 4).map(|i| (i * 7 % 251) as u8).collect();
    reader.push(&rgba).unwrap();
    predictor.encode(reader).unwrap().run()
}

/// Nothing is filtered.
fn all(points_per_side: usize) -> EverythingOptions {
    EverythingOptions {
        points: PointGrids::PerSide(points_per_side),
        points_per_batch: 4,
        pred_iou_thresh: 0.0,
        stability_score_thresh: 0.0,
        box_nms_thresh: 1.0,
        crop_nms_thresh: 1.0,
        ..EverythingOptions::default()
    }
}

#[test]
fn points_are_done_batch_by_batch() {
    let mut everything = image(&predictor(), WIDTH, HEIGHT).everything(&all(3)).unwrap();
    let mut seen = Vec::new();
    while !block_on(everything.step()).unwrap() {
        seen.push((everything.done(), everything.candidates().len()));
    }
    // Three for each point: the whole image has no edge that cuts.
    assert_eq!(seen, [(4, 12), (8, 12)]);
    assert_eq!((everything.done(), everything.total(), everything.candidates().len()), (9, 9, 3));
    let candidate = &everything.candidates()[0];
    assert_eq!((candidate.width, candidate.height, candidate.data.len()), (16, 11, 16 * 11));
    assert_eq!(candidate.crop_box, [0, 0, WIDTH, HEIGHT]);
    assert!(block_on(everything.step()).unwrap(), "nothing is left");
    assert_eq!(everything.finish().len(), 27);
}

#[test]
fn what_was_done_is_there_when_it_is_stopped() {
    let mut everything = image(&predictor(), WIDTH, HEIGHT).everything(&all(3)).unwrap();
    assert!(!block_on(everything.step()).unwrap());
    assert_eq!(everything.finish().len(), 12);
}

#[test]
fn a_crop_that_is_wanted_must_be_supplied() {
    let predictor = predictor();
    let options = EverythingOptions { crop_n_layers: 1, crop_overlap_ratio: 0.0, ..all(1) };
    let mut everything = image(&predictor, WIDTH, HEIGHT).everything(&options).unwrap();
    assert_eq!((everything.wanted(), everything.total()), (None, 5));
    let refused = |result: Result<(), SamError>| assert_eq!(result.unwrap_err().code(), "bad-image");
    refused(everything.supply(image(&predictor, 45, 30)));
    assert!(!block_on(everything.step()).unwrap());
    // The crops of a layer come column by column.
    let mut wanted = Vec::new();
    while let Some([x, y, width, height]) = everything.wanted() {
        wanted.push([x, y, width, height]);
        refused(block_on(everything.step()).map(drop));
        refused(everything.supply(image(&predictor, width + 1, height)));
        refused(everything.supply(image(&self::predictor(), width, height)));
        everything.supply(image(&predictor, width, height)).unwrap();
        block_on(everything.step()).unwrap();
    }
    assert_eq!(wanted, [[0, 0, 45, 30], [0, 30, 45, 30], [45, 0, 45, 30], [45, 30, 45, 30]]);
    assert!(block_on(everything.step()).unwrap());
}

#[test]
fn a_bad_parameter_is_named() {
    let image = image(&predictor(), WIDTH, HEIGHT);
    let options = EverythingOptions { crop_n_layers: 8, crop_overlap_ratio: 0.0, ..all(1) };
    let Err(SamError::BadPrompt { field, .. }) = image.everything(&options) else { panic!("the crops have no pixels") };
    assert_eq!(field, "crop_n_layers");
}

#[test]
fn a_mask_has_the_form_that_was_asked_for() {
    let image = image(&predictor(), WIDTH, HEIGHT);
    let of = |output_mode| {
        let everything = image.everything(&EverythingOptions { output_mode, ..all(1) }).unwrap();
        block_on(everything.run(|_| unreachable!("no crops were asked for"))).unwrap().remove(0)
    };
    let record = of(OutputMode::BinaryMask);
    let Segmentation::BinaryMask(pixels) = &record.segmentation else { panic!("pixels were asked for") };
    assert_eq!(pixels.len(), WIDTH * HEIGHT);
    assert_eq!(pixels.iter().filter(|pixel| **pixel == 1).count(), record.area);
    let Segmentation::UncompressedRle { size, counts } = of(OutputMode::UncompressedRle).segmentation else {
        panic!("runs were asked for")
    };
    assert_eq!((size, counts.iter().sum::<u32>() as usize), ([HEIGHT, WIDTH], WIDTH * HEIGHT));
    assert!(matches!(of(OutputMode::CocoRle).segmentation, Segmentation::CocoRle { .. }));
}
