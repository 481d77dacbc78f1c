//! Kernels for the GPU, in WGSL.
//!
//! Each template is one kernel; here its placeholders get their values and it is launched (rows are selected and put together by
//! burn's own). Every function of tensors gives `None` where a tensor is not on the GPU or not f32, or its sizes are none the kernel
//! is made for; attention of heads that are too odd for its own is made of products and a softmax instead.

mod attention;
mod conv;
mod grid;
mod linear;
mod norm;
mod rows;
mod softmax;
mod upsample;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape, Tensor};
use burn_cubecl::cubecl::CubeCount;
use burn_cubecl::cubecl::dry_run::DryRun;
use burn_cubecl::cubecl::prelude::KernelId;
use burn_cubecl::cubecl::server::{KernelArguments, MetadataBindingInfo};
use burn_wgpu::{CubeBackend, CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous};

pub(super) use self::attention::{attention, self_attention};
pub(super) use self::conv::{conv3x3, depthwise_conv3x3};
use self::grid::Grid;
pub(super) use self::linear::{linear, matmul};
pub(super) use self::norm::layer_norm;
pub(super) use self::rows::{
    add, concat_rows, cube_device, from_data, select_rows, window_partition, window_unpartition,
};
pub(super) use self::softmax::softmax;
pub(super) use self::upsample::upsampled_bits;
use super::Activation;

/// Threads of a workgroup that has a row to itself.
const THREADS_PER_ROW: usize = 64;
/// Threads, each with a row to itself, of a workgroup.
const ROWS_PER_WORKGROUP: usize = 16;

/// What becomes of a template: every placeholder and its value. Kernels that differ in any are different kernels, and each
/// is compiled when it is first launched.
#[derive(Clone)]
struct Kernel {
    name: &'static str,
    template: &'static str,
    /// How often the template's lines for rows and for columns are repeated.
    unrolled: [usize; 2],
    values: Vec<(&'static str, String)>,
    /// Templates that are put behind it.
    appended: Vec<&'static str>,
}

impl Kernel {
    fn new(name: &'static str, template: &'static str) -> Self {
        Self { name, template, unrolled: [1, 1], values: Vec::new(), appended: Vec::new() }
    }

    /// Repeats the lines with `$r` for every row of a tile, and those with `$c` for every column.
    fn unrolled(mut self, rows: usize, columns: usize) -> Self {
        self.unrolled = [rows, columns];
        self
    }

    /// Gives a placeholder its value.
    fn with(mut self, placeholder: &'static str, value: impl ToString) -> Self {
        self.values.push((placeholder, value.to_string()));
        self
    }

    /// Puts a template behind it.
    fn appended(mut self, template: &'static str) -> Self {
        self.appended.push(template);
        self
    }

    /// Lets the kernel call `activate` on an `element`.
    fn activated(self, activation: Activation, element: &str) -> Self {
        let number = match activation {
            Activation::None => 0,
            Activation::Gelu => 1,
            Activation::Relu => 2,
        };
        let kernel = self.appended(include_str!("activation.wgsl"));
        kernel.with("activation", number).with("element", element)
    }

    /// Lets the kernel go over rows, each with a workgroup, or else with a thread. Gives the number of workgroups for them.
    fn over_rows(self, rows: usize, by_workgroup: bool) -> (Self, usize) {
        let (helpers, threads, workgroups) = if by_workgroup {
            (include_str!("row_by_workgroup.wgsl"), THREADS_PER_ROW, rows)
        } else {
            (include_str!("row_by_thread.wgsl"), 1, rows.div_ceil(ROWS_PER_WORKGROUP))
        };
        (self.appended(helpers).with("threads", threads).with("workgroup", threads.max(ROWS_PER_WORKGROUP)), workgroups)
    }

    /// Runs the kernel on a grid. Its bindings are the inputs, an output of the given shape and its sizes.
    fn launch<const D: usize>(
        self,
        inputs: &[&CubeTensor],
        sizes: Sizes,
        shape: [usize; D],
        grid: Grid,
    ) -> Option<Tensor<D>> {
        self.run(inputs, sizes, shape, DType::F32, grid).map(Tensor::from_primitive::<CubeBackend>)
    }

    /// As [`launch`](Self::launch), with an output of any type.
    fn run<const D: usize>(
        self,
        inputs: &[&CubeTensor],
        sizes: Sizes,
        shape: [usize; D],
        dtype: DType,
        grid: Grid,
    ) -> Option<CubeTensor> {
        if shape.contains(&0) {
            return None;
        }
        let first = inputs.first()?;
        let (client, device) = (first.client.clone(), first.device.clone());
        // 4 GiB are all that wasm counts to.
        let bytes = shape.iter().try_fold(dtype.size(), |bytes, side| bytes.checked_mul(*side))?;
        let out = client.empty(bytes);
        let kernel = self.with("out_binding", inputs.len()).with("sizes_binding", inputs.len() + 1);
        for part in grid.parts() {
            if part.begins_a_submission()
                && let Err(error) = client.flush()
            {
                // Whoever reads the results will hear of it.
                log::error!("the device is lost: {error:?}");
            }
            let mut arguments = KernelArguments::new();
            for input in inputs {
                arguments = arguments.with_buffer(input.handle.clone().binding());
            }
            let info = MetadataBindingInfo::custom(sizes.words(part.first));
            arguments = arguments.with_buffer(out.clone().binding()).with_info(info);
            let [x, y, z] = part.workgroups;
            // The template names its own workgroup size.
            let source = SourceKernel::new(kernel.clone(), CubeDim::new_1d(1));
            client.launch(Box::new(source), CubeCount::Static(x, y, z), arguments);
        }
        Some(CubeTensor::new_contiguous(client, device, Shape::from(shape), out, dtype))
    }
}

/// What a kernel reads of its tensors' sizes when it runs, in the order of its `Sizes`: they are no part of its text, so that
/// it is compiled once for prompts of any number of points, and for all layers of a kind.
///
/// Every template's `Sizes` begins with `first`, three numbers: the grid's first workgroup.
struct Sizes(Vec<u32>);

impl Sizes {
    /// Numbers of 32 bits; `None` where one is larger.
    fn new<const N: usize>(sizes: [usize; N]) -> Option<Self> {
        Self(Vec::new()).and(sizes)
    }

