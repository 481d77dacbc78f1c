//! Encode an image once, then ask for masks as often as you like.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/predictor.py>

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::checkpoint::{self, LoadedModel, Origin};
use crate::geometry::Geometry;
use crate::mask::{LowResMask, Mask, Rendering};
use crate::model::config::MASK_TOKENS;
use crate::model::prompt_encoder::{SparsePoint, TokenKind};
use crate::preprocess::{ImageReader, resize_channel};
use crate::prompt::{Label, MaskPrompt, Prompt};
use crate::{SamError, embedding_file};

/// A loaded model on its device. Cloning is cheap: clones share the weights.
#[derive(Debug, Clone)]
pub struct Predictor {
    model: Arc<LoadedModel>,
    /// The position of every cell of the image embedding: the same for every image.
    image_pe: Tensor<4>,
    device: Device,
}

/// How to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentOptions {
    /// Three candidates, best score first (true), or the single mask of token 0.
    pub multimask: bool,
    /// Width and height of the answer; the image's where `None`.
    pub size: Option<[usize; 2]>,
    /// Masks or logits.
    pub output: Output,
    /// A pixel is in the mask where its logit is greater.
    pub threshold: f32,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self { multimask: true, size: None, output: Output::Mask, threshold: 0.0 }
    }
}

/// What the pixels of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// 0 and 1.
    Mask,
    /// Logits.
    Logits,
}

/// Answers larger than this on a side are refused.
const MAX_OUTPUT_SIDE: usize = 32_768;
/// The largest tensor of a decode stays below this, half of WebGPU's default binding limit.
const MAX_DECODE_BYTES: usize = 64 << 20;
/// Logit given to a binary mask's pixels: a confident answer of the model itself is about that.
const MASK_PROMPT_LOGIT: f32 = 8.0;

impl Predictor {
    /// Loads a checkpoint onto a device.
    ///
    /// # Errors
    /// [`SamError::BadCheckpoint`], see [`checkpoint::load`].
    pub fn load(checkpoint: &[u8], origin: Origin<'_>, device: &Device) -> Result<Self, SamError> {
        let model = checkpoint::load(checkpoint, origin, device)?;
        let image_pe = model.sam.prompt_encoder().dense_pe();
        Ok(Self { model: Arc::new(model), image_pe, device: device.clone() })
    }

    /// The model and what is known of it.
    pub fn model(&self) -> &LoadedModel {
        &self.model
    }

    /// Side of the encoder's square input, S.
    pub fn image_size(&self) -> usize {
        self.model.config.image_size()
    }

    /// Begins to encode a completely read image.
    ///
    /// # Errors
    /// [`SamError::BadImage`] where rows are missing.
    pub fn encode(&self, reader: ImageReader) -> Result<Encoding, SamError> {
        let geometry = reader.geometry();
        let input = reader.into_tensor(&self.device)?;
        Ok(self.encode_tensor(input, geometry))
    }

    /// Begins to encode an already preprocessed image.
    ///
    /// # Shapes
    /// - input: `[1, S, S, 3]`, normalised and padded
    pub fn encode_tensor(&self, input: Tensor<4>, geometry: Geometry) -> Encoding {
        Encoding { predictor: self.clone(), geometry, state: input, step: 0 }
    }

    /// An image saved with [`ImageEmbedding::save`] by the same model.
    ///
    /// # Errors
    /// [`SamError::BadEmbedding`] for another model's file or a damaged one.
    pub fn open(&self, file: &[u8]) -> Result<ImageEmbedding, SamError> {
        let contents = embedding_file::parse(file, &self.model)?;
        let [_, dim, height, width] = contents.shape;
        let features = Tensor::<4>::from_data(TensorData::new(contents.data, [1, dim, height, width]), &self.device);
        Ok(ImageEmbedding {
            predictor: self.clone(),
            geometry: contents.geometry,
            features: features.permute([0, 2, 3, 1]),
        })
    }
}

/// An image on its way through the encoder, one step at a time.
#[derive(Debug)]
pub struct Encoding {
    predictor: Predictor,
    geometry: Geometry,
    state: Tensor<4>,
    step: usize,
}

impl Encoding {
    /// Steps done.
    pub fn done(&self) -> usize {
        self.step
    }

    /// Steps in all.
    pub fn total(&self) -> usize {
        self.predictor.model.sam.image_encoder().steps()
    }

    /// One step of the encoder; true after the last.
    pub fn step(&mut self) -> bool {
        if self.step < self.total() {
            self.state = self.predictor.model.sam.image_encoder().forward_step(self.step, self.state.clone());
            self.step += 1;
        }
        self.step == self.total()
    }

    /// Waits until the device has done the steps asked for so far: a device with a queue would otherwise be given
    /// the whole encoder at once, with no way to stop it.
    ///
    /// # Errors
    /// [`SamError::DeviceLost`].
    pub async fn settle(&self) -> Result<(), SamError> {
        let probe = self.state.clone().slice([0..1, 0..1, 0..1, 0..1]);
        read(probe).await.map(drop)
    }

