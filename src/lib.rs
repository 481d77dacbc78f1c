//! Segment Anything (SAM) in Rust on [burn](https://burn.dev): image encoder, prompt encoder and mask decoder, natively
//! and in the browser.
//!
//! ```text
//! web         wasm-bindgen boundary: JS values in, JS values out
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
//! ```no_run
//! use burn_sam::{Device, ImageReader, Origin, Point, Predictor, Prompt, SegmentOptions};
//!
//! # fn main() -> Result<(), burn_sam::SamError> {
//! let checkpoint = std::fs::File::open("pkg/models/tiny.safetensors").expect("a checkpoint");
//! let sam = Predictor::load(checkpoint, Origin::default(), &Device::default())?;
//!
//! let (width, height) = (640, 480);
//! let rgba = vec![127; width * height * 4];
//! let mut reader = ImageReader::new(width, height, sam.image_size())?;
//! reader.push(&rgba)?;
//! let image = sam.encode(reader)?.run();
//!
//! let prompt = Prompt::new().with_point(Point::foreground(320.0, 240.0)?);
//! let masks = burn_sam::block_on(image.segment(&[prompt], &SegmentOptions::default()))?;
//! println!("score {}", masks[0][0].score);
//! # Ok(())
//! # }
//! ```

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
pub use checkpoint::Origin;
pub use error::{CheckpointFault, SamError};
pub use everything::{Everything, EverythingOptions};
pub use mask::{LowResMask, Mask, MaskData};
pub use predictor::{Encoding, ImageEmbedding, Output, Predictor, SegmentOptions};
pub use preprocess::ImageReader;
pub use prompt::{Box, Label, MaskPrompt, Point, Prompt};

#[cfg(test)]
#[path = "../tests/parity/mod.rs"]
mod parity;
