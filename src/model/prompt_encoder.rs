//! Points, boxes and masks as tokens and as a dense embedding.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/prompt_encoder.py>

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::common::{EPS_VIT, LayerNorm, Linear, PatchConv, parameter};
use super::config::SamConfig;
use crate::ops::{Activation, activate};

/// What a sparse token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// The padding the reference appends where there is no box: no position, an embedding of its own.
    NotAPoint,
    /// A background click.
    Background,
    /// A foreground click.
    Foreground,
    /// Top left corner of the box.
    TopLeft,
    /// Bottom right corner of the box.
    BottomRight,
}

/// One position of a prompt, in the input frame (half a pixel is added here, as in the reference).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparsePoint {
    /// x and y in the input frame.
    pub position_in_input: [f32; 2],
    /// What the position stands for.
    pub kind: TokenKind,
}

/// Sparse and dense encoding of prompts.
#[derive(Module, Debug)]
pub struct PromptEncoder {
    pub(crate) pe_layer: PositionEmbeddingRandom,
    /// Background, foreground, top left, bottom right: `[1, dim]` each.
    pub(crate) point_embeddings: Vec<Param<Tensor<2>>>,
    pub(crate) not_a_point_embed: Param<Tensor<2>>,
    pub(crate) mask_downscaling: MaskDownscaling,
    pub(crate) no_mask_embed: Param<Tensor<2>>,
    #[module(skip)]
    pub(crate) input_size: usize,
    #[module(skip)]
    pub(crate) embedding_size: usize,
}

impl PromptEncoder {
    pub(crate) fn new(config: &SamConfig, device: &Device) -> Self {
        let dim = config.decoder.dim;
        Self {
            pe_layer: PositionEmbeddingRandom { positional_encoding_gaussian_matrix: parameter([2, dim / 2], device) },
            point_embeddings: (0..4).map(|_| parameter([1, dim], device)).collect(),
            not_a_point_embed: parameter([1, dim], device),
            mask_downscaling: MaskDownscaling::new(config.decoder.mask_in_chans, dim, device),
            no_mask_embed: parameter([1, dim], device),
            input_size: config.image_size(),
            embedding_size: config.embedding_size(),
        }
    }

    /// Tokens of prompts with the same number of points.
    ///
    /// # Shapes
    /// - points: `batch` rows of `n`
    /// - output: `[batch, n, dim]`
    pub fn encode_points(&self, points: &[Vec<SparsePoint>]) -> Tensor<3> {
        let device = self.not_a_point_embed.val().device();
        let (batch, n) = (points.len(), points.first().map_or(0, Vec::len));
        let all = || points.iter().flatten();
        let flags = |of: fn(TokenKind) -> bool| {
            let flags: Vec<f32> = all().map(|p| f32::from(u8::from(of(p.kind)))).collect();
            Tensor::<2>::from_data(TensorData::new(flags, [batch * n, 1]), &device)
        };
        let size = self.input_size as f32;
        let positions: Vec<f32> = all().flat_map(|p| p.position_in_input).map(|v| (v + 0.5) / size).collect();
        let positions = Tensor::<2>::from_data(TensorData::new(positions, [batch * n, 2]), &device);

        let is_a_point = flags(|kind| kind != TokenKind::NotAPoint);
        let mut tokens = self.pe_layer.encode(positions) * is_a_point;
        tokens = tokens + self.not_a_point_embed.val() * flags(|kind| kind == TokenKind::NotAPoint);
        let kinds: [fn(TokenKind) -> bool; 4] = [
            |kind| kind == TokenKind::Background,
            |kind| kind == TokenKind::Foreground,
            |kind| kind == TokenKind::TopLeft,
            |kind| kind == TokenKind::BottomRight,
        ];
        for (embedding, kind) in self.point_embeddings.iter().zip(kinds) {
            tokens = tokens + embedding.val() * flags(kind);
        }
        let [_, dim] = tokens.dims();
        tokens.reshape([batch, n, dim])
    }

    /// The dense embedding of low-res mask logits.
    ///
    /// # Shapes
    /// - masks: `[batch, S/4, S/4, 1]`
    /// - output: `[batch, S/16, S/16, dim]`
    pub fn encode_masks(&self, masks: Tensor<4>) -> Tensor<4> {
        self.mask_downscaling.forward(masks)
    }

    /// The dense embedding where there is no mask: `[1, 1, 1, dim]`, to be broadcast.
    pub fn no_mask(&self) -> Tensor<4> {
        self.no_mask_embed.val().unsqueeze()
    }

    /// The position of every cell of the image embedding: `[1, S/16, S/16, dim]`.
    pub fn dense_pe(&self) -> Tensor<4> {
        let size = self.embedding_size;
        let device = self.not_a_point_embed.val().device();
        let centre = |i: usize| (i as f32 + 0.5) / size as f32;
        let positions: Vec<f32> = (0..size * size).flat_map(|i| [centre(i % size), centre(i / size)]).collect();
        let positions = Tensor::<2>::from_data(TensorData::new(positions, [size * size, 2]), &device);
        self.pe_layer.encode(positions).reshape([1, size as i32, size as i32, -1])
    }
}

/// Positional encoding with random spatial frequencies.
#[derive(Module, Debug)]
pub struct PositionEmbeddingRandom {
    pub(crate) positional_encoding_gaussian_matrix: Param<Tensor<2>>,
}

impl PositionEmbeddingRandom {
    /// # Shapes
    /// - positions: `[n, 2]`, x and y in 0..1
    /// - output: `[n, dim]`, sines then cosines
    pub(crate) fn encode(&self, positions: Tensor<2>) -> Tensor<2> {
        let angles = (positions * 2.0 - 1.0).matmul(self.positional_encoding_gaussian_matrix.val());
        let angles = angles * (2.0 * std::f64::consts::PI);
        Tensor::cat(vec![angles.clone().sin(), angles.cos()], 1)
    }
}

/// A mask, at a quarter of its resolution, as wide as the image embedding.
#[derive(Module, Debug)]
pub struct MaskDownscaling {
    pub(crate) conv1: PatchConv,
    pub(crate) layer_norm1: LayerNorm,
    pub(crate) conv2: PatchConv,
    pub(crate) layer_norm2: LayerNorm,
    pub(crate) conv3: Linear,
}

impl MaskDownscaling {
    pub(crate) fn new(channels: usize, dim: usize, device: &Device) -> Self {
        Self {
            conv1: PatchConv::new(1, channels / 4, 2, device),
            layer_norm1: LayerNorm::new(channels / 4, EPS_VIT, device),
            conv2: PatchConv::new(channels / 4, channels, 2, device),
            layer_norm2: LayerNorm::new(channels, EPS_VIT, device),
            conv3: Linear::new(channels, dim, device),
        }
    }

    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = activate(self.layer_norm1.forward(self.conv1.forward(x)), Activation::Gelu);
        let x = activate(self.layer_norm2.forward(self.conv2.forward(x)), Activation::Gelu);
        self.conv3.forward(x)
    }
}