    /// The embedding; runs the steps that are left.
    pub fn run(mut self) -> ImageEmbedding {
        while !self.step() {}
        ImageEmbedding { predictor: self.predictor, geometry: self.geometry, features: self.state }
    }
}

/// An encoded image: many cheap answers for one encoding.
#[derive(Debug, Clone)]
pub struct ImageEmbedding {
    predictor: Predictor,
    geometry: Geometry,
    /// `[1, S/16, S/16, D]`
    features: Tensor<4>,
}

impl ImageEmbedding {
    /// Sizes of the image in each frame.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The embedding as the reference has it.
    ///
    /// # Shapes
    /// - output: `[1, D, S/16, S/16]`, row-major, and these four sizes
    ///
    /// # Errors
    /// [`SamError::DeviceLost`].
    pub async fn data(&self) -> Result<(Vec<f32>, [usize; 4]), SamError> {
        let features = self.features.clone().permute([0, 3, 1, 2]);
        let shape = features.dims();
        Ok((read(features).await?, shape))
    }

    /// A self-describing file for [`Predictor::open`].
    ///
    /// # Errors
    /// [`SamError::DeviceLost`].
    pub async fn save(&self) -> Result<Vec<u8>, SamError> {
        let (data, shape) = self.data().await?;
        embedding_file::write(&data, shape, &self.geometry, &self.predictor.model)
    }

    /// The masks of each prompt, best score first. Prompts of the same form are decoded together.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] for masks or tokens of the wrong size, [`SamError::DeviceLost`].
    pub async fn segment(&self, prompts: &[Prompt], options: &SegmentOptions) -> Result<Vec<Vec<Mask>>, SamError> {
        let rendering = self.rendering(options)?;
        let answers = self.decode(prompts, options.multimask).await?;
        Ok(answers.into_iter().map(|masks| masks.into_iter().map(|mask| rendering.mask(mask)).collect()).collect())
    }

    /// As [`segment`](Self::segment), in the low-res frame.
    ///
    /// # Errors
    /// As [`segment`](Self::segment).
    pub async fn decode(&self, prompts: &[Prompt], multimask: bool) -> Result<Vec<Vec<LowResMask>>, SamError> {
        let encoded = prompts.iter().map(|prompt| self.encode_prompt(prompt)).collect::<Result<Vec<_>, _>>()?;
        let mut answers: Vec<Vec<LowResMask>> = prompts.iter().map(|_| Vec::new()).collect();
        for group in groups(&encoded, self.max_batch()) {
            let members: Vec<&EncodedPrompt> = group.iter().map(|index| &encoded[*index]).collect();
            for (index, mut masks) in group.into_iter().zip(self.decode_group(&members, multimask).await?) {
                masks.sort_by(|a, b| b.score.total_cmp(&a.score));
                answers[index] = masks;
            }
        }
        Ok(answers)
    }

    pub(crate) fn rendering(&self, options: &SegmentOptions) -> Result<Rendering, SamError> {
        let geometry = self.geometry;
        let [width, height] = options.size.unwrap_or([geometry.image_width, geometry.image_height]);
        if options.size.is_some() && (width.min(height) == 0 || width.max(height) > MAX_OUTPUT_SIDE) {
            let reason = format!("is {width}×{height}; each side must be 1 to {MAX_OUTPUT_SIDE}");
            return Err(SamError::prompt("size", reason));
        }
        if options.threshold.is_nan() {
            return Err(SamError::prompt("threshold", "is NaN; give a number"));
        }
        let logits = options.output == Output::Logits;
        Ok(Rendering { geometry, width, height, threshold: options.threshold, logits })
    }

    fn max_batch(&self) -> usize {
        let upscaled =
            self.geometry.low_res_size().pow(2) * (self.predictor.model.config.decoder.dim / 8) * size_of::<f32>();
        (MAX_DECODE_BYTES / upscaled).max(1)
    }

    fn encode_prompt(&self, prompt: &Prompt) -> Result<EncodedPrompt, SamError> {
        let sparse = |position, kind| SparsePoint { position_in_input: self.geometry.input_from_image(position), kind };
        let mut points: Vec<SparsePoint> = prompt
            .points
            .iter()
            .map(|point| {
                let kind = match point.label() {
                    Label::Foreground => TokenKind::Foreground,
                    Label::Background => TokenKind::Background,
                };
                sparse(point.position(), kind)
            })
            .collect();
        match prompt.bounds {
            Some(bounds) => {
                let [top_left, bottom_right] = bounds.corners();
                points.push(sparse(top_left, TokenKind::TopLeft));
                points.push(sparse(bottom_right, TokenKind::BottomRight));
            }
            None if !points.is_empty() => points.push(sparse([0.0; 2], TokenKind::NotAPoint)),
            None => {}
        }
        let dim = self.predictor.model.config.decoder.dim;
        if !prompt.tokens.len().is_multiple_of(dim) {
            let found = prompt.tokens.len();
            return Err(SamError::prompt(
                "tokens",
                format!("holds {found} values; this model's tokens have {dim} each"),
            ));
        }
        let mask = prompt.mask.as_ref().map(|mask| self.low_res_mask(mask)).transpose()?;
        Ok(EncodedPrompt { points, tokens: prompt.tokens.clone(), mask })
    }

