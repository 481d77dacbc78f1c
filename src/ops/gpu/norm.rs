//! Layer norm.

use burn::tensor::Tensor;

use super::grid::{Grid, operations};
use super::{Kernel, Sizes, is_software, on_gpu};

/// See [`layer_norm`](crate::ops::layer_norm).
pub fn layer_norm<const D: usize>(
    x: &Tensor<D>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    epsilon: f64,
) -> Option<Tensor<D>> {
    let shape = x.dims();
    let (rows, width) = (shape[..D - 1].iter().product::<usize>(), shape[D - 1]);
    if rows == 0 || width == 0 {
        return None;
    }
    let [x, gamma, beta] = [on_gpu(x)?, on_gpu(gamma)?, on_gpu(beta)?];
    // A row has a workgroup of its own, except where barriers are dear: there a thread.
    let (kernel, workgroups) = if is_software() {
        (Kernel::new("layer_norm", include_str!("layer_norm.wgsl")), rows.div_ceil(ROWS_PER_WORKGROUP))
    } else {
        (Kernel::new("layer_norm_workgroup", include_str!("layer_norm_workgroup.wgsl")), rows)
    };
    let vectors = width.is_multiple_of(4);
    let kernel = kernel
        .with("element", if vectors { "vec4<f32>" } else { "f32" })
        .with("total", if vectors { "v.x + v.y + v.z + v.w" } else { "v" });
    let sizes = Sizes::new([rows, if vectors { width / 4 } else { width }])?.float(width as f64).float(epsilon);
    kernel.launch(
        &[&x, &gamma, &beta],
        sizes,
        shape,
        Grid { workgroups: [workgroups, 1, 1], operations: operations([16, rows, width]) },
    )
}

/// Threads, each with a row, of a workgroup of layer_norm.wgsl.
const ROWS_PER_WORKGROUP: usize = 16;
