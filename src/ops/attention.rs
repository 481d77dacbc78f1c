//! Scaled dot-product attention with the two kinds of position bias SAM's encoders use.

use burn::tensor::Tensor;
use burn::tensor::activation;

#[cfg(feature = "webgpu")]
use super::gpu;
use super::{backend, select_rows};

/// What is added to the scores before the softmax.
#[derive(Debug, Clone)]
// Made once per call and only lent: its size costs nothing.
#[allow(clippy::large_enum_variant)]
pub enum Bias {
    /// Nothing.
    None,
    /// One table for all windows: `[heads, queries, keys]`.
    Table(Tensor<3>),
    /// Decomposed relative position (<https://arxiv.org/abs/2112.01526>): the score of a query at row y, column x with
    /// a key at row y', column x' gains q·vertical\[y − y'\] + q·horizontal\[x − x'\], with the unscaled query.
    Decomposed {
        /// `[2 · height − 1, head_dim]`, the smallest offset first.
        vertical: Tensor<2>,
        /// `[2 · width − 1, head_dim]`, the smallest offset first.
        horizontal: Tensor<2>,
        /// Height and width of the token grid.
        grid: [usize; 2],
    },
}

/// The width of a head, at most. Those of released models have 80 and less.
pub const MAX_HEAD_DIM: usize = 256;

/// softmax(q · kᵀ · scale + bias) · v.
///
/// The definition makes small scores for all heads at once. For the rest it loops over heads and makes each head's scores
/// and bias inside the loop, so that no tensor is larger than `[batch, queries, keys]`: 64 MiB for 4096 tokens, half of
/// WebGPU's default binding limit.
///
/// # Shapes
/// - q: `[batch, heads, queries, head_dim]`, head_dim at most [`MAX_HEAD_DIM`]
/// - k, v: `[batch, heads, keys, head_dim]`
/// - output: `[batch, heads, queries, head_dim]`
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f64, bias: &Bias) -> Tensor<4> {
    backend!(attention(&q, &k, &v, scale, bias));
    define(q, k, v, scale, bias)
}

/// How one linear layer's output holds the queries, keys and values of all heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// The queries of all heads, then all keys, then all values: SAM's ViT.
    Parts,
    /// Query, key and value of the first head, then of the second: TinyViT.
    Heads,
}

/// Attention of tokens to one another; see [`attention`].
///
/// # Shapes
/// - qkv: `[batch, tokens, 3 · dim]`, dim = heads · head_dim
/// - output: `[batch, tokens, dim]`
pub fn self_attention(qkv: Tensor<3>, heads: usize, packing: Packing, scale: f64, bias: &Bias) -> Tensor<3> {
    #[cfg(feature = "webgpu")]
    if let Some(out) = gpu::self_attention(&qkv, heads, packing, scale, bias) {
        #[cfg(test)]
        super::testing::kernel_used();
        return out;
    }
    let [batch, tokens, width] = qkv.dims();
    let [q, k, v] = split(qkv, heads, packing);
    attention(q, k, v, scale, bias).swap_dims(1, 2).reshape([batch, tokens, width / 3])
}

/// Queries, keys and values: `[batch, heads, tokens, head_dim]` each.
fn split(qkv: Tensor<3>, heads: usize, packing: Packing) -> [Tensor<4>; 3] {
    let [batch, tokens, width] = qkv.dims();
    let head_dim = width / 3 / heads;
    [0, 1, 2].map(|part| {
        let part = match packing {
            Packing::Parts => {
                qkv.clone().reshape([batch, tokens, 3 * heads, head_dim]).slice_dim(2, part * heads..(part + 1) * heads)
            }
            Packing::Heads => {
                let columns = part * head_dim..(part + 1) * head_dim;
                qkv.clone().reshape([batch, tokens, heads, 3 * head_dim]).slice_dim(3, columns)
            }
        };
        part.swap_dims(1, 2)
    })
}

fn define(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f64, bias: &Bias) -> Tensor<4> {
    compose(&PLAIN, q, k, v, scale, bias)
}

