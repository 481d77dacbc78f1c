//! 3×3 convolutions.

use burn::tensor::Tensor;
use burn_wgpu::CubeTensor;

use super::grid::{Grid, operations};
use super::linear::{Product, Size, bias_binding, tile, workgroup};
use super::{Kernel, Sizes, on_gpu};
use crate::ops::Activation;

/// See [`depthwise_conv3x3`](crate::ops::depthwise_conv3x3).
pub fn depthwise_conv3x3(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    stride: usize,
    activation: Activation,
) -> Option<Tensor<4>> {
    let [batch, height, width, channels] = x.dims();
    let (out_height, out_width) = (height.div_ceil(stride), width.div_ceil(stride));
    let vectors = channels.is_multiple_of(4);
    let (element, elements) = if vectors { ("vec4<f32>", channels / 4) } else { ("f32", channels) };
    let (x, weight) = (on_gpu(x)?, on_gpu(weight)?);
    let bias = match bias {
        Some(bias) => Some(on_gpu(bias)?),
        None => None,
    };
    let tile_columns = TILE_COLUMNS.min(out_width);
    let weight_at = if vectors {
        let lanes = [0, 1, 2, 3].map(|lane| format!("weight[(4u * channel + {lane}u) * 9u + tap]"));
        format!("vec4<f32>({})", lanes.join(", "))
    } else {
        "weight[channel * 9u + tap]".into()
    };
    let columns = out_width.div_ceil(tile_columns);
    let [workgroup_x, workgroup_y] = workgroup(elements, false);
    let kernel = Kernel::new("depthwise3x3", include_str!("depthwise3x3.wgsl"))
        .unrolled((tile_columns - 1) * stride + 3, tile_columns)
        .with("bias_binding", if bias.is_some() { bias_binding(element) } else { String::new() })
        .with("bias_at", if bias.is_some() { "bias[channel]".into() } else { format!("{element}()") })
        .with("stride", stride)
        .activated(activation, element)
        .with("tile_columns", tile_columns)
        .with("weight_at", weight_at)
        .with("workgroup_x", workgroup_x)
        .with("workgroup_y", workgroup_y);
    let inputs: Vec<&CubeTensor> = [&x, &weight].into_iter().chain(&bias).collect();
    let workgroups = [elements.div_ceil(workgroup_x), columns.div_ceil(workgroup_y), batch * out_height];
    let sizes = Sizes::new([height, width, out_height, out_width, elements])?;
    let grid = Grid { workgroups, operations: operations([40, batch, out_height, out_width, channels]) };
    kernel.launch(&inputs, sizes, [batch, out_height, out_width, channels], grid)
}

/// Neighbours of an output row that one thread makes.
const TILE_COLUMNS: usize = 8;

/// See [`conv3x3`](crate::ops::conv3x3).
pub fn conv3x3(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    stride: usize,
    activation: Activation,
) -> Option<Tensor<4>> {
    let ([batch, height, width, input], [output, ..]) = (x.dims(), weight.dims());
    let (out_height, out_width) = (height.div_ceil(stride), width.div_ceil(stride));
    let (x, weight) = (on_gpu(x)?, on_gpu(&weight.clone().permute([2, 3, 1, 0]))?);
    let bias = match bias {
        Some(bias) => Some(on_gpu(bias)?),
        None => None,
    };
    let (element, elements) = if output.is_multiple_of(4) { ("vec4<f32>", output / 4) } else { ("f32", output) };
    let vectors = input.is_multiple_of(4) && output.is_multiple_of(4);
    let pixels = batch * out_height * out_width;
    let shape = [batch, out_height, out_width, output];
    let product = Size { batch: 1, rows: pixels, depth: 9 * input, columns: 4 * elements };
    if vectors && product.shared(true).is_some() {
        let product = Product {
            size: product,
            heads: 1,
            is_layer: true,
            convolution: Some(stride),
            left: (x, [height, width, out_height, out_width]),
            right: (weight, [0, 0, elements, 0]),
            transposed: false,
            bias: bias.map(|bias| (bias, [0; 4])),
            activation,
            out: [0, 0, elements, 0],
        };
        return product.launch(shape);
    }
    let [tile_pixels, tile_columns] = tile(product, elements, true, false);
    let [across, down] = [elements.div_ceil(tile_columns), pixels.div_ceil(tile_pixels)];
    let [workgroup_x, workgroup_y] = workgroup(across, false);
    let block = "mat4x4<f32>(weight[w_$c], weight[w_$c + n], weight[w_$c + 2u * n], weight[w_$c + 3u * n])";
    let kernel = Kernel::new("conv3x3", include_str!("conv3x3.wgsl"))
        .unrolled(tile_pixels, tile_columns)
        .with("x_element", if vectors { "vec4<f32>" } else { "f32" })
        .with("vector", if vectors { 4 } else { 1 })
        .with("block", if vectors { block } else { "weight[w_$c]" })
        .with("bias_binding", if bias.is_some() { bias_binding(element) } else { String::new() })
        .with("bias_at", if bias.is_some() { "bias[column]".into() } else { format!("{element}()") })
        .activated(activation, element)
        .with("tile_pixels", tile_pixels)
        .with("tile_columns", tile_columns)
        .with("workgroup_x", workgroup_x)
        .with("workgroup_y", workgroup_y);
    let inputs: Vec<&CubeTensor> = [&x, &weight].into_iter().chain(&bias).collect();
    let workgroups = [across.div_ceil(workgroup_x), down.div_ceil(workgroup_y), 1];
    let depth = if vectors { input / 4 } else { input };
    let sizes = Sizes::new([height, width, out_height, out_width, stride, pixels, depth, elements])?;
    let grid = Grid { workgroups, operations: operations([2 * 9, pixels, input, output]) };
    kernel.launch(&inputs, sizes, shape, grid)
}
