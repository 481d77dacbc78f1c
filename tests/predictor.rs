//! What cannot be encoded, asked or opened is refused with a code; what can be is answered.

use burn_sam::geometry::MAX_SIDE;
use burn_sam::{
    Box, Device, ImageEmbedding, ImageReader, MaskPrompt, Origin, Point, Predictor, Prompt, SamError, SegmentOptions,
    block_on,
};
use sha2::{Digest, Sha256};

const WIDTH: usize = 320;
const HEIGHT: usize = 200;

fn predictor(name: &str) -> Predictor {
    let file = format!("{}/tests/fixtures/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
    Predictor::load(std::fs::File::open(file).unwrap(), Origin::default(), &Device::default()).unwrap()
}

fn image(predictor: &Predictor) -> ImageEmbedding {
    let mut reader = ImageReader::new(WIDTH, HEIGHT, predictor.image_size()).unwrap();
    let rgba: Vec<u8> = (0..WIDTH * HEIGHT * 4).map(|i| (i * 7 % 251) as u8).collect();
    reader.push(&rgba).unwrap();
    predictor.encode(reader).unwrap().run()
}

fn point(x: f32, y: f32) -> Prompt {
    Prompt::new().with_point(Point::foreground(x, y).unwrap())
}

/// The field of a prompt that is refused.
fn refused_field(image: &ImageEmbedding, prompts: &[Prompt]) -> String {
    match block_on(image.decode(prompts, true)) {
        Err(SamError::BadPrompt { field, .. }) => field,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it should be refused"),
    }
}

#[test]
fn an_image_read_for_another_encoder_is_refused() {
    let predictor = predictor("tiny_vit");
    let mut reader = ImageReader::new(4, 4, 2 * predictor.image_size()).unwrap();
    reader.push(&[0; 64]).unwrap();
    assert_eq!(predictor.encode(reader).unwrap_err().code(), "bad-image");
}

#[test]
fn more_points_and_tokens_than_fit_are_refused() {
    let predictor = predictor("tiny_vit");
    let (image, dim) = (image(&predictor), predictor.model().config.decoder.dim);
    let crowd =
        |points| (0..points).fold(Prompt::new(), |prompt, _| prompt.with_point(Point::foreground(1.0, 1.0).unwrap()));
    assert_eq!(refused_field(&image, &[crowd(20_000)]), "points");
    assert_eq!(refused_field(&image, &[Prompt::new().with_tokens(vec![0.5; 20_000 * dim]).unwrap()]), "tokens");
    // One is the padding point.
    assert!(image.groups(&[crowd(2047)]).is_ok());
    assert_eq!(refused_field(&image, &[crowd(2048)]), "points");
}

#[test]
fn a_position_that_overflows_is_refused() {
    let mut reader = ImageReader::new(10, 10, 64).unwrap();
    reader.push(&[9; 400]).unwrap();
    let image = predictor("tiny_vit").encode(reader).unwrap().run();
    assert_eq!(refused_field(&image, &[point(0.0, 3e38)]), "points[0]");
    assert_eq!(refused_field(&image, &[Prompt::new().with_box(Box::new([0.0, 0.0, 1.0, -3e38]).unwrap())]), "box");
    let far = block_on(image.decode(&[point(1e30, -1e30)], true)).unwrap();
    assert!(far[0].iter().all(|mask| mask.score.is_finite() && mask.logits.iter().all(|v| v.is_finite())));
}

#[test]
fn the_prompt_of_a_batch_that_is_refused_is_named() {
    let image = image(&predictor("tiny_vit"));
    let odd = Prompt::new().with_tokens(vec![0.0; 3]).unwrap();
    assert_eq!(refused_field(&image, &[point(1.0, 1.0), odd.clone()]), "prompts[1].tokens");
    assert_eq!(refused_field(&image, &[odd]), "tokens");
    let mask = Prompt::new().with_mask(MaskPrompt::Image { data: vec![0; 7], width: 2, height: 4 });
    assert_eq!(refused_field(&image, &[Prompt::new(), mask]), "prompts[1].mask");
}

#[test]
fn groups_hold_every_prompt_once_and_a_bounded_number() {
    let image = image(&predictor("tiny_vit"));
    let prompts: Vec<Prompt> = (0..50).map(|i| if i % 5 == 0 { Prompt::new() } else { point(i as f32, 3.0) }).collect();
    let groups = image.groups(&prompts).unwrap();
    assert!(groups.iter().all(|group| !group.is_empty() && group.len() <= 16), "{groups:?}");
    let mut indices: Vec<usize> = groups.concat();
    indices.sort_unstable();
    assert_eq!(indices, (0..50).collect::<Vec<_>>());
    assert!(image.groups(&[]).unwrap().is_empty());
}

/// Images and answers have the same limit: an image's own size can always be asked for.
#[test]
fn the_longest_image_can_be_asked_in_its_own_size() {
    let predictor = predictor("tiny_vit");
    let mut reader = ImageReader::new(MAX_SIDE, 2, predictor.image_size()).unwrap();
    reader.push(&vec![99; MAX_SIDE * 2 * 4]).unwrap();
    let image = predictor.encode(reader).unwrap().run();
    let mask = MaskPrompt::Image { data: vec![1; MAX_SIDE * 2], width: MAX_SIDE, height: 2 };
    let options = SegmentOptions { size: Some([MAX_SIDE, 2]), ..SegmentOptions::default() };
    let masks = block_on(image.segment(&[Prompt::new().with_mask(mask)], &options)).unwrap();
    assert_eq!((masks[0][0].width, masks[0][0].height), (MAX_SIDE, 2));
    let options = SegmentOptions { size: Some([MAX_SIDE + 1, 2]), ..options };
    let refused = block_on(image.segment(&[point(1.0, 1.0)], &options)).err();
    assert_eq!(refused.map(|error| error.code()), Some("bad-prompt"));
}

/// A file's bytes with its hash made right again, as a forger would.
fn forged(mut file: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    file.truncate(file.len() - 32);
    change(&mut file);
    let hash = Sha256::digest(&file);
    file.extend(hash);
    file
}

fn replace(file: &mut Vec<u8>, from: &str, to: &str) {
    let at = file.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    file.splice(at..at + from.len(), to.bytes());
    let length = u32::from_le_bytes(file[8..12].try_into().unwrap()) + to.len() as u32 - from.len() as u32;
    file[8..12].copy_from_slice(&length.to_le_bytes());
}

#[test]
fn a_saved_embedding_with_any_digit_changed_is_refused() {
    let predictor = predictor("tiny_vit");
    let file = block_on(image(&predictor).save()).unwrap();
    assert!(predictor.open(&file).is_ok());
    let header = 12..12 + u32::from_le_bytes(file[8..12].try_into().unwrap()) as usize;
    let digits: Vec<usize> = header.filter(|at| file[*at].is_ascii_digit()).collect();
    assert!(digits.len() > 10);
    for at in digits.into_iter().chain([0, 7, 8, file.len() - 40, file.len() - 1]) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert_eq!(predictor.open(&changed).unwrap_err().code(), "bad-embedding", "byte {at}");
    }
    for length in 0..file.len().min(400) {
        assert_eq!(predictor.open(&file[..length]).unwrap_err().code(), "bad-embedding", "{length} bytes");
    }
}

