//! Linear layers and matrix products.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Tensor};
use burn_wgpu::CubeTensor;

use super::grid::{Grid, operations};
use super::{Kernel, Sizes, View, as_it_lies, by_head, is_software, on_gpu, weight_on_gpu};
use crate::ops::{Activation, Order};

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
    let vector = size.vector();
    let (x, weight) = (on_gpu(x)?, weight_on_gpu(weight)?);
    let bias = match bias {
        Some(bias) => Some((on_gpu(bias)?, [0; 4])),
        None => None,
    };
    let product = Product {
        size,
        heads: 1,
        is_layer: true,
        left: (x, [0, 0, depth / vector, 0]),
        right: (weight, [0, 0, columns / vector, 0]),
        transposed: false,
        bias,
        activation,
        out: [0, 0, columns / vector, 0],
    };
    product.launch(shape)
}

/// See [`matmul`](crate::ops::matmul()).
pub fn matmul(
    left: &Tensor<4>,
    right: &Tensor<4>,
    bias: Option<&Tensor<3>>,
    activation: Activation,
    order: Order,
) -> Option<Tensor<4>> {
    let ([batch, heads, rows, depth], [right_batch, .., columns]) = (left.dims(), right.dims());
    let size = Size { batch: batch * heads, rows, depth, columns };
    let vector = size.vector();
    let elements = columns / vector;
    // The stride of an axis that is walked along once means nothing.
    let shared = |(x, [batch, head, row, begin]): (CubeTensor, View), of: usize| {
        (x, [if of == 1 { 0 } else { batch }, head, row, begin])
    };
    let (right, transposed) = match (as_it_lies(right, vector), as_it_lies(&right.clone().swap_dims(2, 3), vector)) {
        (Some(right), _) => (right, false),
        (None, Some(right)) => (right, true),
        (None, None) => (by_head(right, vector)?, false),
    };
    let bias = match bias {
        Some(bias) => Some(shared((on_gpu(bias)?, [heads * elements, elements, 0, 0]), bias.dims()[0])),
        None => None,
    };
    let (shape, out) = match order {
        Order::ByHead => ([batch, heads, rows, columns], [heads * rows * elements, rows * elements, elements, 0]),
        Order::ByRow => ([batch, rows, heads, columns], [rows * heads * elements, elements, heads * elements, 0]),
    };
    let product = Product {
        size,
        heads,
        is_layer: false,
        left: by_head(left, vector)?,
        right: shared(right, right_batch),
        transposed,
        bias,
        activation,
        out,
    };
    let product = product.launch(shape)?;
    Some(if order == Order::ByRow { product.swap_dims(1, 2) } else { product })
}

/// Sizes of a product.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Products, each of a head.
    pub batch: usize,
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
}

impl Size {
    /// Numbers that are read and written at a time.
    fn vector(&self) -> usize {
        if self.depth.is_multiple_of(4) && self.columns.is_multiple_of(4) { 4 } else { 1 }
    }
}

/// Products of every head of every batch, and where all that belongs to them lies.
struct Product {
    size: Size,
    heads: usize,
    /// A layer's columns are the same for every prompt. Of two results rows and columns may both be tokens, of which another
    /// number must not need another kernel.
    is_layer: bool,
    left: (CubeTensor, View),
    right: (CubeTensor, View),
    /// The rows of the right side are its columns.
    transposed: bool,
    bias: Option<(CubeTensor, View)>,
    activation: Activation,
    out: View,
}

impl Product {
    fn launch<const D: usize>(self, shape: [usize; D]) -> Option<Tensor<D>> {
        let Self { size, heads, is_layer, left, right, transposed, bias, activation, out } = self;
        let Size { batch, rows, depth, columns } = size;
        let vector = size.vector();
        let (vectors, elements) = (vector > 1, columns / vector);
        let few = is_layer && rows < FEW_ROWS;
        let [tile_rows, tile_columns] = tile(size, elements, vectors, few);
        let [across, down] = [elements.div_ceil(tile_columns), rows.div_ceil(tile_rows)];
        let [workgroup_x, workgroup_y] = workgroup(if is_layer { across } else { WIDEST }, few);
        let element = if vectors { "vec4<f32>" } else { "f32" };
        // Two numbers of 16 bits lie in a u32, the first one low.
        let (weight_element, weight_at) = match (right.0.dtype() == DType::F16, vectors) {
            (false, _) => (element, "weight[i]"),
            (true, true) => ("vec2<u32>", "vec4<f32>(unpack2x16float(weight[i].x), unpack2x16float(weight[i].y))"),
            (true, false) => ("u32", "unpack2x16float(weight[i / 2u])[i % 2u]"),
        };
        let kernel = Kernel::new("linear", include_str!("linear.wgsl"))
            .unrolled(tile_rows, tile_columns)
            .with("vector", vector)
            .with("weight_element", weight_element)
            .with("weight_at", weight_at)
            .with("block", if vectors { BLOCK } else { "weight_at(w_$c)" })
            .with("product", if vectors && transposed { "v_$r * block_$c" } else { "block_$c * v_$r" })
            .with("bias_binding", if bias.is_some() { bias_binding(element) } else { String::new() })
            .with("bias_at", if bias.is_some() { "bias[i]".into() } else { format!("{element}()") })
            .with("transposed", transposed)
            .activated(activation, element)
            .with("tile_rows", tile_rows)
            .with("tile_columns", tile_columns)
            .with("workgroup_x", workgroup_x)
            .with("workgroup_y", workgroup_y);
        let mut sizes = Sizes::new([rows, depth / vector, elements, heads, 0])?;
        for view in [left.1, right.1, bias.as_ref().map_or([0; 4], |(_, view)| *view), out] {
            sizes = sizes.and(view)?;
        }
        let inputs: Vec<&CubeTensor> = [&left.0, &right.0].into_iter().chain(bias.as_ref().map(|(x, _)| x)).collect();
        let workgroups = [across.div_ceil(workgroup_x), down.div_ceil(workgroup_y), batch];
        let grid = Grid { workgroups, operations: operations([2, batch, rows, depth, columns]) };
        kernel.launch(&inputs, sizes, shape, grid)
    }
}

/// 4 × 4 numbers of a weight; of a transposed one, transposed.
const BLOCK: &str = "mat4x4<f32>(weight_at(w_$c), weight_at(w_$c + stride), weight_at(w_$c + 2u * stride), weight_at(w_$c + 3u * stride))";

pub(super) fn bias_binding(element: &str) -> String {
    format!("@group(0) @binding(2) var<storage, read_write> bias: array<{element}>;")
}

/// Threads across of a workgroup, at most.
const WIDEST: usize = 8;
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
    let (threads, widest) = if is_software() { (16, 4) } else { (64, WIDEST) };
    let x = across.next_power_of_two().min(if few { threads } else { widest });
    [x, threads / x]
}
