//! Encode an image once, then ask for masks as often as you like.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/predictor.py>

mod embedding;
mod encoded_prompt;
mod encoding;
mod warm_up;

use std::fmt::Debug;
use std::io::{Read, Seek};
use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Element, Tensor, TensorData};

use crate::checkpoint::{self, LoadedModel, Origin};
use crate::geometry::Geometry;
use crate::model::mask_decoder::Hypernetworks;
use crate::model::prompt_encoder::PointEncoder;
use crate::preprocess::ImageReader;
use crate::{SamError, embedding_file, ops};

pub use embedding::{ImageEmbedding, SegmentOptions};
#[cfg(target_arch = "wasm32")]
pub(crate) use encoded_prompt::Form;
pub use encoding::Encoding;
pub use warm_up::WarmUp;

pub use crate::mask::Output;

/// A loaded model on its device. Cloning is cheap: clones share the weights.
#[derive(Debug, Clone)]
pub struct Predictor {
    model: Arc<LoadedModel>,
    shared: Arc<OnceLock<Shared>>,
    device: Device,
}

/// What every decode needs, whatever the image and the prompt.
#[derive(Debug)]
struct Shared {
    points: PointEncoder,
    /// `[5, D]`, row-major.
    output_tokens: Vec<f32>,
    /// The position of every cell of the image embedding: `[1, S/16, S/16, D]`.
    image_pe: Tensor<4>,
    hypernetworks: Hypernetworks,
}

impl Predictor {
    /// Loads a checkpoint onto a device: a [`File`](std::fs::File), say.
    ///
    /// # Errors
    /// [`SamError::BadCheckpoint`], see [`checkpoint::load`].
    pub fn load(checkpoint: impl Read + Seek, origin: Origin<'_>, device: &Device) -> Result<Self, SamError> {
        Ok(Self::new(checkpoint::load(checkpoint, origin, device)?, device))
    }

    /// For a model that was loaded onto this device.
    pub fn new(model: LoadedModel, device: &Device) -> Self {
        Self { model: Arc::new(model), shared: Arc::default(), device: device.clone() }
    }

    /// Makes what the first decode would have to make for all decodes.
    ///
    /// # Errors
    /// [`SamError::DeviceLost`].
    pub async fn prepare(&self) -> Result<(), SamError> {
        self.shared().await.map(drop)
    }

    /// Read from the device when it is first asked for.
    async fn shared(&self) -> Result<&Shared, SamError> {
        if let Some(shared) = self.shared.get() {
            return Ok(shared);
        }
        let (encoder, decoder) = (self.model.sam.prompt_encoder(), self.model.sam.mask_decoder());
        let table = encoder.point_table();
        let [rows, dim] = table.dims();
        let mut table = read(ops::concat_rows(vec![table, decoder.output_tokens()])).await?;
        let output_tokens = table.split_off(rows * dim);
        let points = encoder.point_encoder(table);
        let size = self.model.config.embedding_size();
        let image_pe = ops::from_values(points.dense_pe(), [1, size, size, dim], &self.device);
        // Whoever was first: both are the same.
        Ok(self.shared.get_or_init(|| Shared {
            points,
            output_tokens,
            image_pe,
            hypernetworks: decoder.hypernetworks(),
        }))
    }

    /// The model and what is known of it.
    pub fn model(&self) -> &LoadedModel {
        &self.model
    }

    /// Side of the encoder's square input, S.
    pub fn image_size(&self) -> usize {
        self.model.config.image_size()
    }

    /// Begins to compile what the first encode and the first prompt would wait for on a GPU. While a step of it runs, nothing
    /// else may be asked of any GPU in this process: it would be compiled and not computed.
    ///
    /// # Errors
    /// [`SamError::BadImage`] for an encoder larger than any image.
    pub fn warm_up(&self) -> Result<WarmUp, SamError> {
        WarmUp::new(self)
    }

    /// Begins to encode a completely read image.
    ///
    /// # Errors
    /// [`SamError::BadImage`] where rows are missing, or where the reader is one for an encoder of another size.
    pub fn encode(&self, reader: ImageReader) -> Result<Encoding, SamError> {
        let geometry = reader.geometry();
        if geometry.input_size != self.image_size() {
            let (read, own) = (geometry.input_size, self.image_size());
            return Err(SamError::image(format!(
                "it was read for an encoder of {read}×{read}; this one's is {own}×{own}"
            )));
        }
        let input = reader.into_tensor(&self.device)?;
        Ok(Encoding::new(self.clone(), input, geometry))
    }

    /// Begins to encode an already preprocessed image.
    ///
    /// # Shapes
    /// - input: `[1, S, S, 3]`, normalised and padded
    pub fn encode_tensor(&self, input: Tensor<4>, geometry: Geometry) -> Encoding {
        Encoding::new(self.clone(), input, geometry)
    }

    /// An image saved with [`ImageEmbedding::save`] by the same model.
    ///
    /// # Errors
    /// [`SamError::BadEmbedding`] for another model's file or a damaged one.
    pub fn open(&self, file: &[u8]) -> Result<ImageEmbedding, SamError> {
        let contents = embedding_file::parse(file, &self.model)?;
        let [_, dim, height, width] = contents.shape;
        let features = ops::from_values(contents.data, [1, dim, height, width], &self.device);
        Ok(ImageEmbedding::new(self.clone(), features.permute([0, 2, 3, 1]), contents.geometry))
    }
}

pub(crate) async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, SamError> {
    values(Some(tensor.into_data_async().await.map_err(lost)?))
}

/// What was read from the device.
fn values<E: Element>(data: Option<TensorData>) -> Result<Vec<E>, SamError> {
    data.ok_or_else(|| lost("a tensor was not read"))?.try_into_vec().map_err(lost)
}

fn lost(error: impl Debug) -> SamError {
    SamError::DeviceLost { reason: format!("{error:?}") }
}
