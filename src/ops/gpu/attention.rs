//! Attention of tokens to one another.

use burn::tensor::Tensor;
use burn_wgpu::CubeTensor;

use super::grid::{Grid, operations};
use super::{Kernel, Sizes, View, by_head, is_software, on_gpu, view};
use crate::ops::attention::by_kernels;
use crate::ops::{Bias, Packing};

/// See [`self_attention`](crate::ops::self_attention).
pub fn self_attention(qkv: &Tensor<3>, heads: usize, packing: Packing, scale: f64, bias: &Bias) -> Option<Tensor<3>> {
    let [batch, tokens, width] = qkv.dims();
    let size = Size { batch, heads, queries: tokens, keys: tokens, head_dim: width / 3 / heads };
    if !size.fits() {
        return None;
    }
    let qkv = on_gpu(qkv)?;
    let views = size.packed(packing);
    let bias = match bias {
        Bias::None => None,
        Bias::Table(table) => Some((Added::Table, on_gpu(table)?)),
        Bias::Decomposed { vertical, horizontal, grid } => {
            let offsets = size.offsets(&qkv, views[0], &on_gpu(vertical)?, &on_gpu(horizontal)?, *grid)?;
            Some((Added::Offsets { grid: *grid }, on_gpu(&offsets)?))
        }
    };
    let out = size.attend(&[(&qkv, "qkv")], ["qkv"; 3], views, scale, bias.as_ref().map(|(added, x)| (*added, x)))?;
    Some(out.reshape([batch, tokens, width / 3]))
}

/// See [`attention`](crate::ops::attention()).
pub fn attention(q: &Tensor<4>, k: &Tensor<4>, v: &Tensor<4>, scale: f64, bias: &Bias) -> Option<Tensor<4>> {
    let ([batch, heads, queries, head_dim], [_, _, keys, _]) = (q.dims(), k.dims());
    let size = Size { batch, heads, queries, keys, head_dim };
    if !size.fits() || !matches!(bias, Bias::None) {
        view(q)?;
        return Some(by_kernels(q.clone(), k.clone(), v.clone(), scale, bias));
    }
    if keys == 0 {
        return None;
    }
    let ((q, q_view), (k, k_view), (v, v_view)) = (by_head(q, 4)?, by_head(k, 4)?, by_head(v, 4)?);
    let inputs = [(&q, "q"), (&k, "k"), (&v, "v")];
    Some(size.attend(&inputs, ["q", "k", "v"], [q_view, k_view, v_view], scale, None)?.swap_dims(1, 2))
}

/// Wider heads would not fit into registers.
const WIDEST_HEAD: usize = 128;
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

/// Sizes of an attention.
#[derive(Clone, Copy)]
struct Size {
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    head_dim: usize,
}

impl Size {
    fn fits(&self) -> bool {
        self.head_dim.is_multiple_of(4) && (4..=WIDEST_HEAD).contains(&self.head_dim)
    }

    /// Queries of a thread. Each takes two vectors of registers for every four elements of a head. Their number must not
    /// depend on that of all queries: another number of points would need another kernel.
    fn tile(&self) -> usize {
        let (vectors, most) = if is_software() { (64, 8) } else { (16, 2) };
        (vectors / (self.head_dim / 4)).clamp(1, most)
    }

    /// Queries, keys and values in the output of one layer.
    fn packed(&self, packing: Packing) -> [View; 3] {
        let (heads, width) = (self.heads, self.head_dim / 4);
        let (part, head) = match packing {
            Packing::Parts => (heads * width, width),
            Packing::Heads => (width, 3 * width),
        };
        let token = 3 * heads * width;
        [0, 1, 2].map(|i| [self.queries * token, head, token, i * part])
    }

