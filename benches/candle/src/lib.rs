//! candle's own SAM (`candle_transformers::models::segment_anything`) for a browser's Worker: what `cargo xtask bench`
//! compares burn-sam with. Everything is computed by candle; here are only the calls.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::segment_anything::sam::{IMAGE_SIZE, Sam};
use wasm_bindgen::prelude::wasm_bindgen;

/// A model, and the image it was last given.
#[wasm_bindgen]
pub struct CandleSam {
    sam: Sam,
    embedding: Option<Tensor>,
}

/// Low-res logits `[3, 256, 256]` and scores `[3]`.
#[wasm_bindgen(getter_with_clone)]
pub struct Answer {
    pub logits: Vec<f32>,
    pub scores: Vec<f32>,
}

#[wasm_bindgen]
impl CandleSam {
    /// Reads the bytes of a `.safetensors` file: MobileSAM (`tiny`) or SAM ViT-B, in the names of their own checkpoints,
    /// which are candle's too.
    pub fn load(weights: Vec<u8>, tiny: bool) -> Result<CandleSam, String> {
        let builder = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu).map_err(text)?;
        let sam = if tiny { Sam::new_tiny(builder) } else { Sam::new(768, 12, 12, &[2, 5, 8, 11], builder) };
        Ok(Self { sam: sam.map_err(text)?, embedding: None })
    }

    /// Encodes an image of 1024 × 1024, RGBA, row by row.
    pub fn encode(&mut self, pixels: Vec<u8>) -> Result<(), String> {
        self.embedding = None;
        let image = Tensor::from_vec(pixels, (IMAGE_SIZE, IMAGE_SIZE, 4), &Device::Cpu)
            .and_then(|image| image.permute((2, 0, 1))?.narrow(0, 0, 3))
            .map_err(text)?;
        self.embedding = Some(self.sam.embeddings(&image).map_err(text)?);
        Ok(())
    }

    /// One point on the object, as a part of the image's side → the three candidates.
    pub fn decode(&self, x: f64, y: f64) -> Result<Answer, String> {
        let embedding = self.encoded()?;
        let (logits, scores) =
            self.sam.forward_for_embeddings(embedding, IMAGE_SIZE, IMAGE_SIZE, &[(x, y, true)], true).map_err(text)?;
        Ok(Answer { logits: values(&logits)?, scores: values(&scores)? })
    }

    /// `[256, 64, 64]`
    pub fn embedding(&self) -> Result<Vec<f32>, String> {
        values(self.encoded()?)
    }
}

impl CandleSam {
    fn encoded(&self) -> Result<&Tensor, String> {
        self.embedding.as_ref().ok_or_else(|| "encode() comes first".to_owned())
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, String> {
    tensor.flatten_all().and_then(|tensor| tensor.to_vec1()).map_err(text)
}

fn text(error: candle_core::Error) -> String {
    error.to_string()
}
