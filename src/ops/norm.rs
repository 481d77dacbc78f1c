//! Layer norm.

use burn::tensor::{Tensor, module};

use super::activation::define_activate;
use super::{Activation, backend};

/// activation((x' − mean) / √(variance + epsilon) · gamma + beta) over the last axis, where x' is x or, with a residual,
/// their sum.
///
/// # Shapes
/// - x, residual, output: `[..., dim]`
/// - gamma, beta: `[dim]`
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    residual: Option<Tensor<D>>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> Tensor<D> {
    backend!(layer_norm(&x, residual.as_ref(), &gamma, &beta, epsilon, activation));
    define(x, residual, gamma, beta, epsilon, activation)
}

fn define<const D: usize>(
    x: Tensor<D>,
    residual: Option<Tensor<D>>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> Tensor<D> {
    let x = match residual {
        Some(residual) => x + residual,
        None => x,
    };
    define_activate(module::layer_norm(x, gamma, Some(beta), epsilon), activation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in devices() {
            for [rows, dim] in [[1, 1], [3, 5], [7, 64], [65, 130]] {
                // A mean far from zero shows a variance that cancels.
                let x = random([2, rows, dim], &device) + 10.0;
                let (gamma, beta) = (random([dim], &device), random([dim], &device));
                let residual = Some(random([2, rows, dim], &device));
                for (residual, activation) in [(None, Activation::None), (residual, Activation::Gelu)] {
                    let [gamma, beta] = [&gamma, &beta].map(|x| x.clone());
                    let found = by_kernel(|| {
                        layer_norm(x.clone(), residual.clone(), gamma.clone(), beta.clone(), 1e-5, activation)
                    });
                    assert_close(found, define(x.clone(), residual, gamma, beta, 1e-5, activation), 1e-5);
                }
            }
        }
    }
}
