//! Softmax of rows.

use burn::tensor::Tensor;

use super::grid::{Grid, operations};
use super::{Kernel, Sizes, is_software, on_gpu};

/// See [`softmax`](crate::ops::softmax()).
pub fn softmax<const D: usize>(x: &Tensor<D>, scale: f64) -> Option<Tensor<D>> {
    let shape = x.dims();
    let (rows, width) = (shape[..D - 1].iter().product::<usize>(), shape[D - 1]);
    let x = on_gpu(x)?;
    let by_workgroup = width >= LONG_ROW && !is_software();
    let (kernel, workgroups) = Kernel::new("softmax", include_str!("softmax.wgsl")).over_rows(rows, by_workgroup);
    // Short rows are those of attention to a prompt's tokens: another number of them needs no other kernel.
    let vectors = width.is_multiple_of(4) && width >= LONG_ROW;
    let kernel = kernel
        .with("element", if vectors { "vec4<f32>" } else { "f32" })
        .with("greatest", if vectors { "max(max(v.x, v.y), max(v.z, v.w))" } else { "v" })
        .with("total", if vectors { "v.x + v.y + v.z + v.w" } else { "v" });
    let sizes = Sizes::new([rows, if vectors { width / 4 } else { width }])?.float(scale);
    let grid = Grid { workgroups: [workgroups, 1, 1], operations: operations([24, rows, width]) };
    kernel.launch(&[&x], sizes, shape, grid)
}

/// Rows of this width and more have a workgroup each, and are read in vectors.
const LONG_ROW: usize = 128;
