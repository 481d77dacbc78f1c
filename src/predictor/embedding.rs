//! An encoded image, and the masks of prompts on it.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Int, Tensor, Transaction};

use super::encoded_prompt::{EncodedPrompt, Form, groups};
use super::{Predictor, Shared, lost, read, values};
use crate::geometry::{Geometry, MAX_SIDE};
use crate::mask::{Answer, LowResMask, Mask, Output, Packed, Rendering};
use crate::model::config::MASK_TOKENS;
use crate::model::mask_decoder::Attended;
use crate::prompt::{Point, Prompt};
use crate::{SamError, embedding_file, ops};

/// The largest tensor of a decode stays below this, half of WebGPU's default binding limit.
const MAX_DECODE_BYTES: usize = 64 << 20;
/// Prompts decoded together, however small the model: between two groups a caller can be stopped.
const MAX_GROUP: usize = 16;
/// Pixels of a mask from which on a GPU makes them: fewer are made sooner by the CPU than the kernel is launched.
const MIN_GPU_PIXELS: usize = 512 * 512;
/// Bytes of a GPU's masks that are read at a time: they come by way of wasm's memory, which never shrinks.
const MAX_PACKED_BYTES: usize = 32 << 20;

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

/// An encoded image: many cheap answers for one encoding.
#[derive(Debug, Clone)]
pub struct ImageEmbedding {
    pub(super) predictor: Predictor,
    geometry: Geometry,
    /// `[1, S/16, S/16, D]`
    features: Tensor<4>,
}

impl ImageEmbedding {
    pub(super) fn new(predictor: Predictor, features: Tensor<4>, geometry: Geometry) -> Self {
        Self { predictor, geometry, features }
    }

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
    /// [`SamError::BadPrompt`] for masks or tokens of the wrong size, too many points and tokens or a position too far
    /// outside the image; where there are several prompts its field begins with `prompts[i].`. [`SamError::DeviceLost`].
    pub async fn segment(&self, prompts: &[Prompt], options: &SegmentOptions) -> Result<Vec<Vec<Mask>>, SamError> {
        let rendering = self.rendering(options)?;
        let answers = self.answers(prompts, &self.request(options.multimask, Some(&rendering))).await?;
        Ok(answers.into_iter().map(|masks| masks.into_iter().map(|mask| rendering.mask(mask)).collect()).collect())
    }

    /// As [`segment`](Self::segment), in the low-res frame.
    ///
    /// # Errors
    /// As [`segment`](Self::segment).
    pub async fn decode(&self, prompts: &[Prompt], multimask: bool) -> Result<Vec<Vec<LowResMask>>, SamError> {
        let answers = self.answers(prompts, &self.request(multimask, None)).await?;
        Ok(answers.into_iter().map(|masks| masks.into_iter().map(|mask| mask.low_res).collect()).collect())
    }

    /// The answers to each prompt, best score first.
    ///
    /// # Errors
    /// As [`segment`](Self::segment).
    pub(crate) async fn answers(&self, prompts: &[Prompt], request: &Request) -> Result<Vec<Vec<Answer>>, SamError> {
        let groups = if prompts.len() == 1 { vec![vec![0]] } else { self.group(&self.forms(prompts)?, request) };
        let mut answers: Vec<Vec<Answer>> = prompts.iter().map(|_| Vec::new()).collect();
        for group in groups {
            let members: Vec<EncodedPrompt> =
                group.iter().map(|index| self.encode_prompt(&prompts[*index])).collect::<Result<_, _>>()?;
            for (index, mut masks) in group.into_iter().zip(self.decode_group(&members, request).await?) {
                masks.sort_by(|a, b| b.low_res.score.total_cmp(&a.low_res.score));
                answers[index] = masks;
            }
        }
        Ok(answers)
    }

    /// Which prompts are decoded together, every index once: a caller who wants to pause in a long list asks
    /// [`segment`](Self::segment) for one of these groups at a time.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] as [`segment`](Self::segment), for any of the prompts; its field begins with `prompts[i].`.
    pub fn groups(&self, prompts: &[Prompt]) -> Result<Vec<Vec<usize>>, SamError> {
        Ok(self.group(&self.forms(prompts)?, &self.request(true, None)))
    }

    fn forms(&self, prompts: &[Prompt]) -> Result<Vec<Form>, SamError> {
        let form = |(index, prompt)| self.form(prompt).map_err(|error| error.within(&format!("prompts[{index}].")));
        prompts.iter().enumerate().map(form).collect()
    }

    /// Indices of prompts that can be decoded together.
    pub(crate) fn group(&self, forms: &[Form], request: &Request) -> Vec<Vec<usize>> {
        groups(forms, |form| self.max_batch(form).min(MAX_PACKED_BYTES / request.packed_bytes().max(1)))
    }

