//! The two-way transformer: prompt tokens attend to the image and the image to them.
//!
//! Follows <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/transformer.py>

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::common::{EPS_TORCH, LayerNorm, Linear, MlpBlock};
use super::config::{ATTENTION_DOWNSAMPLE, DecoderConfig};
use crate::ops::{self, Activation, Order};

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
        let q = sum(&queries, &tokens);
        let k = sum(&keys, &image_pe);
        let attended = self.final_attn_token_to_image.forward(q, k, keys.clone());
        (self.norm_final_attn.forward_sum(queries, attended), keys)
    }
}

/// Of tensors that are used again.
fn sum(left: &Tensor<3>, right: &Tensor<3>) -> Tensor<3> {
    ops::add(left.clone(), right.clone(), Activation::None)
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
            self.norm1.forward(self.self_attn.forward(queries.clone(), queries.clone(), queries))
        } else {
            let q = sum(&queries, &query_pe);
            let attended = self.self_attn.forward(q.clone(), q, queries.clone());
            self.norm1.forward_sum(queries, attended)
        };

        let q = sum(&queries, &query_pe);
        let k = sum(&keys, &key_pe);
        let attended = self.cross_attn_token_to_image.forward(q, k.clone(), keys.clone());
        let queries = self.norm2.forward_sum(queries, attended);

        let queries = self.norm3.forward_sum(queries.clone(), self.mlp.forward(queries));

        let q = sum(&queries, &query_pe);
        let attended = self.cross_attn_image_to_token.forward(k, q, queries.clone());
        let keys = self.norm4.forward_sum(keys, attended);
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
        let ([_, queries, _], [_, keys, _], [_, inner]) = (q.dims(), k.dims(), self.q_proj.weight.dims());
        // Tokens are few and the image's cells many: it is cheaper to carry the weights over to the tokens.
        if self.heads * queries < inner.min(keys) {
            self.few_queries(q, k, v)
        } else if self.heads * keys < inner.min(queries) {
            self.few_keys(q, k, v)
        } else {
            self.project_all(q, k, v)
        }
    }

    fn project_all(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let q = self.separate_heads(self.q_proj.forward(q));
        let k = self.separate_heads(self.k_proj.forward(k));
        let v = self.separate_heads(self.v_proj.forward(v));
        let out = ops::attention(q, k, v, self.scale(), &ops::Bias::None);
        self.out_proj.forward(join_heads(out))
    }

    /// Projects no key and no value. With keys x·Wk + bk the scores are (q·Wkᵀ)·xᵀ + q·bk, whose last term is the same for
    /// all keys and leaves a softmax P as it is; with values x·Wv + bv the output is (P·x)·Wv + bv, as the rows of P sum to 1.
    fn few_queries(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let ([batch, queries, dim], heads) = (q.dims(), self.heads);
        let q = self.separate_heads(self.q_proj.forward(q));
        let q = product(q, by_head(&self.k_proj, heads).swap_dims(2, 3), None, Order::ByRow);
        // All heads of a query have the same keys and values: to these, they are queries of their own.
        let q = q.swap_dims(1, 2).reshape([batch, 1, queries * heads, dim]);
        let scores = product(q, k.unsqueeze_dim::<4>(1).swap_dims(2, 3), None, Order::ByHead);
        let attended = product(ops::softmax(scores, self.scale()), v.unsqueeze_dim(1), None, Order::ByHead);
        let attended = attended.reshape([batch, queries, heads, dim]).swap_dims(1, 2);
        let bias = self.v_proj.bias.as_ref().map(|bias| bias.val().reshape([1, heads as i32, -1]));
        self.out_proj.forward(join_heads(product(attended, by_head(&self.v_proj, heads), bias, Order::ByRow)))
    }

    /// Projects no query, and nothing back: with queries x·Wq + bq the scores are x·(k·Wqᵀ)ᵀ + bq·kᵀ, and the output is
    /// P·(v·Wo) + bo.
    fn few_keys(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
        let ([batch, queries, dim], [_, keys, _], heads) = (q.dims(), k.dims(), self.heads);
        let k = self.separate_heads(self.k_proj.forward(k));
        let v = self.separate_heads(self.v_proj.forward(v));
        let [.., head_dim] = k.dims();
        let weight = product(k.clone(), by_head(&self.q_proj, heads).swap_dims(2, 3), None, Order::ByHead);
        let weight = weight.reshape([batch, 1, heads * keys, dim]).swap_dims(2, 3);
        let bias = self.q_proj.bias.as_ref().map(|bias| {
            let bias = product(k, bias.val().reshape([1, heads, head_dim, 1]), None, Order::ByHead);
            bias.reshape([batch, 1, heads * keys])
        });
        let scores = product(q.unsqueeze_dim(1), weight, bias, Order::ByHead);
        let probabilities = ops::softmax(scores.reshape([batch, queries, heads, keys]), self.scale());
        // [inner, dim] → [1, heads, head_dim, dim]
        let out = self.out_proj.weight.val().reshape([1, heads, head_dim, dim]);
        let values = product(v, out, None, Order::ByHead).reshape([batch, 1, heads * keys, dim]);
        let bias = self.out_proj.bias.as_ref().map(|bias| bias.val().reshape([1, 1, dim]));
        product(probabilities.reshape([batch, 1, queries, heads * keys]), values, bias, Order::ByHead).squeeze_dim(1)
    }

    fn scale(&self) -> f64 {
        let [_, inner] = self.q_proj.weight.dims();
        ((inner / self.heads) as f64).powf(-0.5)
    }

    fn separate_heads(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, tokens, dim] = x.dims();
        x.reshape([batch, tokens, self.heads, dim / self.heads]).swap_dims(1, 2)
    }
}

