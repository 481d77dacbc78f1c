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
/// The definition loops over heads and makes each head's scores and bias inside the loop, so that no tensor is larger
/// than `[batch, queries, keys]`: 64 MiB for 4096 tokens, half of WebGPU's default binding limit.
///
/// # Shapes
/// - q: `[batch, heads, queries, head_dim]`
/// - k, v: `[batch, heads, keys, head_dim]`
/// - output: `[batch, heads, queries, head_dim]`
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f64, bias: &Bias) -> Tensor<4> {
    let [batch, heads, queries, dim] = q.dims();
    let [_, _, keys, _] = k.dims();
    let device = q.device();
    if matches!(bias, Bias::None) && heads * queries * keys <= SMALL_SCORES {
        return softmax(q.mul_scalar(scale).matmul(k.swap_dims(2, 3)), 3).matmul(v);
    }
    let tables = match bias {
        Bias::Decomposed { vertical, horizontal, grid: [h, w] } => {
            Some((relative(vertical, *h, &device), relative(horizontal, *w, &device)))
        }
        Bias::None | Bias::Table(_) => None,
    };
    let head = |x: &Tensor<4>, tokens: usize, i: usize| -> Tensor<3> {
        x.clone().slice([0..batch, i..i + 1, 0..tokens, 0..dim]).reshape([batch, tokens, dim])
    };
    let outputs = (0..heads)
        .map(|i| {
            let q = head(&q, queries, i);
            let mut scores = q.clone().mul_scalar(scale).matmul(head(&k, keys, i).swap_dims(1, 2));
            match (bias, &tables) {
                (Bias::Table(table), _) => scores = scores + table.clone().slice([i..i + 1, 0..queries, 0..keys]),
                (Bias::Decomposed { grid: [h, w], .. }, Some((vertical, horizontal))) => {
                    scores = add_decomposed(scores, q, vertical.clone(), horizontal.clone(), *h, *w);
                }
                _ => {}
            }
            let out = softmax(scores, 2).matmul(head(&v, keys, i));
            out.reshape([batch, 1, queries, dim])
        })
        .collect();
    Tensor::cat(outputs, 1)
}

/// Scores of this many elements and less are made for all heads at once: fewer, larger products.
const SMALL_SCORES: usize = 1 << 20;

/// The rows of a relative-position table for every pair of positions: `[size, size, head_dim]`.
fn relative(table: &Tensor<2>, size: usize, device: &burn::tensor::Device) -> Tensor<3> {
    let indices: Vec<i32> = (0..size * size).map(|i| (i / size + size - 1 - i % size) as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [size * size]), device);
    let [_, dim] = table.dims();
    table.clone().select(0, indices).reshape([size, size, dim])
}

/// # Shapes
/// - scores: `[batch, h · w, h · w]`, q: `[batch, h · w, dim]`
/// - vertical: `[h, h, dim]`, horizontal: `[w, w, dim]`
fn add_decomposed(
    scores: Tensor<3>,
    q: Tensor<3>,
    vertical: Tensor<3>,
    horizontal: Tensor<3>,
    h: usize,
    w: usize,
) -> Tensor<3> {
    let [batch, tokens, dim] = q.dims();
    let q = q.reshape([batch, h, w, dim]);
    let by_row = q.clone().swap_dims(0, 1).reshape([h, batch * w, dim]).matmul(vertical.swap_dims(1, 2));
    let by_row = by_row.reshape([h, batch, w, h]).swap_dims(0, 1).reshape([batch, tokens, h, 1]);
    let by_column = q.permute([2, 0, 1, 3]).reshape([w, batch * h, dim]).matmul(horizontal.swap_dims(1, 2));
    let by_column = by_column.reshape([w, batch, h, w]).permute([1, 2, 0, 3]).reshape([batch, tokens, 1, w]);
    (scores.reshape([batch, tokens, h, w]) + by_row + by_column).reshape([batch, tokens, tokens])
}
