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
        convolution: None,
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
        convolution: None,
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

    /// How a product that is large enough for shared memory goes through it. A software adapter has none: there each load
    /// costs the same, and every barrier more.
    ///
    /// How many products there are must not matter: another number of prompts would need another kernel.
    pub fn shared(&self, is_layer: bool) -> Option<Shared> {
        let Self { rows, columns, .. } = *self;
        let least = if is_layer { SMALL.columns() } else { MANY_TOKENS };
        let workgroups = |shared: &Shared| rows.div_ceil(shared.rows()) * columns.div_ceil(shared.columns());
        let fits = self.vector() == 4 && rows >= least && columns >= least && workgroups(&SMALL) >= 32;
        // The larger one where it wastes no more columns and there are enough workgroups to fill a GPU several times: else the
        // last of them would leave much of it idle.
        let large = workgroups(&LARGE) >= 512 && columns.div_ceil(SMALL.columns()).is_multiple_of(2);
        let shared = if large { LARGE } else { SMALL };
        (fits && !is_software()).then_some(shared)
    }
}

/// How a workgroup goes through shared memory.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    workgroup: [usize; 2],
    /// Vectors of the depth at a time: with both sides, some 8 KiB, half of what every WebGPU device has.
    step: usize,
}

/// 64 × 64 numbers of the output: 16 additions and multiplications for a byte that is read from the buffers.
const SMALL: Shared = Shared { workgroup: [8, 8], step: 4 };
/// 128 × 128: twice as many.
const LARGE: Shared = Shared { workgroup: [16, 16], step: 2 };
/// Rows and vectors of a thread's part: 64 sums, each step along the depth, for 16 numbers from shared memory, of which threads
/// beside each other read the same. More would leave too few registers for the threads that hide each other's waiting.
const SHARED_TILE: [usize; 2] = [8, 2];
/// More than all heads of the tokens that are multiplied with an image's cells (`few_queries` in the transformer).
const MANY_TOKENS: usize = 128;

impl Shared {
    fn rows(&self) -> usize {
        SHARED_TILE[0] * self.workgroup[1]
    }

    fn columns(&self) -> usize {
        4 * SHARED_TILE[1] * self.workgroup[0]
    }
}

/// Products of every head of every batch, and where all that belongs to them lies.
pub(super) struct Product {
    pub size: Size,
    pub heads: usize,
    /// A layer's columns are the same for every prompt. Of two results rows and columns may both be tokens, of which another
    /// number must not need another kernel.
    pub is_layer: bool,
    /// The stride of a 3×3 convolution: rows are neighbourhoods in an image, and the left side's view says its height and width
    /// and those of the output. Only through shared memory.
    pub convolution: Option<usize>,
    pub left: (CubeTensor, View),
    pub right: (CubeTensor, View),
    /// The rows of the right side are its columns.
    pub transposed: bool,
    pub bias: Option<(CubeTensor, View)>,
    pub activation: Activation,
    pub out: View,
}

impl Product {
    pub fn launch<const D: usize>(self, shape: [usize; D]) -> Option<Tensor<D>> {
        let Self { size, heads, is_layer, convolution, left, right, transposed, bias, activation, out } = self;
        let Size { batch, rows, depth, columns } = size;
        let vector = size.vector();
        let (vectors, elements) = (vector > 1, columns / vector);
        let few = is_layer && rows < FEW_ROWS;
        let shared = size.shared(is_layer);
        let [tile_rows, tile_columns] = if shared.is_some() { SHARED_TILE } else { tile(size, elements, vectors, few) };
        let [across, down] = [elements.div_ceil(tile_columns), rows.div_ceil(tile_rows)];
        let [workgroup_x, workgroup_y] = match shared {
            Some(shared) => shared.workgroup,
            None => workgroup(if is_layer { across } else { WIDEST }, few),
        };
        let element = if vectors { "vec4<f32>" } else { "f32" };
        // Two numbers of 16 bits lie in a u32, the first one low.
        let (weight_element, weight_at) = match (right.0.dtype() == DType::F16, vectors) {
            (false, _) => (element, "weight[i]"),
            (true, true) => ("vec2<u32>", "vec4<f32>(unpack2x16float(weight[i].x), unpack2x16float(weight[i].y))"),
            (true, false) => ("u32", "unpack2x16float(weight[i / 2u])[i % 2u]"),
        };
        let kernel = match shared {
            Some(Shared { step, .. }) => {
                let (name, rows_lie) = if convolution.is_some() {
                    ("shared_convolution", include_str!("rows_of_pixels.wgsl"))
                } else {
                    ("shared_product", include_str!("rows_of_matrix.wgsl"))
                };
                Kernel::new(name, include_str!("shared_product.wgsl")).appended(rows_lie).with("step", step)
            }
            None => Kernel::new("linear", include_str!("linear.wgsl"))
                .with("vector", vector)
                .with("block", if vectors { BLOCK } else { "weight_at(w_$c)" }),
        };
        let kernel = kernel
            .unrolled(tile_rows, tile_columns)
            .with("weight_element", weight_element)
            .with("weight_at", weight_at)
            .with("product", if vectors && transposed { "v_$r * block_$c" } else { "block_$c * v_$r" })
            .with("bias_binding", if bias.is_some() { bias_binding(element) } else { String::new() })
            .with("bias_at", if bias.is_some() { "bias[i]".into() } else { format!("{element}()") })
            .with("transposed", transposed)
            .activated(activation, element)
            .with("tile_rows", tile_rows)
            .with("tile_columns", tile_columns)
            .with("workgroup_x", workgroup_x)
            .with("workgroup_y", workgroup_y);
        let parts = if convolution.is_some() { 9 } else { 1 };
        let mut sizes = Sizes::new([rows, depth / parts / vector, elements, heads, convolution.unwrap_or(0)])?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The products of an encoder are large; those of tokens stay small, however many tokens there are.
    #[test]
    fn large_products_go_through_shared_memory() {
        let shared = |[rows, depth, columns]: [usize; 3], is_layer| {
            let shared = Size { batch: 1, rows, depth, columns }.shared(is_layer);
            shared.map(|shared| [shared.rows(), shared.columns()])
        };
        let expected = |tile: [usize; 2]| (!is_software()).then_some(tile);
        assert_eq!(shared([4096, 768, 768], true), expected([64, 64]));
        assert_eq!(shared([4096, 768, 2304], true), expected([128, 128]));
        assert_eq!(shared([65_536, 64, 64], true), expected([64, 64]));
        // Those that the operations' tests mean to be of this size.
        assert_eq!(shared([4099, 12, 2044], true), expected([128, 128]));
        assert_eq!(shared([259 * 261, 36, 124], true), expected([128, 128]));
        assert_eq!(shared([65_536, 64, 256], true), expected([128, 128]));
        assert_eq!(shared([4096, 56, 256], false), expected([64, 64]));
        for tokens in 6..=14 {
            assert_eq!(shared([tokens, 256, 2048], true), None);
            assert_eq!(shared([8 * tokens, 256, 4096], false), None);
            assert_eq!(shared([4096, 256, 8 * tokens], false), None);
        }
        assert_eq!(shared([4096, 768, 770], true), None);
    }
}
