//! Elementary functions on four values at once.

use std::f32::consts::FRAC_2_SQRT_PI;

use wide::{f32x4, i32x4};

use super::parallel;
use crate::ops::Activation;

impl Activation {
    /// The activation of four values.
    #[inline]
    pub(super) fn apply(self, x: f32x4) -> f32x4 {
        match self {
            Self::None => x,
            Self::Gelu => gelu(x),
            Self::Relu => x.max(f32x4::ZERO),
        }
    }
}

/// Applies an activation in place.
pub fn activate(values: &mut [f32], activation: Activation) {
    // In fours, so that the rest is the rest of all values.
    parallel::rows(values, 1, 4, 4, |_, values| {
        let (chunks, rest) = values.as_chunks_mut::<4>();
        for chunk in chunks {
            *chunk = activation.apply(f32x4::new(*chunk)).to_array();
        }
        for value in rest {
            [*value, ..] = activation.apply(f32x4::splat(*value)).to_array();
        }
    });
}

/// eˣ for x ≤ 0, to about 2 units in the last place; 0 below −87.
#[inline]
pub fn exp_negative(x: f32x4) -> f32x4 {
    // eˣ = 2ⁿ · eʳ with n = round(x / ln 2), |r| ≤ ln 2 / 2; ln 2 in two parts, so that r keeps its digits.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let tiny = f32x4::splat(-87.0).simd_gt(x);
    // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits.
    let shifter = f32x4::splat(12_582_912.0);
    let shifted = x.fast_max(f32x4::splat(-87.0)) * f32x4::splat(std::f32::consts::LOG2_E) + shifter;
    let n = shifted - shifter;
    let r = x - n * f32x4::splat(LN2_HIGH) - n * f32x4::splat(LN2_LOW);
    // Minimax polynomial of (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2 (Cephes' expf).
    let p = polynomial([0.5, 1.666_666_5e-1, 4.166_579_6e-2, 8.333_452e-3, 1.398_199_9e-3, 1.987_569_1e-4], r);
    let mantissa = p * r * r + r + f32x4::ONE;
    let exponent: i32x4 = bytemuck::cast::<f32x4, i32x4>(shifted) << 23;
    let power: f32x4 = bytemuck::cast(exponent + bytemuck::cast::<f32x4, i32x4>(f32x4::ONE));
    tiny.select(f32x4::ZERO, mantissa * power)
}

/// x · (1 + erf(x / √2)) / 2, the exact GELU: absolute error below 2e-7 · (1 + |x|).
#[inline]
pub fn gelu(x: f32x4) -> f32x4 {
    let half = x * f32x4::splat(0.5);
    half + half * erf(x * f32x4::splat(std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function, to 4e-7.
#[inline]
fn erf(x: f32x4) -> f32x4 {
    // erf(x) / x = P(x²) / Q(x²) for |x| ≤ 3.9, beyond which erf is ±1; fitted to the least greatest error.
    let x = x.fast_max(f32x4::splat(-3.9)).fast_min(f32x4::splat(3.9));
    let square = x * x;
    let p = polynomial(
        [FRAC_2_SQRT_PI, 1.919_411_9e-1, 5.296_694_5e-2, 3.836_885e-3, 2.874_576_3e-4, 2.050_388e-6],
        square,
    );
    let q = polynomial([1.0, 5.034_352e-1, 1.147_582_8e-1, 1.510_922_1e-2, 1.181_736_9e-3, 3.823_077e-5], square);
    (x * p / q).fast_max(f32x4::splat(-1.0)).fast_min(f32x4::ONE)
}

/// The sum of `coefficients[i] · xⁱ`.
#[inline]
fn polynomial(coefficients: [f32; 6], x: f32x4) -> f32x4 {
    coefficients.into_iter().rev().fold(f32x4::ZERO, |sum, coefficient| sum * x + f32x4::splat(coefficient))
}
