//! Masks of a photograph, natively.
//!
//! ```sh
//! cargo run --release --example segment -- photo.jpg --point 450,600 --out mask.png
//! cargo run --release --example segment -- photo.jpg --box 75,275,1725,850
//! cargo run --release --example segment -- photo.jpg --everything --pred-iou 0.6 --stability 0.6 --out regions.png
//! ```
//! `--point` and `--background` may come several times; positions are pixels of the image. Without `--model` it is the
//! model that ships with the npm package: less sure of itself than ViT-H, for which the reference's thresholds (0.88 and
//! 0.95) are meant.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use burn_sam::everything::{EverythingOptions, Record, Segmentation};
use burn_sam::{
    Box as Rectangle, Device, ImageEmbedding, ImageReader, MaskData, Origin, Point, Predictor, Prompt, SamError,
    SegmentOptions, block_on,
};
use image::{DynamicImage, GrayImage, Rgb, RgbImage};

const USAGE: &str = "usage: segment IMAGE (--point X,Y | --background X,Y | --box X0,Y0,X1,Y1)… | --everything \
                     [--pred-iou N] [--stability N] [--model FILE] [--out FILE.png]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut args = pico_args::Arguments::from_env();
    if args.contains(["-h", "--help"]) {
        println!("{USAGE}");
        return Ok(());
    }
    let mut prompt = Prompt::new();
    for Numbers([x, y]) in args.values_from_str("--point")? {
        prompt = prompt.with_point(Point::foreground(x, y)?);
    }
    for Numbers([x, y]) in args.values_from_str("--background")? {
        prompt = prompt.with_point(Point::background(x, y)?);
    }
    if let Some(Numbers(corners)) = args.opt_value_from_str::<_, Numbers<4>>("--box")? {
        prompt = prompt.with_box(Rectangle::new(corners)?);
    }
    let everything = args.contains("--everything");
    let mut options = EverythingOptions::default();
    for (name, threshold) in
        [("--pred-iou", &mut options.pred_iou_thresh), ("--stability", &mut options.stability_score_thresh)]
    {
        *threshold = args.opt_value_from_str(name)?.unwrap_or(*threshold);
    }
    let built_in = || Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/models/tiny.safetensors");
    let model: PathBuf = args.opt_value_from_str("--model")?.unwrap_or_else(built_in);
    let out: PathBuf = args.opt_value_from_str("--out")?.unwrap_or_else(|| "mask.png".into());
    let photo: PathBuf = args.free_from_str().map_err(|_| USAGE)?;
    if let [unknown, ..] = &args.finish()[..] {
        return Err(format!("{} is not understood; {USAGE}", unknown.display()).into());
    }
    if !everything && prompt == Prompt::new() {
        return Err(format!("nothing is asked for; {USAGE}").into());
    }

    let checkpoint = std::fs::File::open(&model).map_err(|error| format!("{}: {error}", model.display()))?;
    let sam = Predictor::load(checkpoint, Origin::default(), &Device::default())?;
    let picture = image::open(&photo).map_err(|error| format!("{}: {error}", photo.display()))?;
    let image = encode(&sam, &picture)?;
    if everything {
        let everything = image.everything(&options)?;
        let records = block_on(everything.run(|[x, y, width, height]| {
            encode(&sam, &picture.crop_imm(x as u32, y as u32, width as u32, height as u32))
        }))?;
        for record in &records {
            let Record { bbox, area, predicted_iou, stability_score, .. } = record;
            println!("box {bbox:?}, {area} pixels, score {predicted_iou:.3}, stability {stability_score:.3}");
        }
        println!("{} masks", records.len());
        regions(&picture, &records).save(&out)?;
    } else {
        let masks = block_on(image.segment(&[prompt], &SegmentOptions::default()))?;
        let best = masks.first().and_then(|masks| masks.first()).ok_or("the model gave no mask")?;
        println!("score {:.3}, box {:?}, {} pixels", best.score, best.bbox, best.area);
        let MaskData::Binary(pixels) = &best.data else { return Err("these are logits".into()) };
        let white = pixels.iter().map(|pixel| pixel * 255).collect();
        GrayImage::from_raw(picture.width(), picture.height(), white).ok_or("another size")?.save(&out)?;
    }
    println!("{}", out.display());
    Ok(())
}

fn encode(sam: &Predictor, picture: &DynamicImage) -> Result<ImageEmbedding, SamError> {
    let rgba = picture.to_rgba8();
    let mut reader = ImageReader::new(rgba.width() as usize, rgba.height() as usize, sam.image_size())?;
    reader.push(rgba.as_raw())?;
    Ok(sam.encode(reader)?.run())
}

/// Each region in a colour of its own, small ones above large ones.
fn regions(picture: &DynamicImage, records: &[Record]) -> RgbImage {
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(records[*index].area));
    let mut regions = RgbImage::new(picture.width(), picture.height());
    for index in order {
        let Segmentation::BinaryMask(mask) = &records[index].segmentation else { continue };
        let colour = [97, 57, 23].map(|step| (55 + (index + 1) * step % 200) as u8);
        for (pixel, inside) in regions.pixels_mut().zip(mask) {
            if *inside == 1 {
                *pixel = Rgb(colour);
            }
        }
    }
    regions
}

/// Numbers with commas between them.
struct Numbers<const N: usize>([f32; N]);

impl<const N: usize> FromStr for Numbers<N> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Vec<f32> =
            text.split(',').map(|number| number.trim().parse()).collect::<Result<_, _>>().unwrap_or_default();
        numbers.try_into().map(Self).map_err(|_| format!("{text:?} is not {N} numbers with commas between them"))
    }
}