/// Of every head, by our own kernel: burn's differ with the number of tokens.
fn product(left: Tensor<4>, right: Tensor<4>, bias: Option<Tensor<3>>, order: Order) -> Tensor<4> {
    ops::matmul(left, right, bias, Activation::None, order)
}

/// `[batch, heads, tokens, head_dim]` → `[batch, tokens, heads · head_dim]`
fn join_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, heads, tokens, head_dim] = x.dims();
    x.swap_dims(1, 2).reshape([batch, tokens, heads * head_dim])
}

/// The weight of a projection to all heads, by head: `[1, heads, dim, head_dim]`.
fn by_head(projection: &Linear, heads: usize) -> Tensor<4> {
    let [dim, inner] = projection.weight.dims();
    projection.weight.val().reshape([1, dim, heads, inner / heads]).swap_dims(1, 2)
}

#[cfg(test)]
mod tests {
    use burn::module::{Param, ParamId};

    use super::*;
    use crate::ops::testing::{assert_close, devices, random};

    /// The shortcuts for few queries and few keys give what projecting everything gives.
    #[test]
    fn shortcuts_change_nothing() {
        for device in devices() {
            let config = DecoderConfig {
                dim: 32,
                heads: 4,
                mlp_dim: 8,
                depth: 1,
                mask_in_chans: 4,
                iou_head_depth: 1,
                iou_head_dim: None,
            };
            let mut attention = Attention::new(&config, ATTENTION_DOWNSAMPLE, &device);
            for layer in [&mut attention.q_proj, &mut attention.k_proj, &mut attention.v_proj, &mut attention.out_proj]
            {
                layer.weight = Param::initialized(ParamId::new(), random(layer.weight.dims(), &device));
                layer.bias =
                    layer.bias.take().map(|bias| Param::initialized(ParamId::new(), random(bias.dims(), &device)));
            }
            let (few, many, other) =
                (random([2, 3, 32], &device), random([2, 50, 32], &device), random([2, 50, 32], &device));
            let expected = attention.project_all(few.clone(), many.clone(), other.clone());
            assert_close(attention.few_queries(few.clone(), many.clone(), other.clone()), expected, 2e-6);
            let values = random([2, 3, 32], &device);
            let expected = attention.project_all(many.clone(), few.clone(), values.clone());
            assert_close(attention.few_keys(many, few, values), expected, 2e-6);
        }
    }
}
