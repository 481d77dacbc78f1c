//! Softmax of rows.

use wide::f32x4;

use super::math::exp_negative;
use super::parallel;

/// softmax(x · scale) of every row of `width` elements; the scale is not negative.
pub fn softmax(x: &[f32], width: usize, scale: f32, out: &mut [f32]) {
    parallel::rows(out, width, 1, 8 * width, |first, out| softmax_rows(&x[first * width..], width, scale, out));
}

fn softmax_rows(x: &[f32], width: usize, scale: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let (chunks, rest) = x.as_chunks::<4>();
        let greatest = chunks.iter().fold(f32x4::splat(f32::NEG_INFINITY), |most, chunk| most.max(f32x4::new(*chunk)));
        let greatest = greatest.to_array().iter().chain(rest).fold(f32::NEG_INFINITY, |most, value| most.max(*value));
        let exp = |x: f32x4| exp_negative((x - f32x4::splat(greatest)) * f32x4::splat(scale));
        let (powers, powers_rest) = out.as_chunks_mut::<4>();
        let mut sums = f32x4::ZERO;
        for (power, chunk) in powers.iter_mut().zip(chunks) {
            let value = exp(f32x4::new(*chunk));
            sums += value;
            *power = value.to_array();
        }
        for (power, value) in powers_rest.iter_mut().zip(rest) {
            [*power, ..] = exp(f32x4::splat(*value)).to_array();
        }
        let factor = (sums.reduce_add() + powers_rest.iter().sum::<f32>()).recip();
        for value in out {
            *value *= factor;
        }
    }
}
