//! Image embedding and prompt tokens → mask logits and scores.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/mask_decoder.py>

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::common::{EPS_VIT, LayerNorm, Mlp, PatchConvTranspose, parameter};
use super::config::{DecoderConfig, MASK_TOKENS};
use super::transformer::TwoWayTransformer;
use crate::ops::{self, Activation, Order};

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
        ops::concat_rows(vec![self.iou_token.val(), self.mask_tokens.val()])
    }

    /// All four masks of every prompt and their scores.
    ///
    /// # Shapes
    /// - image: `[1, h, w, dim]`, one image for the whole batch; image_pe: `[1, h, w, dim]`
    /// - tokens: `[batch, 5 + n, dim]`, the [output tokens](Self::output_tokens) and those of the prompt
    /// - dense: `[batch, h, w, dim]`, or `[1, 1, 1, dim]` for all
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
        (self.masks(attended, &self.hypernetworks()), scores)
    }

    /// The first part of [`forward`](Self::forward), up to where masks and scores part.
    ///
    /// # Shapes
    /// As [`forward`](Self::forward).
    pub fn attend(&self, image: Tensor<4>, image_pe: Tensor<4>, tokens: Tensor<3>, dense: Tensor<4>) -> Attended {
        let ([_, h, w, dim], [batch, ..]) = (image.dims(), tokens.dims());
        let src = ops::add(image, dense, Activation::None);
        let src = src.expand([batch, h, w, dim]).reshape([batch, h * w, dim]);

        let (tokens, src) = self.transformer.forward(src, image_pe.reshape([1, h * w, dim]), tokens);
        Attended { tokens, src: src.reshape([batch, h, w, dim]) }
    }

    /// The scores of the four masks.
    ///
    /// # Shapes
    /// - output: `[batch, 4]`
    pub fn scores(&self, attended: &Attended) -> Tensor<2> {
        self.iou_prediction_head.forward(attended.score_token())
    }

    /// The four masks.
    ///
    /// # Shapes
    /// - output: `[batch, 4, 4h, 4w]`
    pub fn masks(&self, attended: Attended, hypernetworks: &Hypernetworks) -> Tensor<4> {
        let [batch, h, w, dim] = attended.src.dims();
        let weights = hypernetworks.forward(attended.mask_tokens()).reshape([batch, 1, MASK_TOKENS, dim / 8]);
        let upscaled = self.output_upscaling.forward(attended.src.reshape([batch, h * w, dim]));
        let upscaled = upscaled.unsqueeze_dim::<4>(1).swap_dims(2, 3);
        let masks = ops::matmul(weights, upscaled, None, Activation::None, Order::ByHead);
        let masks = in_place(masks.reshape([batch * MASK_TOKENS, 16 * h * w, 1]), [h, w]);
        masks.reshape([batch, MASK_TOKENS, 4 * h, 4 * w])
    }

    /// The networks that make weights of the masks' tokens, side by side.
    pub fn hypernetworks(&self) -> Hypernetworks {
        let [first, ..] = &self.output_hypernetworks_mlps[..] else { return Hypernetworks { layers: Vec::new() } };
        let layer = |i: usize| {
            let layers = || self.output_hypernetworks_mlps.iter().filter_map(|mlp| mlp.layers.get(i));
            let weights = layers().map(|layer| layer.weight.val().unsqueeze()).collect();
            let biases = layers().filter_map(|layer| layer.bias.as_ref()).map(|bias| bias.val().unsqueeze()).collect();
            (ops::concat_rows::<3>(weights).unsqueeze(), ops::concat_rows::<2>(biases).unsqueeze())
        };
        Hypernetworks { layers: (0..first.layers.len()).map(layer).collect() }
    }
}

/// See [`MaskDecoder::hypernetworks`].
#[derive(Debug)]
pub struct Hypernetworks {
    /// `[1, 4, input, output]` and `[1, 4, output]`
    layers: Vec<(Tensor<4>, Tensor<3>)>,
}

impl Hypernetworks {
    /// # Shapes
    /// - input: `[batch, 4, 1, dim]`
    /// - output: `[batch, 4, 1, dim / 8]`
    fn forward(&self, tokens: Tensor<4>) -> Tensor<4> {
        self.layers.iter().enumerate().fold(tokens, |x, (i, (weight, bias))| {
            let last = i + 1 == self.layers.len();
            let activation = if last { Activation::None } else { Activation::Relu };
            ops::matmul(x, weight.clone(), Some(bias.clone()), activation, Order::ByHead)
        })
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
    pub fn select(self, prompts: &[usize]) -> Self {
        Self { tokens: ops::select_rows(self.tokens, prompts), src: ops::select_rows(self.src, prompts) }
    }

    /// `[batch, dim]`
    fn score_token(&self) -> Tensor<2> {
        let [batch, _, dim] = self.tokens.dims();
        self.tokens.clone().slice([0..batch, 0..1, 0..dim]).reshape([batch, dim])
    }

    /// `[batch, 4, 1, dim]`
    fn mask_tokens(&self) -> Tensor<4> {
        let [batch, _, dim] = self.tokens.dims();
        self.tokens.clone().slice([0..batch, 1..1 + MASK_TOKENS, 0..dim]).unsqueeze_dim(2)
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

    /// The pixels stay where their patch is: of the masks, which are made of them, there is less to be moved.
    ///
    /// # Shapes
    /// - input: `[batch, pixels, dim]`
    /// - output: `[batch, pixels · 4 · 4, dim / 8]`
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.layer_norm.forward_then(self.conv1.forward(x, Activation::None), Activation::Gelu);
        self.conv2.forward(x, Activation::Gelu)
    }
}

/// What [`OutputUpscaling::forward`] has left where its patch is, a patch of patches, takes its place.
///
/// # Shapes
/// - input: `[batch, h · w · 4 · 4, channels]`
/// - output: `[batch, 4h, 4w, channels]`
pub(crate) fn in_place(x: Tensor<3>, [h, w]: [usize; 2]) -> Tensor<4> {
    let [batch, _, channels] = x.dims();
    let patches: Tensor<8> = x.reshape([batch, h, w, 2, 2, 2, 2, channels]);
    patches.permute([0, 1, 3, 5, 2, 4, 6, 7]).reshape([batch, 4 * h, 4 * w, channels])
}
