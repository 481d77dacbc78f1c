//! Kernels for the CPU, four values at a time; on several threads where the build has them.
//!
//! Here tensors become slices; the kernels themselves know of nothing else. Each function gives `None` where a tensor is
//! not on the CPU or not f32, or where there is nothing to sum.

mod attention;
mod conv;
mod gemm;
mod math;
mod norm;
mod parallel;
mod rows;
mod softmax;

use burn::backend::Flex;
use burn::tensor::{DType, Tensor, TensorData};
use burn_flex::FlexTensor;

use self::attention::Heads;
use self::conv::Image;
use self::gemm::{Epilogue, Packed, Right, Rows, Size};
use self::rows::Windows;
use super::add::larger_first;
use super::{Activation, Bias, MAX_HEAD_DIM, Order};

/// activation(x · weight + bias), see [`linear`](super::linear()).
pub(super) fn linear<const D: usize>(
    x: &Tensor<D>,
    weight: &Tensor<2>,
    bias: Option<&Tensor<1>>,
    activation: Activation,
) -> Option<Tensor<D>> {
    let ([depth, columns], input) = (weight.dims(), ordered(x)?);
    let bias = match bias {
        Some(bias) => Some(ordered(bias)?),
        None => None,
    };
    let packed = pack_weight(weight, depth, columns)?;
    let mut shape = x.dims();
    let rows = shape[..D - 1].iter().product();
    shape[D - 1] = columns;
    let mut out = vec![0.0; rows * columns];
    let size = Size { rows, depth, columns };
    let left = Rows { data: slice(&input), stride: depth };
    let epilogue = Epilogue { bias: bias.as_ref().map(slice), activation };
    gemm::matmul(size, &left, &packed, &mut out, columns, epilogue);
    Some(tensor(out, shape))
}

/// A weight of 32 bits or, widened on the way, of 16.
fn pack_weight(weight: &Tensor<2>, depth: usize, columns: usize) -> Option<Packed> {
    if let Some(weight) = flex(weight) {
        let strides = weight.layout().strides();
        let right = right_side(&weight, weight.layout().start_offset(), strides[0], strides[1])?;
        return Some(Packed::new(right, depth, columns));
    }
    let weight = weight.clone().try_into_primitive::<Flex>().ok().filter(|x| x.dtype() == DType::F16)?.to_contiguous();
    // A matrix without elements has no rows to cut it into.
    Some(Packed::new(Right::Half { data: weight.storage(), columns: columns.max(1) }, depth, columns))
}

/// See [`matmul`](super::matmul()).
pub(super) fn matmul(
    left: &Tensor<4>,
    right: &Tensor<4>,
    bias: Option<&Tensor<3>>,
    activation: Activation,
    order: Order,
) -> Option<Tensor<4>> {
    let ([batch, heads, rows, depth], [right_batch, _, _, columns]) = (left.dims(), right.dims());
    let (left, right) = (heads_of(left)?, matrices(right)?);
    let bias = match bias {
        Some(bias) => Some((ordered(bias)?, bias.dims()[0])),
        None => None,
    };
    let at = |x: &FlexTensor, [batch, head]: [usize; 2]| -> Option<usize> {
        let strides = x.layout().strides();
        let stride = |axis: usize| usize::try_from(strides[axis]).ok();
        Some(x.layout().start_offset() + batch * stride(0)? + head * stride(1)?)
    };
    let mut out = vec![0.0; batch * heads * rows * columns];
    // From one head to the next, and from one row.
    let (next_head, next_row) = match order {
        Order::ByHead => (rows * columns, columns),
        Order::ByRow => (columns, heads * columns),
    };
    let size = Size { rows, depth, columns };
    for (b, out) in out.chunks_exact_mut((heads * rows * columns).max(1)).enumerate() {
        for h in 0..heads {
            let strides = right.layout().strides();
            let begin = at(&right, [b % right_batch, h])?;
            let packed = Packed::new(right_side(&right, begin, strides[2], strides[3])?, depth, columns);
            let stride = usize::try_from(left.layout().strides()[2]).ok()?;
            let left = Rows { data: left.storage::<f32>().get(at(&left, [b, h])?..)?, stride };
            let bias = bias.as_ref().map(|(bias, of)| &slice(bias)[(b % of * heads + h) * columns..][..columns]);
            let epilogue = Epilogue { bias, activation };
            gemm::matmul(size, &left, &packed, &mut out[h * next_head..], next_row, epilogue);
        }
    }
    Some(match order {
        Order::ByHead => tensor(out, [batch, heads, rows, columns]),
        Order::ByRow => tensor(out, [batch, rows, heads, columns]).swap_dims(1, 2),
    })
}

/// As `[batch, heads, rows, columns]` with any strides of which one of the last two is 1.
fn matrices(x: &Tensor<4>) -> Option<FlexTensor> {
    let x = flex(x)?;
    let strides = x.layout().strides();
    let in_place = strides.iter().all(|stride| *stride >= 0) && (strides[2] == 1 || strides[3] == 1);
    Some(if in_place { x } else { x.to_contiguous() })
}

