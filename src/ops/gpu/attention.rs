//! Attention of tokens to one another.

use burn::tensor::Tensor;
use burn_wgpu::CubeTensor;

use super::grid::{Grid, operations};
use super::{Kernel, Sizes, is_software, on_gpu};
use crate::ops::{Bias, Packing};

/// See [`self_attention`](crate::ops::self_attention).
pub fn self_attention(qkv: &Tensor<3>, heads: usize, packing: Packing, scale: f64, bias: &Bias) -> Option<Tensor<3>> {
    let [batch, tokens, width] = qkv.dims();
    let dim = width / 3;
    let head_dim = dim / heads;
    if !head_dim.is_multiple_of(4) || head_dim > MAX_HEAD_DIM {
        return None;
    }
    let shared = Shared { batch, heads, tokens, head_dim, packing };
    let qkv = on_gpu(qkv)?;
    let bias = match bias {
        Bias::None => None,
        Bias::Table(table) => Some((Added::Table, on_gpu(table)?)),
        Bias::Decomposed { vertical, horizontal, grid } => {
            let offsets = shared.offsets(&qkv, &on_gpu(vertical)?, &on_gpu(horizontal)?, *grid)?;
            Some((Added::Offsets { grid: *grid }, on_gpu(&offsets)?))
        }
    };
    let added = bias.as_ref().map(|(added, _)| *added);
    let inputs: Vec<&CubeTensor> = std::iter::once(&qkv).chain(bias.as_ref().map(|(_, bias)| bias)).collect();
    let tiles = tokens.div_ceil(shared.tile());
    let workgroups = [tiles.div_ceil(workgroup()), batch * heads, 1];
    // Two products, and what a softmax takes.
    let grid = Grid { workgroups, operations: operations([4 * head_dim + 32, batch, heads, tokens, tokens]) };
    shared.kernel(added).launch(&inputs, shared.sizes(added, scale)?, [batch, tokens, dim], grid)
}

/// Wider heads would not fit into registers.
const MAX_HEAD_DIM: usize = 128;
/// Threads, each with a tile of queries, of a workgroup.
fn workgroup() -> usize {
    if is_software() { 16 } else { 64 }
}

/// What is added to the scores, as it lies in a buffer.
#[derive(Clone, Copy)]
enum Added {
    /// `[heads, queries, keys]`
    Table,
    /// `[batch · heads, queries, height + width]`: what the scores with every row gain, then with every column.
    Offsets { grid: [usize; 2] },
}

/// What the two kernels have in common.
#[derive(Clone, Copy)]
struct Shared {
    batch: usize,
    heads: usize,
    tokens: usize,
    head_dim: usize,
    packing: Packing,
}

impl Shared {
    /// Queries of a thread. Each takes two vectors of registers for every four elements of a head.
    fn tile(&self) -> usize {
        let (vectors, most) = if is_software() { (64, 8) } else { (16, 2) };
        (vectors / (self.head_dim / 4)).clamp(1, most).min(self.tokens)
    }

    /// In vectors: from one batch, head and token to the next, and where the queries, keys and values begin.
    fn layout(&self) -> [usize; 6] {
        let (heads, width) = (self.heads, self.head_dim / 4);
        let (part, head) = match self.packing {
            Packing::Parts => (heads * width, width),
            Packing::Heads => (width, 3 * width),
        };
        let token = 3 * heads * width;
        [self.tokens * token, head, token, 0, part, 2 * part]
    }

    fn sizes(&self, added: Option<Added>, scale: f64) -> Option<Sizes> {
        let [key_rows, key_columns] = match added {
            Some(Added::Offsets { grid }) => grid,
            _ => [1, self.tokens],
        };
        let layout = self.layout();
        Some(Sizes::new([self.heads, self.tokens, key_rows, key_columns])?.float(scale).and(layout)?)
    }

    fn kernel(&self, added: Option<Added>) -> Kernel {
        let by_key = |index: &str| {
            format!("vec4<f32>({})", ["x", "y", "z", "w"].map(|lane| format!("bias[{index} + i.{lane}]")).join(", "))
        };
        let (bias_head, row_bias, column_bias) = match added {
            None => ("head", "0.0".into(), "vec4<f32>()".into()),
            Some(Added::Table) => ("head", "0.0".into(), by_key("(head * sizes.queries + query) * sizes.key_columns")),
            Some(Added::Offsets { .. }) => {
                let begin = "(head * sizes.queries + query) * (sizes.key_rows + sizes.key_columns)";
                ("head_of_batch", format!("bias[{begin} + row]"), by_key(&format!("{begin} + sizes.key_rows")))
            }
        };
        let mut bindings = vec![("qkv", "vec4<f32>")];
        if added.is_some() {
            bindings.push(("bias", "f32"));
        }
        Kernel::new("attention", include_str!("attention.wgsl"))
            .unrolled(self.tile(), self.head_dim / 4)
            .with("bindings", declare(&bindings))
            .with("head_dim", self.head_dim)
            .with("tile_queries", self.tile())
            .with("workgroup", workgroup())
            .with("bias_head", bias_head)
            .with("row_bias", row_bias)
            .with("column_bias", column_bias)
    }

    /// The products of every query with its rows of the two tables, once for all keys.
    fn offsets(
        &self,
        qkv: &CubeTensor,
        vertical: &CubeTensor,
        horizontal: &CubeTensor,
        [height, width]: [usize; 2],
    ) -> Option<Tensor<3>> {
        let Self { batch, heads, tokens, head_dim, .. } = *self;
        let tile = self.tile().min(height).min(width);
        let bindings = [("qkv", "vec4<f32>"), ("vertical_table", "vec4<f32>"), ("horizontal_table", "vec4<f32>")];
        let kernel = Kernel::new("relative_position", include_str!("relative_position.wgsl"))
            .unrolled(tile, head_dim / 4)
            .with("bindings", declare(&bindings))
            .with("head_dim", head_dim)
            .with("workgroup", workgroup())
            .with("tile_queries", tile);
        let [batch_stride, head_stride, token_stride, q, ..] = self.layout();
        let sizes = Sizes::new([heads, height, width, batch_stride, head_stride, token_stride, q])?;
        let threads = (height * width.div_ceil(tile)).max(width * height.div_ceil(tile));
        let workgroups = [threads.div_ceil(workgroup()), batch * heads, 2];
        let grid = Grid { workgroups, operations: operations([2, batch, heads, tokens, height + width, head_dim]) };
        kernel.launch(&[qkv, vertical, horizontal], sizes, [batch * heads, tokens, height + width], grid)
    }
}

/// Bindings from 0 on, by name and element.
fn declare(bindings: &[(&str, &str)]) -> String {
    let declare = |(i, (name, element)): (usize, &(&str, &str))| {
        format!("@group(0) @binding({i}) var<storage, read_write> {name}: array<{element}>;")
    };
    bindings.iter().enumerate().map(declare).collect::<Vec<_>>().join(" ")
}