const PLAIN: Parts =
    Parts { matmul: |left, right| left.matmul(right), softmax: |scores| activation::softmax(scores, 3) };

/// The definition, of kernels: for heads that no kernel of the whole takes.
#[cfg(feature = "webgpu")]
pub(super) fn by_kernels(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f64, bias: &Bias) -> Tensor<4> {
    let parts = Parts {
        matmul: |left, right| super::matmul(left, right, None, super::Activation::None, super::Order::ByHead),
        softmax: |scores| super::softmax(scores, 1.0),
    };
    compose(&parts, q, k, v, scale, bias)
}

/// What attention is made of.
struct Parts {
    matmul: fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
    /// Over the last axis.
    softmax: fn(Tensor<4>) -> Tensor<4>,
}

fn compose(parts: &Parts, q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f64, bias: &Bias) -> Tensor<4> {
    let [batch, heads, queries, _] = q.dims();
    let [_, _, keys, _] = k.dims();
    // A usize has 32 bits in a browser.
    let small = [batch, heads, queries, keys].into_iter().map(|n| n as u64).product::<u64>() <= SMALL_SCORES;
    match bias {
        Bias::None if small => parts.attend(q, k, v, scale, |scores, _| scores),
        Bias::Table(table) if small => parts.attend(q, k, v, scale, |scores, _| scores + table.clone().unsqueeze()),
        Bias::None => parts.by_head(q, k, v, scale, |_, scores, _| scores),
        Bias::Table(table) => {
            parts.by_head(q, k, v, scale, |head, scores, _| scores + table.clone().slice(head..head + 1).unsqueeze())
        }
        Bias::Decomposed { vertical, horizontal, grid: [height, width] } => {
            let (vertical, horizontal) = (relative(vertical, *height), relative(horizontal, *width));
            parts.by_head(q, k, v, scale, |_, scores, q| parts.add_decomposed(scores, q, &vertical, &horizontal))
        }
    }
}

/// Scores of this many elements and less (16 MiB) are made for all heads at once: fewer, larger products.
const SMALL_SCORES: u64 = 1 << 22;