/// A matrix within a tensor, rows and columns these many elements apart: one of the two must be 1.
fn right_side(x: &FlexTensor, start: usize, row: isize, column: isize) -> Option<Right<'_>> {
    let data = x.storage::<f32>().get(start..)?;
    let stride = |stride| usize::try_from(stride).ok();
    Some(match (row, column) {
        (row, 1) => Right::Plain(Rows { data, stride: stride(row)? }),
        (1, column) => Right::Transposed(Rows { data, stride: stride(column)? }),
        _ => return None,
    })
}

/// See [`layer_norm`](super::layer_norm).
pub(super) fn layer_norm<const D: usize>(
    x: &Tensor<D>,
    residual: Option<&Tensor<D>>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> Option<Tensor<D>> {
    let [input, gamma, beta] = [ordered(x)?, ordered(gamma)?, ordered(beta)?];
    if slice(&gamma).is_empty() {
        return None;
    }
    let mut out = vec![0.0; slice(&input).len()];
    match residual {
        Some(residual) => {
            let residual = ordered(residual)?;
            let sum = rows::add(slice(&input), slice(&residual));
            norm::layer_norm(&sum, slice(&gamma), slice(&beta), epsilon as f32, &mut out);
        }
        None => norm::layer_norm(slice(&input), slice(&gamma), slice(&beta), epsilon as f32, &mut out),
    }
    if activation != Activation::None {
        math::activate(&mut out, activation);
    }
    Some(tensor(out, x.dims()))
}

/// See [`softmax`](super::softmax()).
pub(super) fn softmax<const D: usize>(x: &Tensor<D>, scale: f64) -> Option<Tensor<D>> {
    let (input, shape) = (ordered(x)?, x.dims());
    if shape[D - 1] == 0 {
        return None;
    }
    let mut out = vec![0.0; slice(&input).len()];
    softmax::softmax(slice(&input), shape[D - 1], scale as f32, &mut out);
    Some(tensor(out, shape))
}

/// See [`add`](super::add()).
pub(super) fn add<const D: usize>(left: &Tensor<D>, right: &Tensor<D>, activation: Activation) -> Option<Tensor<D>> {
    let [larger, smaller] = larger_first(left, right)?;
    let mut out = rows::add(slice(&ordered(larger)?), slice(&ordered(smaller)?));
    if activation != Activation::None {
        math::activate(&mut out, activation);
    }
    Some(tensor(out, larger.dims()))
}

/// See [`from_values`](super::from_values).
pub(super) fn from_data<const D: usize>(data: TensorData) -> Tensor<D> {
    Tensor::from_primitive::<Flex>(FlexTensor::from_data(data))
}

/// See [`select_rows`](super::select_rows).
pub(super) fn select_rows<const D: usize>(x: &Tensor<D>, indices: &[usize]) -> Option<Tensor<D>> {
    let (input, mut shape) = (ordered(x)?, x.dims());
    let row = shape[1..].iter().product::<usize>();
    shape[0] = indices.len();
    let mut out = Vec::with_capacity(shape.iter().product());
    for index in indices {
        out.extend_from_slice(&slice(&input)[index * row..][..row]);
    }
    Some(tensor(out, shape))
}

/// See [`concat_rows`](super::concat_rows).
pub(super) fn concat_rows<const D: usize>(tensors: &[Tensor<D>]) -> Option<Tensor<D>> {
    let mut shape = tensors.first()?.dims();
    shape[0] = tensors.iter().map(|x| x.dims()[0]).sum();
    let mut out = Vec::with_capacity(shape.iter().product());
    for x in tensors {
        out.extend_from_slice(slice(&ordered(x)?));
    }
    Some(tensor(out, shape))
}

/// See [`window_partition`](super::window_partition).
pub(super) fn window_partition(x: &Tensor<4>, window: usize) -> Option<Tensor<4>> {
    let (input, [batch, height, width, dim]) = (ordered(x)?, x.dims());
    let windows = Windows { batch, height, width, dim, window };
    let shape = [windows.count(), window, window, dim];
    let mut out = vec![0.0; shape.iter().product()];
    windows.runs(|to, from, count| out[to..][..count].copy_from_slice(&slice(&input)[from..][..count]));
    Some(tensor(out, shape))
}

/// See [`window_unpartition`](super::window_unpartition).
pub(super) fn window_unpartition(windows: &Tensor<4>, height: usize, width: usize) -> Option<Tensor<4>> {
    let (input, [count, window, _, dim]) = (ordered(windows)?, windows.dims());
    let windows = Windows { batch: 1, height, width, dim, window };
    let windows = Windows { batch: count / windows.count(), ..windows };
    let shape = [windows.batch, height, width, dim];
    let mut out = vec![0.0; shape.iter().product()];
    windows.runs(|from, to, count| out[to..][..count].copy_from_slice(&slice(&input)[from..][..count]));
    Some(tensor(out, shape))
}

/// See [`attention`](super::attention()).
pub(super) fn attention(q: &Tensor<4>, k: &Tensor<4>, v: &Tensor<4>, scale: f64, bias: &Bias) -> Option<Tensor<4>> {
    let [batch, heads, queries, head_dim] = q.dims();
    let [_, _, keys, _] = k.dims();
    // The queries of a head are packed as one block.
    const { assert!(MAX_HEAD_DIM <= gemm::KC) };
    if head_dim > MAX_HEAD_DIM || head_dim == 0 || keys == 0 {
        return None;
    }
    let size = attention::Size { heads, queries, keys, head_dim };
    let [q, k, v] = [heads_of(q)?, heads_of(k)?, heads_of(v)?];
    let qkv = [&q, &k, &v].map(|x| {
        let strides = x.layout().strides();
        let [batch, head, token] = [0, 1, 2].map(|axis| strides[axis] as usize);
        Heads { data: &x.storage::<f32>()[x.layout().start_offset()..], strides: [batch, head, token] }
    });
    // Heads side by side, as the next layer wants them: the axes are swapped below without a copy.
    let mut out = vec![0.0; batch * queries * heads * head_dim];
    let scale = scale as f32;
    match bias {
        Bias::None => attention::attention(size, qkv, scale, attention::Bias::None, &mut out),
        Bias::Table(table) => {
            let table = ordered(table)?;
            attention::attention(size, qkv, scale, attention::Bias::Table(slice(&table)), &mut out);
        }
        Bias::Decomposed { vertical, horizontal, grid } => {
            let (vertical, horizontal) = (ordered(vertical)?, ordered(horizontal)?);
            let bias =
                attention::Bias::Decomposed { vertical: slice(&vertical), horizontal: slice(&horizontal), grid: *grid };
            attention::attention(size, qkv, scale, bias, &mut out);
        }
    }
    Some(tensor(out, [batch, queries, heads, head_dim]).swap_dims(1, 2))
}

/// See [`conv3x3`](super::conv3x3).
pub(super) fn conv3x3(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    stride: usize,
    activation: Activation,
) -> Option<Tensor<4>> {
    let [outputs, ..] = weight.dims();
    let kernel = |image: Image<'_>, weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]| {
        conv::conv3x3(image, weight, Epilogue { bias, activation }, stride, out);
    };
    convolution(x, weight, bias, stride, outputs, kernel)
}