    /// Appends numbers of 32 bits; `None` where one is larger.
    fn and<const N: usize>(mut self, sizes: [usize; N]) -> Option<Self> {
        for size in sizes {
            self.0.push(u32::try_from(size).ok()?);
        }
        Some(self)
    }

    /// Appends an f32.
    fn float(mut self, value: f64) -> Self {
        self.0.push((value as f32).to_bits());
        self
    }

    /// The words of the buffer where the grid begins with a workgroup.
    fn words(&self, first: [u32; 3]) -> Vec<u64> {
        let mut words: Vec<u32> = first.into_iter().chain(self.0.iter().copied()).collect();
        // A uniform buffer's size is a multiple of 16 bytes.
        words.resize(words.len().next_multiple_of(4), 0);
        let (pairs, _) = words.as_chunks::<2>();
        pairs.iter().map(|[low, high]| u64::from(*low) | u64::from(*high) << 32).collect()
    }
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let [rows, columns] = self.unrolled;
        // A value may itself speak of rows and columns.
        let filled = self.values.iter().fold(self.template.to_owned(), |text, (placeholder, value)| {
            if value.contains('$') { text.replace(&format!("{{{{{placeholder}}}}}"), value) } else { text }
        });
        let template = SourceTemplate::new(unroll(&unroll(&filled, "$r", rows), "$c", columns));
        let template = self.appended.iter().fold(template, |template, text| template.add_template(*text));
        self.values.iter().fold(template, |template, (placeholder, value)| template.register(*placeholder, value))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.name, self.unrolled, self.values.clone()))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Repeats every line that names `index`, once for each of its values.
fn unroll(text: &str, index: &str, count: usize) -> String {
    let mut unrolled = String::with_capacity(text.len());
    for line in text.lines() {
        let copies = if line.contains(index) { count } else { 1 };
        for i in 0..copies {
            unrolled.push_str(&line.replace(index, &i.to_string()));
            unrolled.push('\n');
        }
    }
    unrolled
}

/// A weight on the GPU, in row-major order; f16 where the checkpoint has it so, for its memory. Adapters without 16-bit
/// arithmetic know no other kernel for such a tensor: it is only ever lent to ours.
fn weight_on_gpu<const D: usize>(weight: &Tensor<D>) -> Option<CubeTensor> {
    let half = weight.clone().try_into_primitive::<CubeBackend>().ok().filter(|x| x.dtype() == DType::F16);
    half.filter(CubeTensor::is_contiguous).or_else(|| on_gpu(weight))
}

/// The tensor on the GPU, as it lies.
fn view<const D: usize>(x: &Tensor<D>) -> Option<CubeTensor> {
    x.clone().try_into_primitive::<CubeBackend>().ok().filter(|x| x.dtype() == DType::F32)
}

/// The tensor on the GPU, its elements in row-major order.
fn on_gpu<const D: usize>(x: &Tensor<D>) -> Option<CubeTensor> {
    view(x).map(into_contiguous)
}

/// Where the rows of all heads of a tensor `[batch, heads, rows, elements]` lie in a buffer, in vectors: from one batch, head
/// and row to the next, and their beginning.
type View = [usize; 4];

/// A tensor as it lies, if the elements of a row lie side by side, in vectors of so many.
fn as_it_lies(x: &Tensor<4>, vector: usize) -> Option<(CubeTensor, View)> {
    let x = view(x)?;
    let [batch, head, row, 1] = x.meta.strides()[..] else { return None };
    let is_aligned = [batch, head, row].iter().all(|stride| stride.is_multiple_of(vector));
    is_aligned.then(|| (x, [batch / vector, head / vector, row / vector, 0]))
}

/// As [`as_it_lies`], or else copied.
fn by_head(x: &Tensor<4>, vector: usize) -> Option<(CubeTensor, View)> {
    if let Some(lying) = as_it_lies(x, vector) {
        return Some(lying);
    }
    let [_, heads, rows, elements] = x.dims();
    let row = elements / vector;
    Some((on_gpu(x)?, [heads * rows * row, rows * row, row, 0]))
}

/// Is the tensor on a GPU?
pub fn is_on_gpu<const D: usize>(x: &Tensor<D>) -> bool {
    view(x).is_some()
}

/// Runs `work` for the kernels that it launches on a GPU: they are compiled and not run. Results are left unwritten, and the
/// memory of new tensors is only taken when something is computed with them.
pub fn compile<T>(work: impl FnOnce() -> T) -> T {
    let _dry_run = DryRun::new();
    work()
}

static SOFTWARE: AtomicBool = AtomicBool::new(false);

/// Says whether the adapter computes on the CPU, as SwiftShader does. Such an adapter pays for barriers and for memory
/// that threads share, but not for registers: it gets larger tiles. Results are the same.
pub fn set_software(software: bool) {
    SOFTWARE.store(software, Ordering::Relaxed);
}

/// See [`set_software`].
pub fn is_software() -> bool {
    // The tests of the operations are run once for each.
    let forced = cfg!(test) && std::env::var_os("BURN_SAM_SOFTWARE_TILES").is_some();
    forced || SOFTWARE.load(Ordering::Relaxed)
}