impl Parts {
    /// Attention of every head by itself. `bias` gets the head, its scores and its queries.
    fn by_head(
        &self,
        q: Tensor<4>,
        k: Tensor<4>,
        v: Tensor<4>,
        scale: f64,
        bias: impl Fn(usize, Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        let [_, heads, ..] = q.dims();
        let one = |x: &Tensor<4>, head: usize| x.clone().slice_dim(1, head..head + 1);
        let outputs = (0..heads)
            .map(|head| {
                let [q, k, v] = [&q, &k, &v].map(|x| one(x, head));
                self.attend(q, k, v, scale, |scores, q| bias(head, scores, q))
            })
            .collect();
        Tensor::cat(outputs, 1)
    }

    fn attend(
        &self,
        q: Tensor<4>,
        k: Tensor<4>,
        v: Tensor<4>,
        scale: f64,
        bias: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        let scores = (self.matmul)(q.clone().mul_scalar(scale), k.swap_dims(2, 3));
        (self.matmul)((self.softmax)(bias(scores, q)), v)
    }

    /// # Shapes
    /// - scores: `[batch, 1, h · w, h · w]`, q: `[batch, 1, h · w, dim]`
    /// - vertical: `[h, h, dim]`, horizontal: `[w, w, dim]`
    fn add_decomposed(
        &self,
        scores: Tensor<4>,
        q: Tensor<4>,
        vertical: &Tensor<3>,
        horizontal: &Tensor<3>,
    ) -> Tensor<4> {
        let ([batch, _, tokens, dim], [h, ..], [w, ..]) = (q.dims(), vertical.dims(), horizontal.dims());
        let q = q.reshape([batch, h, w, dim]);
        let by_row = q.clone().swap_dims(0, 1).reshape([1, h, batch * w, dim]);
        let by_row = (self.matmul)(by_row, vertical.clone().swap_dims(1, 2).unsqueeze());
        let by_row = by_row.reshape([h, batch, w, h]).swap_dims(0, 1).reshape([batch, tokens, h, 1]);
        let by_column = q.permute([2, 0, 1, 3]).reshape([1, w, batch * h, dim]);
        let by_column = (self.matmul)(by_column, horizontal.clone().swap_dims(1, 2).unsqueeze());
        let by_column = by_column.reshape([w, batch, h, w]).permute([1, 2, 0, 3]).reshape([batch, tokens, 1, w]);
        (scores.reshape([batch, tokens, h, w]) + by_row + by_column).reshape([batch, 1, tokens, tokens])
    }
}

/// The rows of a relative-position table for every pair of positions: `[size, size, head_dim]`.
fn relative(table: &Tensor<2>, size: usize) -> Tensor<3> {
    let indices: Vec<usize> = (0..size * size).map(|i| i / size + size - 1 - i % size).collect();
    let [_, dim] = table.dims();
    select_rows(table.clone(), &indices).reshape([size, size, dim])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in devices() {
            // Queries, keys and width across the sizes of tiles and blocks; heads too wide or too odd for one kernel.
            for [batch, heads, queries, keys, dim] in
                [[1, 1, 1, 1, 1], [2, 3, 7, 11, 5], [1, 2, 70, 450, 16], [3, 2, 33, 5, 12], [1, 2, 9, 30, 200]]
            {
                let [q, k, v] = [queries, keys, keys].map(|tokens| random([batch, heads, tokens, dim], &device) * 3.0);
                for bias in [Bias::None, Bias::Table(random([heads, queries, keys], &device))] {
                    let found = by_kernel(|| attention(q.clone(), k.clone(), v.clone(), 0.3, &bias));
                    assert_close(found, define(q.clone(), k.clone(), v.clone(), 0.3, &bias), 2e-6);
                }
            }
            for [height, width] in [[1, 1], [3, 5], [14, 14], [9, 20]] {
                let qkv = || random([2, 3, height * width, 8], &device);
                let [q, k, v] = [qkv(), qkv(), qkv()];
                let bias = Bias::Decomposed {
                    vertical: random([2 * height - 1, 8], &device),
                    horizontal: random([2 * width - 1, 8], &device),
                    grid: [height, width],
                };
                let found = by_kernel(|| attention(q.clone(), k.clone(), v.clone(), 0.35, &bias));
                assert_close(found, define(q, k, v, 0.35, &bias), 2e-6);
            }
        }
    }

    /// Queries, keys and values are views: tokens with their heads side by side.
    #[test]
    fn attention_of_views_matches_the_definition() {
        for device in devices() {
            for [batch, heads, queries, keys, dim] in [[1, 1, 1, 1, 4], [2, 3, 7, 11, 8], [1, 8, 9, 70, 16]] {
                let [q, k, v] = [queries, keys, keys].map(|tokens| {
                    random([batch, tokens, heads * dim], &device).reshape([batch, tokens, heads, dim]).swap_dims(1, 2)
                });
                let found = by_kernel(|| attention(q.clone(), k.clone(), v.clone(), 0.3, &Bias::None));
                assert_close(found, define(q, k, v, 0.3, &Bias::None), 2e-6);
            }
        }
    }

