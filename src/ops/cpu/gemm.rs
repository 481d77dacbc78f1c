//! Matrix products: both sides packed into panels, a register tile of 4 × 8; rows are divided among threads.
//!
//! After "Anatomy of High-Performance Matrix Multiplication" (Goto and van de Geijn, 2008). A tile of 4 × 8 is what fits the
//! sixteen vector registers that a wasm engine has on x86-64: larger ones spill.

use std::array;

use half::f16;
use wide::f32x4;

use super::parallel;
use crate::ops::Activation;

/// Rows of a tile.
pub const MR: usize = 4;
/// Columns of a tile.
pub const NR: usize = 8;
/// Depth of a block: a panel of the right side, `KC` × `NR`, stays in the first-level cache.
pub const KC: usize = 384;
/// Rows of a block: `MC` × `KC` of the left side stay in the second-level cache.
const MC: usize = 128;

/// The left side of a product.
pub trait Left: Sync {
    /// Writes elements `first .. first + out.len()` of a row. The row exists.
    fn read(&self, row: usize, first: usize, out: &mut [f32]);
}

/// Rows that lie `stride` elements apart.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

impl Left for Rows<'_> {
    #[inline]
    fn read(&self, row: usize, first: usize, out: &mut [f32]) {
        out.copy_from_slice(&self.data[row * self.stride + first..][..out.len()]);
    }
}

/// The right side of a product.
#[derive(Clone, Copy)]
pub enum Right<'a> {
    /// `[depth, columns]`, rows `stride` elements apart.
    Plain(Rows<'a>),
    /// Transposed: `[columns, depth]`, rows `stride` elements apart.
    Transposed(Rows<'a>),
    /// `[depth, columns]` in 16 bits, rows one after the other.
    Half { data: &'a [f16], columns: usize },
}

/// What happens to every element of a finished product.
#[derive(Clone, Copy)]
pub struct Epilogue<'a> {
    /// One value per column.
    pub bias: Option<&'a [f32]>,
    pub activation: Activation,
}

impl Epilogue<'_> {
    pub const NONE: Self = Self { bias: None, activation: Activation::None };
}

/// Sizes of a product.
#[derive(Clone, Copy)]
pub struct Size {
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
}

/// A right side in panels of [`NR`] columns, padded with zeros, ready for any number of products.
pub struct Packed {
    /// For every panel, `depth` rows.
    panels: Vec<[f32; NR]>,
    depth: usize,
}

impl Packed {
    /// Packs a matrix of `depth` × `columns`.
    pub fn new(right: Right<'_>, depth: usize, columns: usize) -> Self {
        let mut panels = vec![[0.0; NR]; depth * columns.div_ceil(NR)];
        let depth_or_1 = depth.max(1);
        parallel::rows(&mut panels, depth_or_1, 1, depth * NR, |first, panels| {
            for (j, panel) in (first..).zip(panels.chunks_exact_mut(depth_or_1)) {
                pack_panel(right, j * NR, NR.min(columns - j * NR), panel);
            }
        });
        Self { panels, depth }
    }
}

impl Packed {
    /// Each panel, for a depth that is not 0.
    pub fn panels(&self, depth: usize) -> impl Iterator<Item = &[[f32; NR]]> {
        self.panels.chunks_exact(depth)
    }
}

/// out = epilogue(left · right). The rows of `out` lie `stride` elements apart.
pub fn matmul(size: Size, left: &impl Left, right: &Packed, out: &mut [f32], stride: usize, epilogue: Epilogue<'_>) {
    let Size { rows, depth, columns } = size;
    debug_assert_eq!(depth, right.depth);
    if rows == 0 || columns == 0 {
        return;
    }
    let out = &mut out[..(rows - 1) * stride + columns];
    parallel::rows(out, stride, MR, depth * columns, |first, out| {
        let size = Size { rows: out.len().div_ceil(stride), depth, columns };
        matmul_on_one(size, left, first, right, out, stride, epilogue);
    });
}

/// The product of the left side's rows from `first` on.
fn matmul_on_one(
    size: Size,
    left: &impl Left,
    first: usize,
    right: &Packed,
    out: &mut [f32],
    stride: usize,
    epilogue: Epilogue<'_>,
) {
    let Size { rows, depth, columns } = size;
    let mut left_panels = vec![[0.0; MR]; KC.min(depth) * MC.min(rows).div_ceil(MR)];
    for k in (0..depth).step_by(KC) {
        let kc = KC.min(depth - k);
        let block = Block { first: k == 0, epilogue: if k + kc == depth { epilogue } else { Epilogue::NONE } };
        for m in (0..rows).step_by(MC) {
            let mc = MC.min(rows - m);
            let left_panels = &mut left_panels[..kc * mc.div_ceil(MR)];
            pack_left(left, first + m, mc, k, kc, left_panels);
            for (j, right) in right.panels.chunks_exact(depth).enumerate() {
                let column = j * NR;
                let right = &right[k..k + kc];
                for (i, left) in left_panels.chunks_exact(kc).enumerate() {
                    let row = i * MR;
                    let out = &mut out[(m + row) * stride..];
                    block.store(tile(left, right), mc - row, column, columns, out, stride);
                }
            }
        }
    }
}

/// What part of the depth a tile covers.
struct Block<'a> {
    first: bool,
    epilogue: Epilogue<'a>,
}

