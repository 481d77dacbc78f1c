//! The two-way transformer: prompt tokens attend to the image and the image to them.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/transformer.py>

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::common::{EPS_TORCH, LayerNorm, Linear, MlpBlock};
use super::config::{ATTENTION_DOWNSAMPLE, DecoderConfig};
use crate::ops::{self, Activation};

/// Layers of two-way attention and a final one from the tokens to the image.
#[derive(Module, Debug)]
pub struct TwoWayTransformer {
    pub(crate) layers: Vec<TwoWayAttentionBlock>,
    pub(crate) final_attn_token_to_image: Attention,
    pub(crate) norm_final_attn: LayerNorm,
}

impl TwoWayTransformer {
    pub(crate) fn new(config: &DecoderConfig, device: &Device) -> Self {
        Self {
            layers: (0..config.depth).map(|i| TwoWayAttentionBlock::new(config, i == 0, device)).collect(),
            final_attn_token_to_image: Attention::new(config, ATTENTION_DOWNSAMPLE, device),
            norm_final_attn: LayerNorm::new(config.dim, EPS_TORCH, device),
        }
    }

    /// # Shapes
    /// - image: `[batch, cells, dim]`, image_pe: `[1, cells, dim]`, tokens: `[batch, n, dim]`
    /// - output: the tokens and the image after the last layer
    pub fn forward(&self, image: Tensor<3>, image_pe: Tensor<3>, tokens: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let (mut queries, mut keys) = (tokens.clone(), image);
        for layer in &self.layers {
            (queries, keys) = layer.forward(queries, keys, tokens.clone(), image_pe.clone());
        }
        let q = queries.clone() + tokens;
        let k = keys.clone() + image_pe;
        let attended = self.final_attn_token_to_image.forward(q, k, keys.clone());
        (self.norm_final_attn.forward(queries + attended), keys)
    }
}

/// Self-attention of the tokens, tokens to image, MLP on the tokens, image to tokens.
#[derive(Module, Debug)]
pub struct TwoWayAttentionBlock {
    pub(crate) self_attn: Attention,
    pub(crate) norm1: LayerNorm,
    pub(crate) cross_attn_token_to_image: Attention,
    pub(crate) norm2: LayerNorm,
    pub(crate) mlp: MlpBlock,
    pub(crate) norm3: LayerNorm,
    pub(crate) norm4: LayerNorm,
    pub(crate) cross_attn_image_to_token: Attention,
    /// The first layer's self-attention has no position, and its result replaces the queries.
    #[module(skip)]
    pub(crate) skip_first_layer_pe: bool,
}

impl TwoWayAttentionBlock {
    pub(crate) fn new(config: &DecoderConfig, skip_first_layer_pe: bool, device: &Device) -> Self {
        let norm = || LayerNorm::new(config.dim, EPS_TORCH, device);
        Self {
            self_attn: Attention::new(config, 1, device),
            norm1: norm(),
            cross_attn_token_to_image: Attention::new(config, ATTENTION_DOWNSAMPLE, device),
            norm2: norm(),
            mlp: MlpBlock::new(config.dim, config.mlp_dim, Activation::Relu, device),
            norm3: norm(),
            norm4: norm(),
            cross_attn_image_to_token: Attention::new(config, ATTENTION_DOWNSAMPLE, device),
            skip_first_layer_pe,
        }
    }

    /// # Shapes
    /// - queries, query_pe: `[batch, n, dim]`; keys: `[batch, cells, dim]`; key_pe: `[1, cells, dim]`
    /// - output: new queries and keys
    pub fn forward(
        &self,
        queries: Tensor<3>,
        keys: Tensor<3>,
        query_pe: Tensor<3>,
        key_pe: Tensor<3>,
    ) -> (Tensor<3>, Tensor<3>) {
        let queries = if self.skip_first_layer_pe {
            self.self_attn.forward(queries.clone(), queries.clone(), queries)
        } else {
            let q = queries.clone() + query_pe.clone();
            queries.clone() + self.self_attn.forward(q.clone(), q, queries)
        };
        let queries = self.norm1.forward(queries);

        let q = queries.clone() + query_pe.clone();
        let k = keys.clone() + key_pe;
        let attended = self.cross_attn_token_to_image.forward(q, k.clone(), keys.clone());
        let queries = self.norm2.forward(queries + attended);

        let queries = self.norm3.forward(queries.clone() + self.mlp.forward(queries));

        let q = queries.clone() + query_pe;
        let attended = self.cross_attn_image_to_token.forward(k, q, queries.clone());
        let keys = self.norm4.forward(keys + attended);
        (queries, keys)
    }
}

/// Multi-head attention, narrower inside than outside where `downsample` is not 1.
#[derive(Module, Debug)]
pub struct Attention {
    pub(crate) q_proj: Linear,
    pub(crate) k_proj: Linear,
    pub(crate) v_proj: Linear,
    pub(crate) out_proj: Linear,
    #[module(skip)]
    pub(crate) heads: usize,
}

impl Attention {
    pub(crate) fn new(config: &DecoderConfig, downsample: usize, device: &Device) -> Self {
        let (dim, inner) = (config.dim, config.dim / downsample);
        Self {
            q_proj: Linear::new(dim, inner, device),
            k_proj: Linear::new(dim, inner, device),
            v_proj: Linear::new(dim, inner, device),
            out_proj: Linear::new(inner, dim, device),
            heads: config.heads,
        }
    }

    /// # Shapes
    /// - q: `[batch, queries, dim]`; k, v: `[batch, keys, dim]`
    /// - output: `[batch, queries, dim]`
    pub(crate) fn forward(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let q = self.separate_heads(self.q_proj.forward(q));
        let k = self.separate_heads(self.k_proj.forward(k));
        let v = self.separate_heads(self.v_proj.forward(v));
        let [batch, heads, queries, head_dim] = q.dims();
        let out = ops::attention(q, k, v, (head_dim as f64).powf(-0.5), &ops::Bias::None);
        self.out_proj.forward(out.swap_dims(1, 2).reshape([batch, queries, heads * head_dim]))
    }

    fn separate_heads(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, tokens, dim] = x.dims();
        x.reshape([batch, tokens, self.heads, dim / self.heads]).swap_dims(1, 2)
    }
}