    /// Queries, keys and values are views of one tensor.
    #[test]
    fn self_attention_matches_the_definition() {
        for device in devices() {
            for ([height, width], heads, dim) in
                [([3, 5], 2, 8), ([7, 7], 3, 32), ([9, 8], 1, 12), ([4, 5], 1, 64), ([5, 1], 2, 80)]
            {
                let tokens = height * width;
                let qkv = random([2, tokens, 3 * heads * dim], &device);
                // As the encoders have it: scores of wide heads would else be far apart, and a softmax's error grows with them.
                let scale = (dim as f64).powf(-0.5);
                let biases = [
                    Bias::None,
                    Bias::Table(random([heads, tokens, tokens], &device)),
                    Bias::Decomposed {
                        vertical: random([2 * height - 1, dim], &device),
                        horizontal: random([2 * width - 1, dim], &device),
                        grid: [height, width],
                    },
                ];
                for (packing, bias) in biases.iter().flat_map(|bias| [(Packing::Parts, bias), (Packing::Heads, bias)]) {
                    let [q, k, v] = split(qkv.clone(), heads, packing);
                    let expected = define(q, k, v, scale, bias).swap_dims(1, 2).reshape([2, tokens, heads * dim]);
                    let found = by_kernel(|| self_attention(qkv.clone(), heads, packing, scale, bias));
                    assert_close(found, expected, 2e-6);
                }
            }
        }
    }

    /// Scores far apart must not overflow.
    #[test]
    fn survives_large_scores() {
        for device in devices() {
            let qkv = random([2, 6, 3 * 2 * 8], &device) * 300.0;
            let [q, k, v] = split(qkv.clone(), 2, Packing::Heads);
            let expected = define(q, k, v, 1.0, &Bias::None).swap_dims(1, 2).reshape([2, 6, 16]);
            let found = by_kernel(|| self_attention(qkv, 2, Packing::Heads, 1.0, &Bias::None));
            assert_close(found, expected, 1e-5);
        }
    }

    /// The greatest score may come late and far above all before it, or at once, and all may be far below zero.
    #[test]
    fn survives_jumps() {
        for device in devices() {
            let ([height, width], [heads, dim]) = ([7, 10], [2, 8]);
            let tokens = height * width;
            let ramp =
                |from: f32, to: f32| (0..tokens).map(move |i| from + (to - from) * i as f32 / (tokens - 1) as f32);
            let first_of = |values: Vec<f32>| {
                let rest = random([1, heads, tokens, dim], &device) * 0.1;
                let first = Tensor::<1>::from_floats(values.as_slice(), &device).reshape([1, 1, tokens, 1]);
                Tensor::cat(vec![first.repeat_dim(1, heads), rest.slice_dim(3, 1..dim)], 3)
            };
            let v = random([1, heads, tokens, dim], &device);
            let biases = [
                Bias::None,
                Bias::Table(random([heads, tokens, tokens], &device)),
                Bias::Decomposed {
                    vertical: random([2 * height - 1, dim], &device),
                    horizontal: random([2 * width - 1, dim], &device),
                    grid: [height, width],
                },
            ];
            // Ascending for one query and descending for the next.
            let q = first_of((0..tokens).map(|i| if i % 2 == 0 { 100.0 } else { -100.0 }).collect());
            let k = first_of(ramp(-100.0, 100.0).collect());
            for bias in &biases {
                let found = by_kernel(|| attention(q.clone(), k.clone(), v.clone(), 1.0, bias));
                assert_close(found, define(q.clone(), k.clone(), v.clone(), 1.0, bias), 2e-6);
            }
            // All scores about -10⁴: what f32 rounds of them, a thousandth, is what the weights differ by.
            let k = first_of(vec![100.0; tokens]);
            let q = first_of(vec![-100.0; tokens]);
            let found = by_kernel(|| attention(q.clone(), k.clone(), v.clone(), 1.0, &Bias::None));
            assert_close(found, define(q, k, v, 1.0, &Bias::None), 2e-3);
        }
    }

    /// Head by head is the same as all at once.
    #[test]
    fn heads_are_independent() {
        for device in devices() {
            let [q, k, v] = [7, 11, 11].map(|tokens| random([3, 2, tokens, 5], &device));
            let table = random([2, 7, 11], &device);
            let together = define(q.clone(), k.clone(), v.clone(), 0.3, &Bias::Table(table.clone()));
            let one = |head: usize| table.clone().slice(head..head + 1).unsqueeze();
            let apart = PLAIN.by_head(q, k, v, 0.3, |head, scores, _| scores + one(head));
            assert_close(apart, together, 1e-6);
        }
    }
}