#[test]
fn a_forged_embedding_is_refused() {
    let predictor = predictor("tiny_vit");
    let file = block_on(image(&predictor).save()).unwrap();
    for (from, to) in [
        ("\"image_width\":320", "\"image_width\":99999999"),
        ("\"image_width\":320", "\"image_width\":32768"),
        ("\"image_height\":200", "\"image_height\":0"),
        ("\"image_height\":200", "\"image_height\":-1"),
        ("\"shape\":[1,", "\"shape\":[2,"),
    ] {
        let file = forged(file.clone(), |file| replace(file, from, to));
        assert_eq!(predictor.open(&file).unwrap_err().code(), "bad-embedding", "{to}");
    }
    let infinite = forged(file.clone(), |file| {
        let end = file.len();
        file[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    });
    assert_eq!(predictor.open(&infinite).unwrap_err().code(), "bad-embedding");
    let same = forged(file.clone(), |_| ());
    assert_eq!(same, file);
}

#[test]
fn an_embedding_of_another_model_or_version_says_so() {
    let file = block_on(image(&predictor("tiny_vit")).save()).unwrap();
    let other = predictor("vit").open(&file).unwrap_err();
    assert!(other.to_string().contains("another model"), "{other}");
    let mut old = file;
    old[7] = 1;
    let old = predictor("tiny_vit").open(&old).unwrap_err();
    assert!(old.to_string().contains("version 1"), "{old}");
}
