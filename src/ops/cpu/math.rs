//! Elementary functions on four values at once.

use wide::{f32x4, i32x4};

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
    let (chunks, rest) = values.as_chunks_mut::<4>();
    for chunk in chunks {
        *chunk = activation.apply(f32x4::new(*chunk)).to_array();
    }
    for value in rest {
        [*value, ..] = activation.apply(f32x4::splat(*value)).to_array();
    }
}

/// eˣ for x ≤ 0, to about 2 units in the last place; 0 below −87.
#[inline]
pub fn exp_negative(x: f32x4) -> f32x4 {
    // eˣ = 2ⁿ · eʳ with n = round(x / ln 2), |r| ≤ ln 2 / 2; ln 2 in two parts, so that r keeps its digits.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let tiny = f32x4::splat(-87.0).simd_gt(x);
    let x = x.max(f32x4::splat(-87.0));
    // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits.
    let shifter = f32x4::splat(12_582_912.0);
    let shifted = x * f32x4::splat(std::f32::consts::LOG2_E) + shifter;
    let n = shifted - shifter;
    let r = x - n * f32x4::splat(LN2_HIGH) - n * f32x4::splat(LN2_LOW);
    // Minimax polynomial of (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2 (Cephes' expf).
    let p = f32x4::splat(1.987_569_1e-4);
    let p = p * r + f32x4::splat(1.398_199_9e-3);
    let p = p * r + f32x4::splat(8.333_452e-3);
    let p = p * r + f32x4::splat(4.166_579_6e-2);
    let p = p * r + f32x4::splat(1.666_666_5e-1);
    let p = p * r + f32x4::splat(0.5);
    let mantissa = p * r * r + r + f32x4::ONE;
    let exponent: i32x4 = bytemuck::cast::<f32x4, i32x4>(shifted) << 23;
    let power: f32x4 = bytemuck::cast(exponent + bytemuck::cast::<f32x4, i32x4>(f32x4::ONE));
    tiny.select(f32x4::ZERO, mantissa * power)
}

/// x · Φ(x), the exact GELU: absolute error below 2e-7 · |x|.
#[inline]
pub fn gelu(x: f32x4) -> f32x4 {
    // 1 − erf(z) for z ≥ 0: Abramowitz and Stegun 7.1.26.
    let z = (x * f32x4::splat(std::f32::consts::FRAC_1_SQRT_2)).abs();
    let t = f32x4::ONE / (f32x4::ONE + z * f32x4::splat(0.327_591_1));
    let p = f32x4::splat(1.061_405_4);
    let p = p * t - f32x4::splat(1.453_152_1);
    let p = p * t + f32x4::splat(1.421_413_7);
    let p = p * t - f32x4::splat(0.284_496_72);
    let p = p * t + f32x4::splat(0.254_829_6);
    let tail = p * t * exp_negative(-(z * z)) * f32x4::splat(0.5);
    // Φ(x) is `tail` for negative x, else 1 − tail.
    let positive = x.simd_gt(f32x4::ZERO);
    x * positive.select(f32x4::ONE - tail, tail)
}
