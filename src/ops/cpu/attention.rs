//! Attention a few query rows at a time: the scores of those rows are all that is ever held.

use wide::f32x4;

use super::gemm::{self, Epilogue, Left, Packed, Right, Rows, Size, Workspace};
use super::math::exp_negative;

/// Query rows at a time: their scores over 4096 keys are half a megabyte.
const BLOCK: usize = 32;

/// The queries, keys or values of all heads: `[batch, heads, tokens, head_dim]` with any strides but the last's, 1.
#[derive(Clone, Copy)]
pub struct Heads<'a> {
    pub data: &'a [f32],
    /// Elements between batches, heads and tokens.
    pub strides: [usize; 3],
}

impl<'a> Heads<'a> {
    fn rows(&self, batch: usize, head: usize) -> Rows<'a> {
        let start = batch * self.strides[0] + head * self.strides[1];
        Rows { data: &self.data[start..], stride: self.strides[2] }
    }
}

/// What is added to the scores.
#[derive(Clone, Copy)]
pub enum Bias<'a> {
    None,
    /// `[heads, queries, keys]`
    Table(&'a [f32]),
    /// Tables `[2 · height − 1, head_dim]` and `[2 · width − 1, head_dim]`, smallest offset first.
    Decomposed {
        vertical: &'a [f32],
        horizontal: &'a [f32],
        grid: [usize; 2],
    },
}

/// Sizes of an attention.
#[derive(Clone, Copy)]
pub struct Size4 {
    pub batch: usize,
    pub heads: usize,
    pub queries: usize,
    pub keys: usize,
    pub head_dim: usize,
}

/// softmax(q · kᵀ · scale + bias) · v into `[batch, queries, heads, head_dim]`: heads side by side, as the next layer wants them.
pub fn attention(size: Size4, [q, k, v]: [Heads<'_>; 3], scale: f32, bias: Bias<'_>, out: &mut [f32]) {
    let Size4 { batch, heads, queries, keys, head_dim } = size;
    let mut workspace = Workspace::default();
    let mut scores = vec![0.0; BLOCK.min(queries) * keys];
    let mut offsets = Vec::new();
    for b in 0..batch {
        for head in 0..heads {
            let [q, k, v] = [q, k, v].map(|x| x.rows(b, head));
            // The keys and values of a head are packed once for all blocks of queries.
            let keys_packed = Packed::new(Right::Transposed(k), head_dim, keys);
            let values_packed = Packed::new(Right::Plain(v), keys, head_dim);
            for first in (0..queries).step_by(BLOCK) {
                let rows = BLOCK.min(queries - first);
                let scores = &mut scores[..rows * keys];
                let left = Scaled { rows: q, first, scale };
                let product = Size { rows, depth: head_dim, columns: keys };
                gemm::matmul(product, &left, &keys_packed, scores, keys, Epilogue::NONE, &mut workspace);
                let mut sums = [0.0; BLOCK];
                for (r, scores) in scores.chunks_exact_mut(keys).enumerate() {
                    let query = first + r;
                    match bias {
                        Bias::None => {}
                        Bias::Table(table) => add(scores, &table[(head * queries + query) * keys..][..keys]),
                        Bias::Decomposed { vertical, horizontal, grid } => {
                            let q = &q.data[query * q.stride..][..head_dim];
                            add_decomposed(scores, q, query, vertical, horizontal, grid, &mut offsets);
                        }
                    }
                    sums[r] = exponentials(scores);
                }
                let start = (b * queries + first) * heads * head_dim + head * head_dim;
                let out = &mut out[start..];
                let stride = heads * head_dim;
                let product = Size { rows, depth: keys, columns: head_dim };
                let left = Rows { data: scores, stride: keys };
                gemm::matmul(product, &left, &values_packed, out, stride, Epilogue::NONE, &mut workspace);
                for (row, sum) in out.chunks_mut(stride).zip(&sums[..rows]) {
                    let factor = sum.recip();
                    row[..head_dim].iter_mut().for_each(|value| *value *= factor);
                }
            }
        }
    }
}

/// Queries times the scale of the scores.
struct Scaled<'a> {
    rows: Rows<'a>,
    first: usize,
    scale: f32,
}

impl Left for Scaled<'_> {
    #[inline]
    fn read(&self, row: usize, first: usize, out: &mut [f32]) {
        self.rows.read(self.first + row, first, out);
        out.iter_mut().for_each(|value| *value *= self.scale);
    }
}

fn add(scores: &mut [f32], bias: &[f32]) {
    for (score, bias) in scores.iter_mut().zip(bias) {
        *score += bias;
    }
}

/// Adds q·vertical\[y − y'\] + q·horizontal\[x − x'\] to the scores of one query.
fn add_decomposed(
    scores: &mut [f32],
    q: &[f32],
    query: usize,
    vertical: &[f32],
    horizontal: &[f32],
    [height, width]: [usize; 2],
    by_column: &mut Vec<f32>,
) {
    let dim = q.len();
    let (y, x) = (query / width, query % width);
    let offset = |table: &[f32], index: usize| dot(q, &table[index * dim..][..dim]);
    by_column.clear();
    by_column.extend((0..width).map(|column| offset(horizontal, x + width - 1 - column)));
    for (row, scores) in scores.chunks_exact_mut(width).enumerate() {
        let by_row = offset(vertical, y + height - 1 - row);
        for (score, by_column) in scores.iter_mut().zip(&*by_column) {
            *score += by_row + by_column;
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sum = f32x4::ZERO;
    for (a, b) in a.iter().zip(b) {
        sum += f32x4::new(*a) * f32x4::new(*b);
    }
    sum.reduce_add() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Replaces every score by e^(score − greatest); returns their sum.
fn exponentials(scores: &mut [f32]) -> f32 {
    let (chunks, rest) = scores.as_chunks_mut::<4>();
    let mut greatest = f32x4::splat(f32::NEG_INFINITY);
    for chunk in &*chunks {
        greatest = greatest.max(f32x4::new(*chunk));
    }
    let greatest = greatest.to_array().into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, f32::max);
    let mut sum = f32x4::ZERO;
    for chunk in chunks {
        let value = exp_negative(f32x4::new(*chunk) - f32x4::splat(greatest));
        sum += value;
        *chunk = value.to_array();
    }
    let mut sum = sum.reduce_add();
    for value in rest {
        *value = (*value - greatest).exp();
        sum += *value;
    }
    sum
}