impl Block<'_> {
    /// Writes a tile's first `rows` rows to the matrix that begins with them.
    #[inline]
    fn store(
        &self,
        tile: [[f32x4; 2]; MR],
        rows: usize,
        column: usize,
        columns: usize,
        out: &mut [f32],
        stride: usize,
    ) {
        let width = NR.min(columns - column);
        let mut sums = tile;
        if !self.first {
            for (r, sum) in sums.iter_mut().enumerate().take(rows) {
                add(sum, &out[r * stride + column..][..width]);
            }
        }
        if let Some(bias) = self.epilogue.bias {
            let mut biases = [f32x4::ZERO; 2];
            add(&mut biases, &bias[column..column + width]);
            for sum in &mut sums {
                *sum = [sum[0] + biases[0], sum[1] + biases[1]];
            }
        }
        // All eight vectors together: one by one, each would wait for itself.
        let sums = sums.map(|sum| sum.map(|sum| self.epilogue.activation.apply(sum)));
        for (r, [low, high]) in sums.into_iter().enumerate().take(rows) {
            let out = &mut out[r * stride + column..][..width];
            let (low, high) = (low.to_array(), high.to_array());
            if let Some(out) = out.first_chunk_mut::<NR>() {
                out[..4].copy_from_slice(&low);
                out[4..].copy_from_slice(&high);
            } else {
                out.iter_mut().zip(low.into_iter().chain(high)).for_each(|(out, value)| *out = value);
            }
        }
    }
}

#[inline]
fn add(sums: &mut [f32x4; 2], values: &[f32]) {
    let [a, b, c, d, e, f, g, h] = values.first_chunk::<NR>().copied().unwrap_or_else(|| {
        let mut padded = [0.0; NR];
        padded[..values.len()].copy_from_slice(values);
        padded
    });
    sums[0] += f32x4::new([a, b, c, d]);
    sums[1] += f32x4::new([e, f, g, h]);
}

/// Packs `mc` rows from row `m` on, elements `k .. k + kc`, into panels of `kc`; `kc` is at most [`KC`].
pub fn pack_left(left: &impl Left, m: usize, mc: usize, k: usize, kc: usize, panels: &mut [[f32; MR]]) {
    let mut rows = [[0.0; KC]; MR];
    for (i, panel) in panels.chunks_exact_mut(kc).enumerate() {
        for (r, row) in rows.iter_mut().enumerate().take(mc - i * MR) {
            left.read(m + i * MR + r, k, &mut row[..kc]);
        }
        let [a, b, c, d] = &rows;
        for ((((packed, a), b), c), d) in panel.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *packed = [*a, *b, *c, *d];
        }
    }
}

fn pack_panel(right: Right<'_>, column: usize, width: usize, panel: &mut [[f32; NR]]) {
    match right {
        Right::Plain(Rows { data, stride }) => {
            for (p, packed) in panel.iter_mut().enumerate() {
                let row = &data[p * stride + column..];
                match row.first_chunk::<NR>() {
                    Some(row) if width == NR => *packed = *row,
                    _ => packed[..width].copy_from_slice(&row[..width]),
                }
            }
        }
        Right::Half { data, columns } => {
            for (row, packed) in data.chunks_exact(columns).zip(panel) {
                let row = &row[column..];
                match row.first_chunk::<NR>() {
                    Some(row) if width == NR => *packed = row.map(widen),
                    _ => packed.iter_mut().zip(&row[..width]).for_each(|(packed, half)| *packed = widen(*half)),
                }
            }
        }
        Right::Transposed(Rows { data, stride }) => {
            // Columns beyond the matrix repeat its last: what they give is never stored.
            let [a, b, c, d, e, f, g, h]: [&[f32]; NR] =
                array::from_fn(|c| &data[(column + c.min(width - 1)) * stride..][..panel.len()]);
            let rows = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f).zip(g).zip(h);
            for (packed, (((((((a, b), c), d), e), f), g), h)) in panel.iter_mut().zip(rows) {
                *packed = [*a, *b, *c, *d, *e, *f, *g, *h];
            }
        }
    }
}

/// The same number in 32 bits, without a branch, so that eight are widened at once.
#[inline]
fn widen(half: f16) -> f32 {
    let half = u32::from(half.to_bits());
    // Exponent and fraction at their places; the exponent's bias is then 112 too small, also of numbers below the normal ones.
    let magnitude = f32::from_bits((half & 0x7fff) << 13) * f32::from_bits((127 + 112) << 23);
    // The greatest exponent stands for infinity and NaN.
    let special = if half & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(magnitude.to_bits() | special | (half & 0x8000) << 16)
}

/// The product of one panel of each side.
#[inline(never)]
pub fn tile(left: &[[f32; MR]], right: &[[f32; NR]]) -> [[f32x4; 2]; MR] {
    let mut sums = [[f32x4::ZERO; 2]; MR];
    for (left, right) in left.iter().zip(right) {
        let [a, b, c, d, e, f, g, h] = *right;
        let (low, high) = (f32x4::new([a, b, c, d]), f32x4::new([e, f, g, h]));
        for (sum, value) in sums.iter_mut().zip(left) {
            let value = f32x4::splat(*value);
            sum[0] += value * low;
            sum[1] += value * high;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widens_every_number() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            let (found, expected) = (widen(half), half.to_f32());
            assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(), "{bits:#x}");
        }
    }
}
