//! The few hot operations. Each has a definition in plain burn; faster kernels are tested against it.
//! Nothing in this layer knows of SAM.

mod activation;
mod add;
mod attention;
mod conv;
#[cfg(feature = "cpu")]
mod cpu;
#[cfg(feature = "webgpu")]
mod gpu;
mod linear;
mod matmul;
mod norm;
mod rows;
mod softmax;
#[cfg(test)]
pub(crate) mod testing;
mod upsample;
mod window;

pub use activation::Activation;
pub use add::add;
pub use attention::{Bias, MAX_HEAD_DIM, Packing, attention, self_attention};
pub use conv::{conv3x3, depthwise_conv3x3};
#[cfg(feature = "webgpu")]
pub use gpu::{compile, is_on_gpu, is_software, set_software};
pub use linear::linear;
pub use matmul::{Order, matmul};
pub use norm::layer_norm;
pub use rows::{concat_rows, from_values, select_rows};
pub use softmax::softmax;
pub use upsample::{Bilinear, Upsampling};
pub use window::{window_partition, window_unpartition};

/// Is the tensor on a GPU? Here is none.
#[cfg(not(feature = "webgpu"))]
pub fn is_on_gpu<const D: usize>(_x: &burn::tensor::Tensor<D>) -> bool {
    false
}

/// Does the tensors' adapter compute on the CPU? Here is none.
#[cfg(not(feature = "webgpu"))]
pub fn is_software() -> bool {
    false
}

/// Runs `work` for the kernels that it launches on a GPU. Here is none.
#[cfg(not(feature = "webgpu"))]
pub fn compile<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Whether every tensor that a model has is taken by a kernel: a module for browsers has no other device than its own, and the
/// definitions would be a good part of what a visitor downloads. `SamConfig::check` sees to it that no model has others: heads
/// too wide, sizes of zero, results too large.
const HAS_ALL_KERNELS: bool = cfg!(all(target_arch = "wasm32", any(feature = "cpu", feature = "webgpu")));

/// Called where no kernel took the tensors.
#[inline(always)]
fn before_definition(operation: &str) {
    if HAS_ALL_KERNELS {
        panic!("{operation} has no kernel for these tensors");
    }
}

/// Returns what the kernel of the tensors' device gives, if it has one.
macro_rules! backend {
    ($kernel:ident($($argument:expr),*)) => {
        #[cfg(feature = "cpu")]
        if let Some(out) = crate::ops::cpu::$kernel($($argument),*) {
            #[cfg(test)]
            crate::ops::testing::kernel_used();
            return out;
        }
        #[cfg(feature = "webgpu")]
        if let Some(out) = crate::ops::gpu::$kernel($($argument),*) {
            #[cfg(test)]
            crate::ops::testing::kernel_used();
            return out;
        }
        crate::ops::before_definition(stringify!($kernel));
    };
}
use backend;
