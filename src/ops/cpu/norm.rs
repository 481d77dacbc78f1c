//! Layer norm of rows.

use wide::f32x4;

use super::parallel;

/// (x − mean) / √(variance + epsilon) · gamma + beta of every row of `gamma.len()` elements.
pub fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, out: &mut [f32]) {
    let dim = gamma.len();
    parallel::rows(out, dim, 1, 2 * dim, |first, out| norm_rows(&x[first * dim..], gamma, beta, epsilon, out));
}

fn norm_rows(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, out: &mut [f32]) {
    let dim = gamma.len();
    let (gammas, gamma_rest) = gamma.as_chunks::<4>();
    let (betas, beta_rest) = beta.as_chunks::<4>();
    for (x, out) in x.chunks_exact(dim).zip(out.chunks_exact_mut(dim)) {
        let (chunks, rest) = x.as_chunks::<4>();
        let mut sum = f32x4::ZERO;
        for chunk in chunks {
            sum += f32x4::new(*chunk);
        }
        let mean = (sum.reduce_add() + rest.iter().sum::<f32>()) / dim as f32;
        let means = f32x4::splat(mean);
        let mut squares = f32x4::ZERO;
        for chunk in chunks {
            let deviation = f32x4::new(*chunk) - means;
            squares += deviation * deviation;
        }
        let squares = squares.reduce_add() + rest.iter().map(|value| (value - mean).powi(2)).sum::<f32>();
        let factor = (squares / dim as f32 + epsilon).sqrt().recip();
        let factors = f32x4::splat(factor);
        let (out, out_rest) = out.as_chunks_mut::<4>();
        for (((out, chunk), gamma), beta) in out.iter_mut().zip(chunks).zip(gammas).zip(betas) {
            let normal = (f32x4::new(*chunk) - means) * factors;
            *out = (normal * f32x4::new(*gamma) + f32x4::new(*beta)).to_array();
        }
        for (((out, value), gamma), beta) in out_rest.iter_mut().zip(rest).zip(gamma_rest).zip(beta_rest) {
            *out = (value - mean) * factor * gamma + beta;
        }
    }
}
