//! Kernels for the GPU, in WGSL.
//!
//! Each template is one kernel; here its placeholders get their values and it is launched. Every function gives `None`
//! where a tensor is not on the GPU or not f32, or its sizes are none the kernel is made for.

mod attention;
mod conv;
mod linear;
mod norm;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape, Tensor};
use burn_cubecl::cubecl::CubeCount;
use burn_cubecl::cubecl::prelude::KernelId;
use burn_cubecl::cubecl::server::KernelArguments;
use burn_wgpu::{CubeBackend, CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous};

pub(super) use self::attention::self_attention;
pub(super) use self::conv::{conv3x3, depthwise_conv3x3};
pub(super) use self::linear::{linear, matmul};
pub(super) use self::norm::layer_norm;
use super::Activation;

/// What becomes of a template: every placeholder and its value. Kernels that differ in any are different kernels.
#[derive(Clone)]
struct Kernel {
    name: &'static str,
    template: &'static str,
    /// How often the template's lines for rows and for columns are repeated.
    unrolled: [usize; 2],
    values: Vec<(&'static str, String)>,
    ends_in_activation: bool,
}

impl Kernel {
    fn new(name: &'static str, template: &'static str) -> Self {
        Self { name, template, unrolled: [1, 1], values: Vec::new(), ends_in_activation: false }
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

    /// Lets the kernel call `activate` on an `element`.
    fn activated(mut self, activation: Activation, element: &str) -> Self {
        self.ends_in_activation = true;
        let number = match activation {
            Activation::None => 0,
            Activation::Gelu => 1,
            Activation::Relu => 2,
        };
        self.with("activation", number).with("element", element)
    }

    /// Runs the kernel on a grid of workgroups. Its bindings are the inputs and, last, an output of the given shape.
    fn launch<const D: usize>(
        self,
        inputs: &[&CubeTensor],
        shape: [usize; D],
        workgroups: [usize; 3],
    ) -> Option<Tensor<D>> {
        if shape.contains(&0) {
            return None;
        }
        let first = inputs.first()?;
        let (client, device) = (first.client.clone(), first.device.clone());
        let [x, y, z] = workgroups.map(|count| u32::try_from(count).ok().filter(|count| *count <= MAX_WORKGROUPS));
        let count = CubeCount::Static(x?, y?, z?);
        let out = client.empty(shape.iter().product::<usize>() * size_of::<f32>());
        let mut arguments = KernelArguments::new();
        for input in inputs {
            arguments = arguments.with_buffer(input.handle.clone().binding());
        }
        arguments = arguments.with_buffer(out.clone().binding());
        // The template names its own workgroup size.
        let kernel = SourceKernel::new(self, CubeDim::new_1d(1));
        client.launch(Box::new(kernel), count, arguments);
        let out = CubeTensor::new_contiguous(client, device, Shape::from(shape), out, DType::F32);
        Some(Tensor::from_primitive::<CubeBackend>(out))
    }
}

/// Workgroups along one axis of a grid, by WebGPU's default limits.
const MAX_WORKGROUPS: u32 = 65_535;

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let [rows, columns] = self.unrolled;
        // A value may itself speak of rows and columns.
        let filled = self.values.iter().fold(self.template.to_owned(), |text, (placeholder, value)| {
            if value.contains('$') { text.replace(&format!("{{{{{placeholder}}}}}"), value) } else { text }
        });
        let template = SourceTemplate::new(unroll(&unroll(&filled, "$r", rows), "$c", columns));
        let template =
            if self.ends_in_activation { template.add_template(include_str!("activation.wgsl")) } else { template };
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

/// The tensor on the GPU, as it lies.
fn view<const D: usize>(x: &Tensor<D>) -> Option<CubeTensor> {
    x.clone().try_into_primitive::<CubeBackend>().ok().filter(|x| x.dtype() == DType::F32)
}

/// The tensor on the GPU, its elements in row-major order.
fn on_gpu<const D: usize>(x: &Tensor<D>) -> Option<CubeTensor> {
    view(x).map(into_contiguous)
}

/// A number as WGSL writes an f32.
fn float(value: f64) -> String {
    format!("{:e}f", value as f32)
}

static SOFTWARE: AtomicBool = AtomicBool::new(false);

/// Says whether the adapter computes on the CPU, as SwiftShader does. Such an adapter pays for barriers and for memory
/// that threads share, but not for registers: it gets larger tiles. Results are the same.
pub fn set_software(software: bool) {
    SOFTWARE.store(software, Ordering::Relaxed);
}

fn is_software() -> bool {
    SOFTWARE.load(Ordering::Relaxed)
}
