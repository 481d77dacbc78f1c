//! Matrix products of two results.

use burn::tensor::Tensor;

use super::activation::define_activate;
use super::{Activation, backend};

/// How a product lies in memory, for whoever reads it next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The rows of a head one after the other.
    ByHead,
    /// The heads of a row side by side: `[batch, rows, heads, columns]` is no copy.
    ByRow,
}

/// activation(left · right + bias) for every head of every batch.
///
/// # Shapes
/// - left: `[batch, heads, rows, depth]`
/// - right: `[batch or 1, heads, depth, columns]`
/// - bias: `[batch or 1, heads, columns]`
/// - output: `[batch, heads, rows, columns]`, which lies in the given order
///
/// Both sides may be views: axes swapped, heads side by side.
pub fn matmul(
    left: Tensor<4>,
    right: Tensor<4>,
    bias: Option<Tensor<3>>,
    activation: Activation,
    order: Order,
) -> Tensor<4> {
    backend!(matmul(&left, &right, bias.as_ref(), activation, order));
    define(left, right, bias, activation)
}

fn define(left: Tensor<4>, right: Tensor<4>, bias: Option<Tensor<3>>, activation: Activation) -> Tensor<4> {
    let product = left.matmul(right);
    let product = match bias {
        Some(bias) => product + bias.unsqueeze_dim(2),
        None => product,
    };
    define_activate(product, activation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    /// Compares with and without a bias, in both orders.
    fn compare(left: &Tensor<4>, right: &Tensor<4>) {
        let ([batch, heads, ..], [.., columns]) = (left.dims(), right.dims());
        // Of one number, a bias could leave nothing but what the product's rounding is.
        let biases = [1, batch].map(|batch| Some(random([batch, heads, columns], &left.device()) + 2.0));
        for (bias, activation) in
            biases.into_iter().chain([None]).zip([Activation::None, Activation::Relu, Activation::None])
        {
            let expected = define(left.clone(), right.clone(), bias.clone(), activation);
            for order in [Order::ByHead, Order::ByRow] {
                let found = by_kernel(|| matmul(left.clone(), right.clone(), bias.clone(), activation, order));
                assert_close(found, expected.clone(), 1e-6);
            }
        }
    }

    #[test]
    fn kernels_match_the_definition() {
        for device in devices() {
            // The last ones are large: on a GPU they go through shared memory.
            let shapes = [
                [1, 1, 1, 1],
                [2, 3, 5, 7],
                [3, 56, 33, 130],
                [1, 9, 400, 17],
                [2, 9, 12, 8],
                [3, 41, 64, 36],
                [2, 129, 20, 708],
                [1, 1023, 68, 132],
            ];
            for [batch, rows, depth, columns] in shapes {
                let left = random([batch, 2, rows, depth], &device);
                compare(&left, &random([batch, 2, depth, columns], &device));
                compare(&left, &random([1, 2, depth, columns], &device));
                compare(&left, &random([batch, 2, columns, depth], &device).swap_dims(2, 3));
            }
        }
    }

    /// Views as attention makes them: heads are slices of a row, of a token or of a weight.
    #[test]
    fn takes_views() {
        for device in devices() {
            for [batch, heads, rows, depth, columns] in
                [[1, 3, 5, 8, 12], [2, 4, 7, 4, 8], [2, 3, 6, 5, 7], [2, 3, 193, 12, 516]]
            {
                let left = random([batch, rows, heads, depth], &device).swap_dims(1, 2);
                compare(&left, &random([1, depth, heads, columns], &device).swap_dims(1, 2));
                compare(&left, &random([1, columns, heads, depth], &device).swap_dims(1, 2).swap_dims(2, 3));
                let part = random([batch, heads, rows + 3, depth + 4], &device);
                compare(
                    &part.slice([0..batch, 0..heads, 2..rows + 2, 4..depth + 4]),
                    &random([1, heads, depth, columns], &device),
                );
            }
        }
    }
}
