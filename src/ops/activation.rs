//! Functions applied to every element.

use burn::tensor::{Tensor, activation};

#[cfg(feature = "cpu")]
use super::cpu;

/// A function applied to every element of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The result itself.
    None,
    /// Exact (erf) GELU.
    Gelu,
    /// Rectifier.
    Relu,
}

/// Applies an activation.
pub fn activate<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    // On a GPU most activations are part of the kernel before them.
    #[cfg(feature = "cpu")]
    if let Some(out) = cpu::activate(&x, activation) {
        #[cfg(test)]
        super::testing::kernel_used();
        return out;
    }
    #[cfg(not(feature = "webgpu"))]
    super::before_definition("activate");
    define_activate(x, activation)
}

pub(super) fn define_activate<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    match activation {
        Activation::None => x,
        Activation::Gelu => activation::gelu(x),
        Activation::Relu => activation::relu(x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, cpu, random};

    #[test]
    fn kernels_match_the_definition() {
        for device in cpu() {
            for activation in [Activation::None, Activation::Gelu, Activation::Relu] {
                // From where GELU is 0 to where it is x, and far beyond.
                let x = random([3, 7, 11], &device);
                let x = Tensor::cat(vec![x.clone() * 12.0, x * 1e6], 0);
                assert_close(by_kernel(|| activate(x.clone(), activation)), define_activate(x, activation), 1e-6);
            }
        }
    }
}
