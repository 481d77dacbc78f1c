//! Windows of a token grid.
//!
//! Follows `window_partition` and `window_unpartition` of
//! <https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/modeling/image_encoder.py>

use burn::tensor::Tensor;

use super::backend;

/// Cuts a grid into windows, padding it with zeros on the right and the bottom.
///
/// # Shapes
/// - x: `[batch, height, width, dim]`
/// - output: `[batch · windows, window, window, dim]`
pub fn window_partition(x: Tensor<4>, window: usize) -> Tensor<4> {
    backend!(window_partition(&x, window));
    define_partition(x, window)
}

fn define_partition(x: Tensor<4>, window: usize) -> Tensor<4> {
    let [batch, height, width, dim] = x.dims();
    let (rows, columns) = (height.div_ceil(window), width.div_ceil(window));
    let (below, right) = (rows * window - height, columns * window - width);
    let x = if below > 0 || right > 0 { x.pad([(0, 0), (0, below), (0, right), (0, 0)], 0.0) } else { x };
    x.reshape([batch, rows, window, columns, window, dim]).swap_dims(2, 3).reshape([
        batch * rows * columns,
        window,
        window,
        dim,
    ])
}

/// The inverse of [`window_partition`]: puts the windows back and drops the padding.
///
/// # Shapes
/// - windows: `[batch · windows, window, window, dim]`
/// - output: `[batch, height, width, dim]`
pub fn window_unpartition(windows: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    backend!(window_unpartition(&windows, height, width));
    define_unpartition(windows, height, width)
}

fn define_unpartition(windows: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    let [count, window, _, dim] = windows.dims();
    let (rows, columns) = (height.div_ceil(window), width.div_ceil(window));
    let batch = count / (rows * columns);
    let x = windows.reshape([batch, rows, columns, window, window, dim]).swap_dims(2, 3).reshape([
        batch,
        rows * window,
        columns * window,
        dim,
    ]);
    x.slice([0..batch, 0..height, 0..width, 0..dim])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    #[test]
    fn kernels_match_the_definitions() {
        for device in devices() {
            // Exact, with padding on one side, on both, one window larger than the grid, and several dispatches.
            for ([batch, height, width, dim], window) in
                [([1, 4, 6, 4], 2), ([2, 7, 6, 12], 3), ([3, 5, 9, 5], 4), ([1, 3, 2, 8], 7), ([4, 60, 60, 128], 14)]
            {
                let x = random([batch, width, height, dim], &device).swap_dims(1, 2);
                let windows = by_kernel(|| window_partition(x.clone(), window));
                assert_close(windows.clone(), define_partition(x.clone(), window), 0.0);
                let back = by_kernel(|| window_unpartition(windows.clone(), height, width));
                assert_close(back.clone(), define_unpartition(windows, height, width), 0.0);
                assert_close(back, x, 0.0);
            }
        }
    }
}