    /// A mask prompt as logits in the low-res frame.
    fn low_res_mask(&self, mask: &MaskPrompt) -> Result<Vec<f32>, SamError> {
        let low = self.geometry.low_res_size();
        match mask {
            MaskPrompt::LowRes(logits) => {
                if logits.len() != low * low {
                    let found = logits.len();
                    return Err(SamError::prompt("mask", format!("has {found} logits; this model's have {low}×{low}")));
                }
                if logits.iter().any(|v| !v.is_finite()) {
                    return Err(SamError::prompt("mask", "holds a value that is not finite"));
                }
                Ok(logits.clone())
            }
            MaskPrompt::Image { data, width, height } => {
                if *width == 0 || *height == 0 || data.len() != width * height {
                    let found = data.len();
                    return Err(SamError::prompt("mask", format!("has {found} pixels for a size of {width}×{height}")));
                }
                let quarter = |side: usize| side.div_ceil(4);
                let (w, h) = (quarter(self.geometry.input_width), quarter(self.geometry.input_height));
                let opaque: Vec<u8> = data.iter().map(|v| if *v == 0 { 0 } else { 255 }).collect();
                let covered = resize_channel(&opaque, [*width, *height], [w, h]);
                let mut logits = vec![-MASK_PROMPT_LOGIT; low * low];
                for (row, out) in covered.chunks_exact(w).zip(logits.chunks_exact_mut(low)) {
                    for (value, out) in row.iter().zip(out) {
                        *out = (f32::from(*value) / 127.5 - 1.0) * MASK_PROMPT_LOGIT;
                    }
                }
                Ok(logits)
            }
        }
    }

    /// Decodes prompts of the same form, with one read from the device.
    async fn decode_group(
        &self,
        prompts: &[&EncodedPrompt],
        multimask: bool,
    ) -> Result<Vec<Vec<LowResMask>>, SamError> {
        let Predictor { model, image_pe, device } = &self.predictor;
        let (batch, low, dim) = (prompts.len(), self.geometry.low_res_size(), model.config.decoder.dim);
        let encoder = model.sam.prompt_encoder();

        let mut sparse = Vec::new();
        if prompts.iter().any(|prompt| !prompt.points.is_empty()) {
            sparse.push(encoder.encode_points(&prompts.iter().map(|prompt| prompt.points.clone()).collect::<Vec<_>>()));
        }
        let tokens: Vec<f32> = prompts.iter().flat_map(|prompt| prompt.tokens.iter().copied()).collect();
        if !tokens.is_empty() {
            let rows = tokens.len() / dim / batch;
            sparse.push(Tensor::from_data(TensorData::new(tokens, [batch, rows, dim]), device));
        }
        let masks: Vec<f32> = prompts.iter().flat_map(|prompt| prompt.mask.iter().flatten().copied()).collect();
        let dense = if masks.is_empty() {
            encoder.no_mask()
        } else {
            encoder.encode_masks(Tensor::from_data(TensorData::new(masks, [batch, low, low, 1]), device))
        };
        let sparse = if sparse.is_empty() { None } else { Some(Tensor::cat(sparse, 1)) };

        let (masks, scores) =
            model.sam.mask_decoder().forward(self.features.clone(), image_pe.clone(), sparse, dense, batch);
        let tokens = if multimask { 1..MASK_TOKENS } else { 0..1 };
        let count = tokens.len();
        let masks = masks.slice([0..batch, tokens.clone(), 0..low, 0..low]).reshape([batch * count * low * low]);
        let scores = scores.slice([0..batch, tokens.clone()]).reshape([batch * count]);
        let values = read(Tensor::<1>::cat(vec![masks, scores], 0)).await?;

        let (masks, scores) = values.split_at(batch * count * low * low);
        let mut masks = masks.chunks_exact(low * low).zip(scores);
        Ok((0..batch)
            .map(|_| {
                let next = tokens.clone().zip(masks.by_ref());
                next.map(|(token, (logits, score))| LowResMask { token, score: *score, logits: logits.to_vec() })
                    .collect()
            })
            .collect())
    }
}

/// A prompt in the input frame.
struct EncodedPrompt {
    points: Vec<SparsePoint>,
    tokens: Vec<f32>,
    mask: Option<Vec<f32>>,
}

/// Indices of prompts that can be decoded together: as many points and tokens, and a mask or none.
fn groups(prompts: &[EncodedPrompt], max_batch: usize) -> Vec<Vec<usize>> {
    let form = |prompt: &EncodedPrompt| (prompt.points.len(), prompt.tokens.len(), prompt.mask.is_some());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, prompt) in prompts.iter().enumerate() {
        let fits = |group: &&mut Vec<usize>| group.len() < max_batch && form(&prompts[group[0]]) == form(prompt);
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, SamError> {
    let lost = |reason: String| SamError::DeviceLost { reason };
    let data = tensor.into_data_async().await.map_err(|error| lost(format!("{error:?}")))?;
    data.try_into_vec::<f32>().map_err(|error| lost(format!("{error:?}")))
}
