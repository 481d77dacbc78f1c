//! Masks at their final size, as bits.

use burn::tensor::{DType, Int, Tensor};
use burn_wgpu::CubeBackend;

use super::grid::{Grid, operations};
use super::{Kernel, Sizes, on_gpu};
use crate::ops::Upsampling;

/// See [`Upsampling::bits`].
pub fn upsampled_bits(upsampling: &Upsampling, images: &Tensor<3>, threshold: f32) -> Option<Tensor<3, Int>> {
    let Upsampling { side, larger_side, part: [part_width, part_height], size: [width, height] } = *upsampling;
    let [count, ..] = images.dims();
    let words = upsampling.words_per_row();
    let x = on_gpu(images)?;
    let kernel = Kernel::new("upsampled_bits", include_str!("upsampled_bits.wgsl")).with("workgroup", WORKGROUP);
    let scale = |from: usize, to: usize| f64::from(from as f32 / to as f32);
    let sizes = Sizes::new([side, part_width, part_height, width, height])?
        .float(scale(side, larger_side))
        .float(scale(part_width, width))
        .float(scale(part_height, height))
        .float(threshold.into());
    let workgroups = [words, height.div_ceil(WORKGROUP), count];
    // A pixel's own arithmetic, and its share of the columns.
    let grid = Grid { workgroups, operations: operations([32, count, width, height]) };
    let out = kernel.run(&[&x], sizes, [count, height, words], DType::U32, grid)?;
    Some(Tensor::from_primitive::<CubeBackend>(out))
}

/// Threads of a workgroup, one below the other: they go from one column to the next at the same time.
const WORKGROUP: usize = 64;