    /// The form of a prompt that can be decoded.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`].
    pub(crate) fn form(&self, prompt: &Prompt) -> Result<Form, SamError> {
        Form::of(prompt, &self.geometry, self.dim())
    }

    /// What the masks are made into.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] for a size or a threshold that makes no sense.
    pub(crate) fn rendering(&self, options: &SegmentOptions) -> Result<Rendering, SamError> {
        let geometry = self.geometry;
        let [width, height] = options.size.unwrap_or([geometry.image_width, geometry.image_height]);
        if width.min(height) == 0 || width.max(height) > MAX_SIDE {
            let reason = format!("is {width}×{height}; each side must be 1 to {MAX_SIDE}");
            return Err(SamError::prompt("size", reason));
        }
        if options.threshold.is_nan() {
            return Err(SamError::prompt("threshold", "is NaN; give a number"));
        }
        Ok(Rendering { geometry, width, height, threshold: options.threshold, output: options.output })
    }

    /// What is asked of the device. A GPU makes the pixels of binary masks too, unless it is none (a software adapter takes ten
    /// times as long as the same CPU without it), or they are so few that the CPU has made them before a kernel is launched, or
    /// so many that they should not all lie in wasm's memory.
    pub(crate) fn request(&self, multimask: bool, rendering: Option<&Rendering>) -> Request {
        let pays = |rendering: &&Rendering| {
            rendering.output == Output::Mask
                && ops::is_on_gpu(&self.features)
                && !ops::is_software()
                && rendering.width * rendering.height >= MIN_GPU_PIXELS
                && wanted(multimask).len() * packed_bytes(rendering) <= MAX_PACKED_BYTES
        };
        Request { multimask, on_gpu: rendering.filter(pays).copied() }
    }

    /// Prompts of a form that can be decoded together. The largest tensors are the upscaled image and, with very many tokens, one
    /// head's scores between them and the image, or among them; those of all heads at once exist for few tokens only.
    fn max_batch(&self, form: Form) -> usize {
        let upscaled = self.geometry.low_res_size().pow(2) * (self.dim() / 8);
        let tokens = form.tokens() + MASK_TOKENS + 1;
        let scores = tokens * tokens.max(self.predictor.model.config.embedding_size().pow(2));
        (MAX_DECODE_BYTES / (upscaled.max(scores) * size_of::<f32>())).clamp(1, MAX_GROUP)
    }

    fn encode_prompt(&self, prompt: &Prompt) -> Result<EncodedPrompt, SamError> {
        EncodedPrompt::new(prompt, &self.geometry, self.dim())
    }

    /// Width of a token, D.
    fn dim(&self) -> usize {
        self.predictor.model.config.decoder.dim
    }

    /// Decodes prompts of the same form, with one read from the device.
    async fn decode_group(&self, prompts: &[EncodedPrompt], request: &Request) -> Result<Vec<Vec<Answer>>, SamError> {
        let shared = self.predictor.shared().await?;
        let Decoded { masks, scores, bits } = self.launch(shared, prompts, request);
        let (tokens, [_, low, _]) = (wanted(request.multimask), masks.dims());
        let [_, rows, words_per_row] = bits.as_ref().map_or([0; 3], Tensor::dims);
        let reading = Transaction::default().register(masks).register(scores);
        let reading = bits.into_iter().fold(reading, Transaction::register);
        let mut read = reading.execute_async().await.map_err(lost)?.into_iter();
        let (logits, scores): (Vec<f32>, Vec<f32>) = (values(read.next())?, values(read.next())?);
        let words: Arc<Vec<u32>> = Arc::new(if rows > 0 { values(read.next())? } else { Vec::new() });
        let mut masks = logits.chunks_exact(low * low).enumerate();
        let answers = scores.chunks_exact(MASK_TOKENS).map(|scores| {
            let next = tokens.clone().zip(masks.by_ref());
            next.map(|(token, (index, logits))| Answer {
                low_res: LowResMask { token, score: scores[token], logits: logits.to_vec() },
                packed: Packed::new(&words, index * rows * words_per_row, [rows, words_per_row]),
            })
            .collect()
        });
        Ok(answers.collect())
    }

    /// What the device does for prompts of the same form.
    pub(super) fn launch(&self, shared: &Shared, prompts: &[EncodedPrompt], request: &Request) -> Decoded {
        let (batch, low) = (prompts.len(), self.geometry.low_res_size());
        let decoder = self.predictor.model.sam.mask_decoder();
        let attended = self.attend(shared, prompts);
        let scores = decoder.scores(&attended);
        let tokens = wanted(request.multimask);
        let masks = decoder.masks(attended, &shared.hypernetworks);
        let masks = masks.slice([0..batch, tokens.clone(), 0..low, 0..low]).reshape([batch * tokens.len(), low, low]);
        let bits = request.on_gpu.and_then(|rendering| rendering.upsampling().bits(&masks, rendering.threshold));
        Decoded { masks, scores, bits }
    }

