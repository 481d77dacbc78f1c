//! Image embedding and prompt tokens → mask logits and scores.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/mask_decoder.py>

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};

use super::common::{EPS_VIT, LayerNorm, Mlp, PatchConvTranspose, parameter};
use super::config::{DecoderConfig, MASK_TOKENS};
use super::transformer::TwoWayTransformer;
use crate::ops::Activation;

/// The mask decoder.
#[derive(Module, Debug)]
pub struct MaskDecoder {
    pub(crate) transformer: TwoWayTransformer,
    pub(crate) iou_token: Param<Tensor<2>>,
    pub(crate) mask_tokens: Param<Tensor<2>>,
    pub(crate) output_upscaling: OutputUpscaling,
    pub(crate) output_hypernetworks_mlps: Vec<Mlp>,
    pub(crate) iou_prediction_head: Mlp,
}

impl MaskDecoder {
    pub(crate) fn new(config: &DecoderConfig, device: &Device) -> Self {
        let dim = config.dim;
        Self {
            transformer: TwoWayTransformer::new(config, device),
            iou_token: parameter([1, dim], device),
            mask_tokens: parameter([MASK_TOKENS, dim], device),
            output_upscaling: OutputUpscaling::new(dim, device),
            output_hypernetworks_mlps: (0..MASK_TOKENS).map(|_| Mlp::new(dim, dim, dim / 8, 3, device)).collect(),
            iou_prediction_head: Mlp::new(dim, config.iou_head_dim(), MASK_TOKENS, config.iou_head_depth, device),
        }
    }

    /// The tokens that ask for the score and for the four masks: `[5, dim]`.
    pub fn output_tokens(&self) -> Tensor<2> {
        Tensor::cat(vec![self.iou_token.val(), self.mask_tokens.val()], 0)
    }

    /// All four masks of every prompt and their scores.
    ///
    /// # Shapes
    /// - image: `[1, h, w, dim]`, one image for the whole batch; image_pe: `[1, h, w, dim]`
    /// - tokens: `[batch, 5 + n, dim]`, the [output tokens](Self::output_tokens) and those of the prompt
    /// - dense: `[batch or 1, h or 1, w or 1, dim]`
    /// - output: masks `[batch, 4, 4h, 4w]` and scores `[batch, 4]`
    pub fn forward(
        &self,
        image: Tensor<4>,
        image_pe: Tensor<4>,
        tokens: Tensor<3>,
        dense: Tensor<4>,
    ) -> (Tensor<4>, Tensor<2>) {
        let attended = self.attend(image, image_pe, tokens, dense);
        let scores = self.scores(&attended);
        (self.masks(attended), scores)
    }

    /// The first part of [`forward`](Self::forward), up to where masks and scores part.
    ///
    /// # Shapes
    /// As [`forward`](Self::forward).
    pub fn attend(&self, image: Tensor<4>, image_pe: Tensor<4>, tokens: Tensor<3>, dense: Tensor<4>) -> Attended {
        let ([_, h, w, dim], [batch, ..]) = (image.dims(), tokens.dims());
        let src = (image + dense).reshape([-1, (h * w) as i32, dim as i32]);
        let [images, ..] = src.dims();
        let src = if images == batch { src } else { src.repeat_dim(0, batch) };

        let (tokens, src) = self.transformer.forward(src, image_pe.reshape([1, h * w, dim]), tokens);
        Attended { tokens, src: src.reshape([batch, h, w, dim]) }
    }

    /// The scores of the four masks.
    ///
    /// # Shapes
    /// - output: `[batch, 4]`
    pub fn scores(&self, attended: &Attended) -> Tensor<2> {
        self.iou_prediction_head.forward(attended.token(0))
    }

    /// The four masks.
    ///
    /// # Shapes
    /// - output: `[batch, 4, 4h, 4w]`
    pub fn masks(&self, attended: Attended) -> Tensor<4> {
        let weights = self.output_hypernetworks_mlps.iter().enumerate();
        let weights = weights.map(|(i, mlp)| mlp.forward(attended.token(i + 1)).unsqueeze_dim(1));
        let weights = Tensor::<3>::cat(weights.collect(), 1);
        let upscaled = self.output_upscaling.forward(attended.src);
        let [batch, height, width, channels] = upscaled.dims();
        let masks = weights.matmul(upscaled.reshape([batch, height * width, channels]).swap_dims(1, 2));
        masks.reshape([batch, MASK_TOKENS, height, width])
    }
}

/// Tokens and image after they have attended to each other.
#[derive(Debug, Clone)]
pub struct Attended {
    /// `[batch, 5 + n, dim]`: the token of the scores, those of the four masks, the prompt's.
    tokens: Tensor<3>,
    /// `[batch, h, w, dim]`
    src: Tensor<4>,
}

impl Attended {
    /// Only some of the prompts.
    pub fn select(self, prompts: Tensor<1, Int>) -> Self {
        Self { tokens: self.tokens.select(0, prompts.clone()), src: self.src.select(0, prompts) }
    }

    /// `[batch, dim]`
    fn token(&self, i: usize) -> Tensor<2> {
        let [batch, _, dim] = self.tokens.dims();
        self.tokens.clone().slice([0..batch, i..i + 1, 0..dim]).reshape([batch, dim])
    }
}

/// The image embedding at four times its resolution and an eighth of its width.
#[derive(Module, Debug)]
pub struct OutputUpscaling {
    pub(crate) conv1: PatchConvTranspose,
    pub(crate) layer_norm: LayerNorm,
    pub(crate) conv2: PatchConvTranspose,
}

impl OutputUpscaling {
    pub(crate) fn new(dim: usize, device: &Device) -> Self {
        Self {
            conv1: PatchConvTranspose::new(dim, dim / 4, 2, device),
            layer_norm: LayerNorm::new(dim / 4, EPS_VIT, device),
            conv2: PatchConvTranspose::new(dim / 4, dim / 8, 2, device),
        }
    }

    /// # Shapes
    /// - input: `[batch, h, w, dim]`
    /// - output: `[batch, 4h, 4w, dim / 8]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.layer_norm.forward_then(self.conv1.forward(x, Activation::None), Activation::Gelu);
        self.conv2.forward(x, Activation::Gelu)
    }
}
