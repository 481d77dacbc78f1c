//! Scaled dot-product attention with the two kinds of position bias SAM's encoders use.

use burn::tensor::activation::softmax;
use burn::tensor::{Int, Tensor, TensorData};

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

/// softmax(q · kᵀ · scale + bias) · v.
///
/// Small scores are made for all heads at once. For the rest the definition loops over heads and makes each head's scores
/// and bias inside the loop, so that no tensor is larger than `[batch, queries, keys]`: 64 MiB for 4096 tokens, half of
/// WebGPU's default binding limit.
///
/// # Shapes
/// - q: `[batch, heads, queries, head_dim]`
/// - k, v: `[batch, heads, keys, head_dim]`
/// - output: `[batch, heads, queries, head_dim]`
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f64, bias: &Bias) -> Tensor<4> {
    let [batch, heads, queries, _] = q.dims();
    let [_, _, keys, _] = k.dims();
    let small = batch * heads * queries * keys <= SMALL_SCORES;
    match bias {
        Bias::None if small => attend(q, k, v, scale, |scores, _| scores),
        Bias::Table(table) if small => attend(q, k, v, scale, |scores, _| scores + table.clone().unsqueeze()),
        Bias::None => by_head(q, k, v, scale, |_, scores, _| scores),
        Bias::Table(table) => {
            by_head(q, k, v, scale, |head, scores, _| scores + table.clone().slice(head..head + 1).unsqueeze())
        }
        Bias::Decomposed { vertical, horizontal, grid: [height, width] } => {
            let (vertical, horizontal) = (relative(vertical, *height), relative(horizontal, *width));
            by_head(q, k, v, scale, |_, scores, q| add_decomposed(scores, q, &vertical, &horizontal))
        }
    }
}

/// Scores of this many elements and less (16 MiB) are made for all heads at once: fewer, larger products.
const SMALL_SCORES: usize = 1 << 22;

/// Attention of every head by itself. `bias` gets the head, its scores and its queries.
fn by_head(
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
            attend(q, k, v, scale, |scores, q| bias(head, scores, q))
        })
        .collect();
    Tensor::cat(outputs, 1)
}

fn attend(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    scale: f64,
    bias: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
) -> Tensor<4> {
    let scores = q.clone().mul_scalar(scale).matmul(k.swap_dims(2, 3));
    softmax(bias(scores, q), 3).matmul(v)
}

/// The rows of a relative-position table for every pair of positions: `[size, size, head_dim]`.
fn relative(table: &Tensor<2>, size: usize) -> Tensor<3> {
    let indices: Vec<i32> = (0..size * size).map(|i| (i / size + size - 1 - i % size) as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [size * size]), &table.device());
    let [_, dim] = table.dims();
    table.clone().select(0, indices).reshape([size, size, dim])
}

/// # Shapes
/// - scores: `[batch, 1, h · w, h · w]`, q: `[batch, 1, h · w, dim]`
/// - vertical: `[h, h, dim]`, horizontal: `[w, w, dim]`
fn add_decomposed(scores: Tensor<4>, q: Tensor<4>, vertical: &Tensor<3>, horizontal: &Tensor<3>) -> Tensor<4> {
    let ([batch, _, tokens, dim], [h, ..], [w, ..]) = (q.dims(), vertical.dims(), horizontal.dims());
    let q = q.reshape([batch, h, w, dim]);
    let by_row = q.clone().swap_dims(0, 1).reshape([h, batch * w, dim]).matmul(vertical.clone().swap_dims(1, 2));
    let by_row = by_row.reshape([h, batch, w, h]).swap_dims(0, 1).reshape([batch, tokens, h, 1]);
    let by_column = q.permute([2, 0, 1, 3]).reshape([w, batch * h, dim]).matmul(horizontal.clone().swap_dims(1, 2));
    let by_column = by_column.reshape([w, batch, h, w]).permute([1, 2, 0, 3]).reshape([batch, tokens, 1, w]);
    (scores.reshape([batch, tokens, h, w]) + by_row + by_column).reshape([batch, 1, tokens, tokens])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    /// Head by head is the same as all at once.
    #[test]
    fn heads_are_independent() {
        let device = Device::default();
        let random = |tokens| Tensor::<4>::random([3, 2, tokens, 5], Distribution::Default, &device);
        let (q, k, v) = (random(7), random(11), random(11));
        let table = Tensor::<3>::random([2, 7, 11], Distribution::Default, &device);
        let bias = Bias::Table(table.clone());
        let together = attention(q.clone(), k.clone(), v.clone(), 0.3, &bias);
        let apart = by_head(q, k, v, 0.3, |head, scores, _| scores + table.clone().slice(head..head + 1).unsqueeze());
        let error = (together - apart).abs().max().into_scalar::<f32>();
        assert!(error < 1e-6, "{error}");
    }
}
