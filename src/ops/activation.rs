//! Functions applied to every element of a result, in the kernel that makes it.

use burn::tensor::{Tensor, activation};

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

pub(super) fn define_activate<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    match activation {
        Activation::None => x,
        Activation::Gelu => activation::gelu(x),
        Activation::Relu => activation::relu(x),
    }
}
