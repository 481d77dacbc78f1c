//! Linear layers and matrix products.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Tensor};
use burn_wgpu::CubeTensor;

use super::grid::{Grid, operations};
use super::{Kernel, Sizes, is_software, on_gpu, view, weight_on_gpu};
use crate::ops::Activation;

/// activation(x · weight + bias), see [`linear`](crate::ops::linear()).
pub fn linear<const D: usize>(
    x: &Tensor<D>,
    weight: &Tensor<2>,
    bias: Option<&Tensor<1>>,
    activation: Activation,
) -> Option<Tensor<D>> {
    let mut shape = x.dims();
    let [depth, columns] = weight.dims();
    let size = Size { batch: 1, rows: shape[..D - 1].iter().product(), depth, columns };
    shape[D - 1] = columns;
    let right = weight_on_gpu(weight)?;
    let bias = match bias {
        Some(bias) => Some(on_gpu(bias)?),
        None => None,
    };
    product(size, &on_gpu(x)?, &right, Right::Shared, bias.as_ref(), activation, shape)
}

/// See [`matmul`](crate::ops::matmul()).
pub fn matmul(left: &Tensor<3>, right: &Tensor<3>) -> Option<Tensor<3>> {
    let ([batch, rows, depth], [_, _, columns]) = (left.dims(), right.dims());
    let size = Size { batch, rows, depth, columns };
    let left = on_gpu(left)?;
    let swapped = view(&right.clone().swap_dims(1, 2))?;
    // A transposed view is read as it lies.
    let (right, layout) = if swapped.is_contiguous() && depth > 1 && columns > 1 {
        (swapped, Right::Transposed)
    } else {
        (on_gpu(right)?, Right::Batched)
    };
    product(size, &left, &right, layout, None, Activation::None, [batch, rows, columns])
}

/// Sizes of a product.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub batch: usize,
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
}

/// How the right side lies in its buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    /// `[depth, columns]` for all batches.
    Shared,
    /// `[batch, depth, columns]`
    Batched,
    /// `[batch, columns, depth]`
    Transposed,
}

fn product<const D: usize>(
    size: Size,
    left: &CubeTensor,
    right: &CubeTensor,
    layout: Right,
    bias: Option<&CubeTensor>,
    activation: Activation,
    shape: [usize; D],
) -> Option<Tensor<D>> {
    let Size { batch, rows, depth, columns } = size;
    let vectors = depth.is_multiple_of(4) && columns.is_multiple_of(4);
    let width = if vectors { 4 } else { 1 };
    let elements = columns / width;
    let few = layout == Right::Shared && rows < FEW_ROWS;
    let [tile_rows, tile_columns] = tile(size, elements, vectors, few);
    let [across, down] = [elements.div_ceil(tile_columns), rows.div_ceil(tile_rows)];
    let [workgroup_x, workgroup_y] = workgroup(across, few);
    let transposed = layout == Right::Transposed;
    let kernel = if vectors {
        Kernel::new("linear", include_str!("linear.wgsl"))
            .with("product", if transposed { "v_$r * block_$c" } else { "block_$c * v_$r" })
    } else {
        Kernel::new("linear_any", include_str!("linear_any.wgsl"))
    };
    let element = if vectors { "vec4<f32>" } else { "f32" };
    // Two numbers of 16 bits lie in a u32, the first one low.
    let (weight_element, weight_at) = match (right.dtype() == DType::F16, vectors) {
        (false, _) => (element, "weight[i]"),
        (true, true) => ("vec2<u32>", "vec4<f32>(unpack2x16float(weight[i].x), unpack2x16float(weight[i].y))"),
        (true, false) => ("u32", "unpack2x16float(weight[i / 2u])[i % 2u]"),
    };
    let kernel = kernel
        .with("weight_element", weight_element)
        .with("weight_at", weight_at)
        .unrolled(tile_rows, tile_columns)
        .with("bias_binding", if bias.is_some() { bias_binding(element) } else { String::new() })
        .with("bias_at", if bias.is_some() { "bias[column]".into() } else { format!("{element}()") })
        .with("transposed", transposed)
        .activated(activation, element)
        .with("tile_rows", tile_rows)
        .with("tile_columns", tile_columns)
        .with("workgroup_x", workgroup_x)
        .with("workgroup_y", workgroup_y);
    let weight_stride = if layout == Right::Shared { 0 } else { depth * columns / width };
    let sizes = Sizes::new([rows, depth / width, columns / width, weight_stride])?;
    let inputs: Vec<&CubeTensor> = [left, right].into_iter().chain(bias).collect();
    let workgroups = [across.div_ceil(workgroup_x), down.div_ceil(workgroup_y), batch];
    let grid = Grid { workgroups, operations: operations([2, batch, rows, depth, columns]) };
    kernel.launch(&inputs, sizes, shape, grid)
}

pub(super) fn bias_binding(element: &str) -> String {
    format!("@group(0) @binding(2) var<storage, read_write> bias: array<{element}>;")
}

/// Fewer rows of a layer than this are few: the tokens of a prompt.
const FEW_ROWS: usize = 32;

/// Rows and columns, in elements, of a thread's part of the output. Among few rows it does not depend on their number, nor
/// does the workgroup: another number of points needs no other kernel.
pub(super) fn tile(Size { rows, depth, columns, .. }: Size, elements: usize, vectors: bool, few: bool) -> [usize; 2] {
    let operations = operations([2, rows, depth, columns]);
    let [tile_rows, tile_columns] = match (vectors, is_software()) {
        (false, _) => [4, 4],
        // Otherwise there would be too few threads to keep a GPU busy.
        (true, false) if few => [2, 1],
        (true, false) => [4, 2],
        (true, true) if few => [4, 2],
        (true, true) if operations > 4_000_000_000 && elements >= 8 => [16, 8],
        (true, true) if operations > 50_000_000 => [16, 4],
        (true, true) => [8, 4],
    };
    [tile_rows, tile_columns.min(elements)]
}

/// Threads of a workgroup across and down, for so many threads across.
pub(super) fn workgroup(across: usize, few: bool) -> [usize; 2] {
    // Wide before tall; few rows are not enough to be tall.
    let (threads, widest) = if is_software() { (16, 4) } else { (64, 8) };
    let x = across.next_power_of_two().min(if few { threads } else { widest });
    [x, threads / x]
}