/// See [`depthwise_conv3x3`](super::depthwise_conv3x3).
pub(super) fn depthwise_conv3x3(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    stride: usize,
    activation: Activation,
) -> Option<Tensor<4>> {
    let [channels, ..] = weight.dims();
    let kernel = |image: Image<'_>, weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]| {
        conv::depthwise_conv3x3(image, weight, bias, activation, stride, out);
    };
    convolution(x, weight, bias, stride, channels, kernel)
}

fn convolution(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    stride: usize,
    outputs: usize,
    kernel: impl Fn(Image<'_>, &[f32], Option<&[f32]>, &mut [f32]),
) -> Option<Tensor<4>> {
    let [batch, height, width, channels] = x.dims();
    if channels == 0 || outputs == 0 {
        return None;
    }
    let (input, weight) = (ordered(x)?, ordered(weight)?);
    let bias = match bias {
        Some(bias) => Some(ordered(bias)?),
        None => None,
    };
    let shape = [batch, height.div_ceil(stride), width.div_ceil(stride), outputs];
    let mut out = vec![0.0; shape.iter().product()];
    let images = slice(&input).chunks_exact((height * width * channels).max(1));
    for (data, out) in images.zip(out.chunks_exact_mut((shape[1] * shape[2] * outputs).max(1))) {
        let image = Image { data, height, width, channels };
        kernel(image, slice(&weight), bias.as_ref().map(slice), out);
    }
    Some(tensor(out, shape))
}

/// The tensor as the CPU backend has it.
fn flex<const D: usize>(x: &Tensor<D>) -> Option<FlexTensor> {
    x.clone().try_into_primitive::<Flex>().ok().filter(|x| x.dtype() == DType::F32)
}

/// The tensor with its elements in row-major order and nothing between them.
fn ordered<const D: usize>(x: &Tensor<D>) -> Option<FlexTensor> {
    flex(x).map(|x| x.to_contiguous())
}

/// As `[batch, heads, tokens, head_dim]` with any strides but the last's, 1.
fn heads_of(x: &Tensor<4>) -> Option<FlexTensor> {
    let x = flex(x)?;
    let in_place = x.layout().strides().iter().all(|stride| *stride >= 0) && x.layout().strides()[3] == 1;
    Some(if in_place { x } else { x.to_contiguous() })
}

/// The elements of a tensor that is [`ordered`].
fn slice(x: &FlexTensor) -> &[f32] {
    x.storage()
}

fn tensor<const D: usize>(data: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    from_data(TensorData::new(data, shape))
}
