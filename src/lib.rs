//! Segment Anything (SAM) in Rust on [burn](https://burn.dev): image encoder, prompt encoder and mask decoder, natively
//! and in the browser.
//!
//! ```text
//! web         wasm-bindgen boundary: JS values in, JS values out
//! everything  a grid of points → every object in the image
//! predictor   pixels and prompts → masks and scores
//! checkpoint  bytes of a checkpoint → named tensors → the model
//! model       the paper's modules, plain burn
//! ops         the few hot operations
//! ```
//! A layer only uses those below it.
//!
//! # Frames
//! Coordinates live in one of three frames ([`geometry`]): *image* (pixels of the original image), *input* (the square
//! the encoder sees, S×S, image at the top left), *low-res* (the decoder's logits, S/4).
//!
//! # Example
//! An image is encoded once; then masks are asked for as often as you like. What waits for a device is a future;
//! [`block_on`] runs it where nothing else does.
//! ```
//! use burn_sam::{Device, ImageReader, MaskData, Origin, Point, Predictor, Prompt, SegmentOptions, block_on};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let checkpoint = std::fs::File::open("pkg/models/tiny.safetensors")?;
//! let sam = Predictor::load(checkpoint, Origin::default(), &Device::default())?;
//!
//! let picture = image::open("tests/fixtures/scene.png")?.to_rgba8();
//! let mut reader = ImageReader::new(picture.width() as usize, picture.height() as usize, sam.image_size())?;
//! reader.push(picture.as_raw())?;
//! let image = sam.encode(reader)?.run();
//!
//! let ball = Prompt::new().with_point(Point::foreground(92.5, 128.25)?);
//! let masks = block_on(image.segment(&[ball], &SegmentOptions::default()))?;
//! let best = &masks[0][0];
//! assert!(best.score > 0.7 && best.area > 1000);
//! let MaskData::Binary(pixels) = &best.data else { unreachable!("logits were not asked for") };
//! assert_eq!(pixels.len(), 320 * 240);
//! # Ok(())
//! # }
//! ```
//! Everything in an image, without a prompt:
//! ```
//! # use burn_sam::{Device, ImageReader, Origin, Predictor, block_on};
//! use burn_sam::everything::{EverythingOptions, OutputMode, PointGrids};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let checkpoint = std::fs::File::open("pkg/models/tiny.safetensors")?;
//! # let sam = Predictor::load(checkpoint, Origin::default(), &Device::default())?;
//! # let mut reader = ImageReader::new(320, 240, sam.image_size())?;
//! # reader.push(image::open("tests/fixtures/scene.png")?.to_rgba8().as_raw())?;
//! # let image = sam.encode(reader)?.run();
//! let options = EverythingOptions {
//!     points: PointGrids::PerSide(4),
//!     pred_iou_thresh: 0.6,
//!     stability_score_thresh: 0.6,
//!     output_mode: OutputMode::CocoRle,
//!     ..EverythingOptions::default()
//! };
//! // The closure encodes the crops that `crop_n_layers` asks for.
//! let records = block_on(image.everything(&options)?.run(|_| unreachable!("no crops were asked for")))?;
//! assert!(!records.is_empty());
//! # Ok(())
//! # }
//! ```
//! `examples/segment.rs` does both on a photograph.

pub mod checkpoint;
mod embedding_file;
pub mod error;
pub mod everything;
pub mod geometry;
pub mod mask;
pub mod model;
pub mod ops;
pub mod predictor;
pub mod preprocess;
pub mod prompt;
#[cfg(target_arch = "wasm32")]
mod web;

pub use burn::tensor::Device;
#[cfg(not(target_arch = "wasm32"))]
pub use burn::tensor::read_sync as block_on;
pub use checkpoint::{Origin, Precision};
pub use error::{CheckpointFault, SamError};
pub use everything::{Everything, EverythingOptions};
pub use mask::{LowResMask, Mask, MaskData, Polygon, Rle};
pub use predictor::{Encoding, ImageEmbedding, Output, Predictor, SegmentOptions, WarmUp};
pub use preprocess::ImageReader;
pub use prompt::{Box, Label, MaskPrompt, Point, Prompt};

#[cfg(test)]
#[path = "../tests/parity/mod.rs"]
mod parity;