    /// Launches attention.wgsl: `[batch, queries, heads, head_dim]`. `inputs` are buffers and their names, `names` those of
    /// queries, keys and values.
    fn attend(
        &self,
        inputs: &[(&CubeTensor, &'static str)],
        names: [&'static str; 3],
        views: [View; 3],
        scale: f64,
        bias: Option<(Added, &CubeTensor)>,
    ) -> Option<Tensor<4>> {
        let Self { batch, heads, queries, keys, head_dim } = *self;
        let by_key = |index: &str| {
            format!("vec4<f32>({})", ["x", "y", "z", "w"].map(|lane| format!("bias[{index} + i.{lane}]")).join(", "))
        };
        let ([key_rows, key_columns], bias_head, row_bias, column_bias) = match bias {
            None => ([1, keys], "head", "0.0".into(), "vec4<f32>()".into()),
            Some((Added::Table, _)) => {
                let begin = "(head * sizes.queries + query) * sizes.key_columns";
                ([1, keys], "head", "0.0".into(), by_key(begin))
            }
            Some((Added::Offsets { grid }, _)) => {
                let begin = "(head * sizes.queries + query) * (sizes.key_rows + sizes.key_columns)";
                (grid, "head_of_batch", format!("bias[{begin} + row]"), by_key(&format!("{begin} + sizes.key_rows")))
            }
        };
        let mut bindings: Vec<(&str, &str)> = inputs.iter().map(|(_, name)| (*name, "vec4<f32>")).collect();
        if bias.is_some() {
            bindings.push(("bias", "f32"));
        }
        let kernel = Kernel::new("attention", include_str!("attention.wgsl"))
            .unrolled(self.tile(), head_dim / 4)
            .with("bindings", declare(&bindings))
            .with("q", names[0])
            .with("k", names[1])
            .with("v", names[2])
            .with("head_dim", head_dim)
            .with("tile_queries", self.tile())
            .with("workgroup", workgroup())
            .with("bias_head", bias_head)
            .with("row_bias", row_bias)
            .with("column_bias", column_bias);
        let mut sizes = Sizes::new([heads, queries, key_rows, key_columns])?.float(scale);
        for view in views {
            sizes = sizes.and(view)?;
        }
        let workgroups = [queries.div_ceil(self.tile()).div_ceil(workgroup()), batch * heads, 1];
        // Two products, and what a softmax takes.
        let grid = Grid { workgroups, operations: operations([4 * head_dim + 32, batch, heads, queries, keys]) };
        let inputs: Vec<&CubeTensor> = inputs.iter().map(|(x, _)| *x).chain(bias.map(|(_, bias)| bias)).collect();
        kernel.launch(&inputs, sizes, [batch, queries, heads, head_dim], grid)
    }

    /// The products of every query with its rows of the two tables, once for all keys.
    fn offsets(
        &self,
        qkv: &CubeTensor,
        q: View,
        vertical: &CubeTensor,
        horizontal: &CubeTensor,
        [height, width]: [usize; 2],
    ) -> Option<Tensor<3>> {
        let Self { batch, heads, queries, head_dim, .. } = *self;
        let tile = self.tile().min(height).min(width);
        let bindings = [("qkv", "vec4<f32>"), ("vertical_table", "vec4<f32>"), ("horizontal_table", "vec4<f32>")];
        let kernel = Kernel::new("relative_position", include_str!("relative_position.wgsl"))
            .unrolled(tile, head_dim / 4)
            .with("bindings", declare(&bindings))
            .with("head_dim", head_dim)
            .with("workgroup", workgroup())
            .with("tile_queries", tile);
        let sizes = Sizes::new([heads, height, width, 0, 0])?.and(q)?;
        let threads = (height * width.div_ceil(tile)).max(width * height.div_ceil(tile));
        let workgroups = [threads.div_ceil(workgroup()), batch * heads, 2];
        let grid = Grid { workgroups, operations: operations([2, batch, heads, queries, height + width, head_dim]) };
        kernel.launch(&[qkv, vertical, horizontal], sizes, [batch * heads, queries, height + width], grid)
    }
}

/// Bindings from 0 on, by name and element.
fn declare(bindings: &[(&str, &str)]) -> String {
    let declare = |(i, (name, element)): (usize, &(&str, &str))| {
        format!("@group(0) @binding({i}) var<storage, read_write> {name}: array<{element}>;")
    };
    bindings.iter().enumerate().map(declare).collect::<Vec<_>>().join(" ")
}
