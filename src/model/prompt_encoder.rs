//! Points, boxes and masks as tokens and as a dense embedding.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/prompt_encoder.py>

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::common::{EPS_VIT, LayerNorm, Linear, PatchConv, parameter};
use super::config::SamConfig;
use crate::ops::{self, Activation};

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

    /// What a [`PointEncoder`] is made of: `[6, dim]`. The spatial frequencies of x and of y, a half row each, then the
    /// embeddings of the kinds of tokens.
    pub fn point_table(&self) -> Tensor<2> {
        let frequencies = self.pe_layer.positional_encoding_gaussian_matrix.val();
        let [_, half] = frequencies.dims();
        let mut rows = vec![frequencies.reshape([1, 2 * half]), self.not_a_point_embed.val()];
        rows.extend(self.point_embeddings.iter().map(Param::val));
        ops::concat_rows(rows)
    }

    /// Encodes points on the host, given the values of the [`point_table`](Self::point_table).
    pub fn point_encoder(&self, table: Vec<f32>) -> PointEncoder {
        let [_, half] = self.pe_layer.positional_encoding_gaussian_matrix.dims();
        PointEncoder { table, dim: 2 * half, input_size: self.input_size, embedding_size: self.embedding_size }
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
}

/// Positional encoding with random spatial frequencies.
#[derive(Module, Debug)]
pub struct PositionEmbeddingRandom {
    pub(crate) positional_encoding_gaussian_matrix: Param<Tensor<2>>,
}

/// Points become tokens on the host: a handful of sines is not worth twenty launches on a GPU, whose own sines are less
/// exact.
#[derive(Debug, Clone)]
pub struct PointEncoder {
    /// See [`PromptEncoder::point_table`].
    table: Vec<f32>,
    dim: usize,
    input_size: usize,
    embedding_size: usize,
}

impl PointEncoder {
    /// Width of a token.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The tokens of points, one after the other: `[n, dim]`.
    pub fn encode<'a>(&'a self, points: &'a [SparsePoint]) -> impl Iterator<Item = f32> + 'a {
        let size = self.input_size as f32;
        points.iter().flat_map(move |point| {
            let row = match point.kind {
                TokenKind::NotAPoint => 1,
                TokenKind::Background => 2,
                TokenKind::Foreground => 3,
                TokenKind::TopLeft => 4,
                TokenKind::BottomRight => 5,
            };
            let has_position = point.kind != TokenKind::NotAPoint;
            let position = self.position(point.position_in_input.map(|v| (v + 0.5) / size));
            let position = position.map(move |value| if has_position { value } else { 0.0 });
            position.zip(self.row(row)).map(|(position, embedding)| position + embedding)
        })
    }

    /// The position of every cell of the image embedding: `[S/16, S/16, dim]`.
    pub fn dense_pe(&self) -> Vec<f32> {
        let size = self.embedding_size;
        let centre = |i: usize| (i as f32 + 0.5) / size as f32;
        (0..size * size).flat_map(|i| self.position([centre(i % size), centre(i / size)])).collect()
    }

    /// Of x and y in 0..1: sines, then cosines, `dim` values.
    fn position(&self, position: [f32; 2]) -> impl Iterator<Item = f32> + '_ {
        let [x, y] = position.map(|v| 2.0 * v - 1.0);
        let (of_x, of_y) = self.row(0).as_slice().split_at(self.dim / 2);
        let angles = move || of_x.iter().zip(of_y).map(move |(fx, fy)| (x * fx + y * fy) * std::f32::consts::TAU);
        angles().map(f32::sin).chain(angles().map(f32::cos))
    }

    fn row(&self, index: usize) -> std::slice::Iter<'_, f32> {
        self.table.chunks_exact(self.dim).nth(index).unwrap_or_default().iter()
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

    /// # Shapes
    /// `[B, S/4, S/4, 1]` → `[B, S/16, S/16, D]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.layer_norm1.forward_then(self.conv1.forward(x), Activation::Gelu);
        let x = self.layer_norm2.forward_then(self.conv2.forward(x), Activation::Gelu);
        self.conv3.forward(x)
    }
}
