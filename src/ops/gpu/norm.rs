//! Layer norm.

use burn::tensor::Tensor;
use burn_wgpu::CubeTensor;

use super::grid::{Grid, operations};
use super::{Kernel, Sizes, is_software, on_gpu};
use crate::ops::Activation;

/// See [`layer_norm`](crate::ops::layer_norm).
pub fn layer_norm<const D: usize>(
    x: &Tensor<D>,
    residual: Option<&Tensor<D>>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> Option<Tensor<D>> {
    let shape = x.dims();
    let (rows, width) = (shape[..D - 1].iter().product::<usize>(), shape[D - 1]);
    let [gamma, beta] = [on_gpu(gamma)?, on_gpu(beta)?];
    let x = on_gpu(x)?;
    let residual = match residual {
        Some(residual) => Some(on_gpu(residual)?),
        None => None,
    };
    let (kernel, workgroups) =
        Kernel::new("layer_norm", include_str!("layer_norm.wgsl")).over_rows(rows, !is_software());
    let vectors = width.is_multiple_of(4);
    let element = if vectors { "vec4<f32>" } else { "f32" };
    let binding = format!("@group(0) @binding(3) var<storage, read_write> residual: array<{element}>;");
    let kernel = kernel
        .with("residual_binding", if residual.is_some() { binding } else { String::new() })
        .with("x_at", if residual.is_some() { "x[i] + residual[i]" } else { "x[i]" })
        .with("total", if vectors { "v.x + v.y + v.z + v.w" } else { "v" })
        .activated(activation, element);
    let sizes = Sizes::new([rows, if vectors { width / 4 } else { width }])?.float(width as f64).float(epsilon);
    let inputs: Vec<&CubeTensor> = [&x, &gamma, &beta].into_iter().chain(&residual).collect();
    let grid = Grid { workgroups: [workgroups, 1, 1], operations: operations([16, rows, width]) };
    kernel.launch(&inputs, sizes, shape, grid)
}
