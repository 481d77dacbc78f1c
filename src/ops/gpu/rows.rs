//! Sums, windows, and what is moved by rows.

use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::tensor::{Device, Tensor, TensorData};
use burn_cubecl::CubeDevice;
use burn_wgpu::CubeBackend;

use super::grid::{Grid, operations};
use super::{Kernel, Sizes, on_gpu, view};
use crate::ops::Activation;
use crate::ops::add::larger_first;

/// Threads of a workgroup, side by side.
const WORKGROUP: usize = 64;

/// See [`add`](crate::ops::add()).
pub fn add<const D: usize>(left: &Tensor<D>, right: &Tensor<D>, activation: Activation) -> Option<Tensor<D>> {
    let [larger, smaller] = larger_first(left, right)?;
    let (shape, period) = (larger.dims(), smaller.shape().num_elements());
    let (element, vector) = if period.is_multiple_of(4) { ("vec4<f32>", 4) } else { ("f32", 1) };
    let count = larger.shape().num_elements() / vector;
    let kernel =
        Kernel::new("add", include_str!("add.wgsl")).with("workgroup", WORKGROUP).activated(activation, element);
    let grid = Grid { workgroups: [count.div_ceil(WORKGROUP), 1, 1], operations: operations([16, count, vector]) };
    let sizes = Sizes::new([count, period / vector])?;
    kernel.launch(&[&on_gpu(larger)?, &on_gpu(smaller)?], sizes, shape, grid)
}

/// See [`window_partition`](crate::ops::window_partition).
pub fn window_partition(x: &Tensor<4>, window: usize) -> Option<Tensor<4>> {
    let [batch, height, width, dim] = x.dims();
    let (down, across) = (height.div_ceil(window), width.div_ceil(window));
    move_windows(x, true, [batch * down * across, window, window, dim], [height, width, window])
}

/// See [`window_unpartition`](crate::ops::window_unpartition).
pub fn window_unpartition(windows: &Tensor<4>, height: usize, width: usize) -> Option<Tensor<4>> {
    let [count, window, _, dim] = windows.dims();
    let batch = count / (height.div_ceil(window) * width.div_ceil(window));
    move_windows(windows, false, [batch, height, width, dim], [height, width, window])
}

/// Into windows or back.
fn move_windows(
    x: &Tensor<4>,
    into: bool,
    shape: [usize; 4],
    [height, width, window]: [usize; 3],
) -> Option<Tensor<4>> {
    let x = on_gpu(x)?;
    let [images, rows, columns, dim] = shape;
    let (element, vector) = if dim.is_multiple_of(4) { ("vec4<f32>", 4) } else { ("f32", 1) };
    let count = images * rows * columns * (dim / vector);
    let kernel = Kernel::new("windows", include_str!("windows.wgsl"))
        .with("workgroup", WORKGROUP)
        .with("element", element)
        .with("value", if into { "of_window(token)" } else { "of_grid(token)" });
    let grid = Grid { workgroups: [count.div_ceil(WORKGROUP), 1, 1], operations: operations([16, count, vector]) };
    let sizes = Sizes::new([count, dim / vector, height, width, window])?;
    kernel.launch(&[&x], sizes, shape, grid)
}

/// See [`from_values`](crate::ops::from_values).
pub fn from_data<const D: usize>(data: TensorData, device: &CubeDevice) -> Tensor<D> {
    Tensor::from_primitive::<CubeBackend>(CubeBackend::float_from_data(data, device))
}

/// burn-cubecl's name of a device, as a tensor there knows it.
pub fn cube_device(device: &Device) -> Option<CubeDevice> {
    Some(view(&Tensor::<1>::empty([1], device))?.device)
}

/// See [`select_rows`](crate::ops::select_rows).
pub fn select_rows<const D: usize>(x: &Tensor<D>, indices: &[usize]) -> Option<Tensor<D>> {
    let x = view(x)?;
    let numbers = indices.iter().map(|index| i32::try_from(*index).ok()).collect::<Option<Vec<_>>>()?;
    let numbers = CubeBackend::int_from_data(TensorData::new(numbers, [indices.len()]), &x.device);
    Some(Tensor::from_primitive::<CubeBackend>(CubeBackend::float_select(x, 0, numbers)))
}

/// See [`concat_rows`](crate::ops::concat_rows).
pub fn concat_rows<const D: usize>(tensors: &[Tensor<D>]) -> Option<Tensor<D>> {
    let tensors = tensors.iter().map(view).collect::<Option<Vec<_>>>()?;
    Some(Tensor::from_primitive::<CubeBackend>(CubeBackend::float_cat(tensors, 0)))
}
