//! Attention a few query rows at a time: the scores of those rows are all that is ever held.
//!
//! Four queries lie side by side in the lanes of a vector from the first product to the last, so that the softmax needs
//! no sum across lanes and the second product no packing.

use wide::f32x4;

use super::gemm::{self, KC, Left, MR, NR, Packed, Right, Rows};
use super::math::exp_negative;
use super::parallel;

/// Panels of [`MR`] queries at a time: their scores over 4096 keys are a quarter of a megabyte.
const PANELS: usize = 4;

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

/// Sizes of an attention in one batch.
#[derive(Clone, Copy)]
pub struct Size {
    pub heads: usize,
    pub queries: usize,
    pub keys: usize,
    pub head_dim: usize,
}

/// softmax(q · kᵀ · scale + bias) · v into `[batch, queries, heads, head_dim]`: heads side by side, as the next layer wants them.
pub fn attention(size: Size, qkv: [Heads<'_>; 3], scale: f32, bias: Bias<'_>, out: &mut [f32]) {
    let Size { heads, queries, keys, head_dim } = size;
    let row = heads * head_dim;
    if queries == 0 || row == 0 {
        return;
    }
    let cost = 2 * keys * head_dim;
    parallel::rows(out, queries * row, 1, (queries * heads).saturating_mul(cost), |first, out| {
        for (batch, out) in (first..).zip(out.chunks_exact_mut(queries * row)) {
            for head in 0..heads {
                let [q, k, v] = qkv.map(|x| x.rows(batch, head));
                let head = Head {
                    size,
                    head,
                    queries: q,
                    keys: Packed::new(Right::Transposed(k), head_dim, keys),
                    values: Packed::new(Right::Plain(v), keys, head_dim),
                    scale,
                    bias,
                };
                parallel::rows(out, row, PANELS * MR, cost, |first, out| head.attend(first, out));
            }
        }
    });
}

/// One head of one batch.
struct Head<'a> {
    size: Size,
    head: usize,
    queries: Rows<'a>,
    keys: Packed,
    values: Packed,
    scale: f32,
    bias: Bias<'a>,
}

impl Head<'_> {
    /// For the queries from `first` on, as many as there are rows in `out`: `[queries, heads, head_dim]`.
    fn attend(&self, first: usize, out: &mut [f32]) {
        let Size { heads, keys, head_dim, .. } = self.size;
        // As many keys as whole panels of the right side have.
        let padded = keys.next_multiple_of(NR);
        let mut query_panels = vec![[0.0; MR]; PANELS * head_dim];
        let mut scores = vec![[0.0; MR]; PANELS * padded];
        let mut offsets = Offsets::default();
        let stride = heads * head_dim;
        for (i, out) in out.chunks_mut(PANELS * MR * stride).enumerate() {
            let first = first + i * PANELS * MR;
            let rows = out.len() / stride;
            let panels = rows.div_ceil(MR);
            let query_panels = &mut query_panels[..panels * head_dim];
            let queries = Scaled { rows: self.queries, first, scale: self.scale };
            gemm::pack_left(&queries, 0, rows, 0, head_dim, query_panels);
            for (j, keys) in self.keys.panels(head_dim).enumerate() {
                let panels = query_panels.chunks_exact(head_dim).zip(scores.chunks_exact_mut(padded));
                for (queries, scores) in panels {
                    let columns = &mut scores[j * NR..(j + 1) * NR];
                    for (column, value) in columns.iter_mut().zip(transpose(gemm::tile(queries, keys))) {
                        *column = value.to_array();
                    }
                }
            }
            let mut factors = [f32x4::ZERO; PANELS];
            for (i, scores) in scores.chunks_exact_mut(padded).take(panels).enumerate() {
                let scores = &mut scores[..keys];
                self.add_bias(scores, first + i * MR, &mut offsets);
                factors[i] = f32x4::ONE / exponentials(scores);
            }
            let out = &mut out[self.head * head_dim..];
            for (j, values) in self.values.panels(keys).enumerate() {
                let mut sums = [[[f32x4::ZERO; 2]; MR]; PANELS];
                for k in (0..keys).step_by(KC) {
                    let values = &values[k..(k + KC).min(keys)];
                    for (sums, scores) in sums.iter_mut().zip(scores.chunks_exact(padded)).take(panels) {
                        for (sum, more) in sums.iter_mut().zip(gemm::tile(&scores[k..], values)) {
                            *sum = [sum[0] + more[0], sum[1] + more[1]];
                        }
                    }
                }
                let column = j * NR;
                let width = NR.min(head_dim - column);
                for row in 0..rows {
                    let (panel, lane) = (row / MR, row % MR);
                    let factor = f32x4::splat(factors[panel].to_array()[lane]);
                    let [low, high] = sums[panel][lane].map(|sum| (sum * factor).to_array());
                    let values = low.into_iter().chain(high);
                    let out = &mut out[row * stride + column..][..width];
                    out.iter_mut().zip(values).for_each(|(out, value)| *out = value);
                }
            }
        }
    }

    /// To the scores of four queries.
    fn add_bias(&self, scores: &mut [[f32; MR]], first: usize, offsets: &mut Offsets) {
        let Size { queries, keys, head_dim, .. } = self.size;
        // Lanes beyond the last query repeat it.
        let lanes = [0, 1, 2, 3].map(|lane| (first + lane).min(queries - 1));
        match self.bias {
            Bias::None => {}
            Bias::Table(table) => {
                add_table(scores, lanes.map(|query| &table[(self.head * queries + query) * keys..][..keys]));
            }
            Bias::Decomposed { vertical, horizontal, grid } => {
                let Rows { data, stride } = self.queries;
                let lanes = lanes.map(|query| (query, &data[query * stride..][..head_dim]));
                offsets.add(scores, lanes, [vertical, horizontal], grid);
            }
        }
    }
}