    /// The candidates of points whose score `passes`, in the order of points and tokens, each with its point's index.
    ///
    /// Scores are read first: of points without a candidate no mask is made, of the others only the candidates are read.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] for a position too far outside the image; [`SamError::DeviceLost`].
    pub(crate) async fn candidates(
        &self,
        points: &[Point],
        passes: impl Fn(f32) -> bool,
    ) -> Result<Vec<(usize, LowResMask)>, SamError> {
        let prompts: Vec<EncodedPrompt> = points
            .iter()
            .map(|point| self.encode_prompt(&Prompt::new().with_point(*point)))
            .collect::<Result<_, _>>()?;
        let decoder = self.predictor.model.sam.mask_decoder();
        let shared = self.predictor.shared().await?;
        let attended = self.attend(shared, &prompts);
        let scores = read(decoder.scores(&attended)).await?;
        let scores: Vec<&[f32]> = scores.chunks_exact(MASK_TOKENS).collect();
        let passing = |index: usize| (1..MASK_TOKENS).filter(|token| passes(scores[index][*token])).collect::<Vec<_>>();

        let wanted: Vec<(usize, Vec<usize>)> =
            (0..points.len()).map(|index| (index, passing(index))).filter(|(_, tokens)| !tokens.is_empty()).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let attended = if wanted.len() == points.len() {
            attended
        } else {
            attended.select(&wanted.iter().map(|(index, _)| *index).collect::<Vec<_>>())
        };
        let pixels = self.geometry.low_res_size().pow(2);
        let masks = decoder.masks(attended, &shared.hypernetworks).reshape([wanted.len() * MASK_TOKENS, pixels]);
        let rows = wanted.iter().enumerate();
        let rows = rows.flat_map(|(row, (_, tokens))| tokens.iter().map(move |token| row * MASK_TOKENS + token));
        let logits = read(ops::select_rows(masks, &rows.collect::<Vec<_>>())).await?;
        let candidates = wanted.iter().flat_map(|(index, tokens)| tokens.iter().map(|token| (*index, *token)));
        Ok(candidates
            .zip(logits.chunks_exact(pixels))
            .map(|((index, token), logits)| {
                (index, LowResMask { token, score: scores[index][token], logits: logits.to_vec() })
            })
            .collect())
    }

    /// Points that can be decoded together, each by itself a prompt.
    pub(crate) fn max_points(&self) -> usize {
        // A point and the padding.
        self.max_batch(Form { points: 2, tokens: 0, mask: false })
    }

    /// Did the same model encode both?
    pub(crate) fn has_model_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.predictor.model, &other.predictor.model)
    }

    /// Prompts of the same form, through the decoder's attention.
    fn attend(&self, shared: &Shared, prompts: &[EncodedPrompt]) -> Attended {
        let Predictor { model, device, .. } = &self.predictor;
        let (batch, low, dim) = (prompts.len(), self.geometry.low_res_size(), model.config.decoder.dim);
        let encoder = model.sam.prompt_encoder();

        let mut tokens: Vec<f32> = Vec::new();
        for prompt in prompts {
            tokens.extend(&shared.output_tokens);
            tokens.extend(shared.points.encode(&prompt.points));
            tokens.extend(&prompt.tokens);
        }
        let count = tokens.len() / dim / batch;
        let tokens = ops::from_values(tokens, [batch, count, dim], device);
        let masks: Vec<f32> = prompts.iter().flat_map(|prompt| prompt.mask.iter().flatten().copied()).collect();
        let dense = if masks.is_empty() {
            encoder.no_mask()
        } else {
            encoder.encode_masks(ops::from_values(masks, [batch, low, low, 1], device))
        };
        model.sam.mask_decoder().attend(self.features.clone(), shared.image_pe.clone(), tokens, dense)
    }
}

/// What prompts are decoded to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    multimask: bool,
    /// What a GPU makes of the masks.
    on_gpu: Option<Rendering>,
}

impl Request {
    /// Bytes of the pixels that are read for a prompt.
    fn packed_bytes(&self) -> usize {
        wanted(self.multimask).len() * self.on_gpu.map_or(0, |rendering| packed_bytes(&rendering))
    }
}

fn packed_bytes(rendering: &Rendering) -> usize {
    rendering.height * rendering.upsampling().words_per_row() * size_of::<u32>()
}

/// What the device gives for prompts of the same form.
pub(super) struct Decoded {
    /// The wanted masks of all prompts: `[masks, S/4, S/4]`
    masks: Tensor<3>,
    /// Of all four masks of every prompt: `[prompts, 4]`
    scores: Tensor<2>,
    /// The pixels of the wanted masks: `[masks, height, words]`
    bits: Option<Tensor<3, Int>>,
}

/// The mask tokens whose answers are asked for.
fn wanted(multimask: bool) -> Range<usize> {
    if multimask { 1..MASK_TOKENS } else { 0..1 }
}