/// A tile by its columns.
#[inline]
fn transpose(tile: [[f32x4; 2]; MR]) -> impl Iterator<Item = f32x4> {
    let [low, high] = [0, 1].map(|half| f32x4::transpose(tile.map(|row| row[half])));
    low.into_iter().chain(high)
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

fn add_table(scores: &mut [[f32; MR]], [a, b, c, d]: [&[f32]; MR]) {
    for ((((score, a), b), c), d) in scores.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *score = (f32x4::new(*score) + f32x4::new([*a, *b, *c, *d])).to_array();
    }
}

/// Decomposed relative position of four queries: one value for every row and one for every column of the grid.
#[derive(Default)]
struct Offsets {
    rows: Vec<f32x4>,
    columns: Vec<f32x4>,
}

impl Offsets {
    /// Adds q·vertical\[y − y'\] + q·horizontal\[x − x'\] to the scores of the queries, given by their index and values.
    fn add(
        &mut self,
        scores: &mut [[f32; MR]],
        queries: [(usize, &[f32]); MR],
        [vertical, horizontal]: [&[f32]; 2],
        [height, width]: [usize; 2],
    ) {
        let offset = |table: &[f32], q: &[f32], index: usize| dot(q, &table[index * q.len()..][..q.len()]);
        self.rows.clear();
        self.rows
            .extend((0..height).map(|row| {
                f32x4::new(queries.map(|(query, q)| offset(vertical, q, query / width + height - 1 - row)))
            }));
        self.columns.clear();
        self.columns.extend((0..width).map(|column| {
            f32x4::new(queries.map(|(query, q)| offset(horizontal, q, query % width + width - 1 - column)))
        }));
        for (scores, row) in scores.chunks_exact_mut(width).zip(&self.rows) {
            for (score, column) in scores.iter_mut().zip(&self.columns) {
                *score = (f32x4::new(*score) + (*row + *column)).to_array();
            }
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

/// Replaces the scores of four queries by e^(score − greatest); returns the four sums.
fn exponentials(scores: &mut [[f32; MR]]) -> f32x4 {
    let greatest = scores.iter().fold(f32x4::splat(f32::NEG_INFINITY), |max, score| max.fast_max(f32x4::new(*score)));
    let mut sum = f32x4::ZERO;
    for score in scores {
        let value = exp_negative(f32x4::new(*score) - greatest);
        sum += value;
        *score = value.to_array();
    }
    sum
}
