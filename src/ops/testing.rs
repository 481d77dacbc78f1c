//! What the tests of the operations share.

use std::cell::Cell;

use burn::tensor::{Device, Distribution, Tensor};

/// Every device this build has kernels for.
pub fn devices() -> Vec<Device> {
    vec![
        #[cfg(feature = "cpu")]
        Device::flex(),
        #[cfg(feature = "webgpu")]
        Device::wgpu(Default::default()),
    ]
}

/// The CPU, for operations that only it has a kernel of.
pub fn cpu() -> Vec<Device> {
    vec![
        #[cfg(feature = "cpu")]
        Device::flex(),
    ]
}

/// The GPU, for operations that only it has a kernel of.
pub fn gpu() -> Vec<Device> {
    vec![
        #[cfg(feature = "webgpu")]
        Device::wgpu(Default::default()),
    ]
}

thread_local! {
    static KERNELS_USED: Cell<usize> = const { Cell::new(0) };
}

/// Counts a result that came from a kernel and not from a definition.
pub fn kernel_used() {
    KERNELS_USED.set(KERNELS_USED.get() + 1);
}

/// What a call gives; fails where no kernel had a part in it, for then a definition would be compared with itself.
pub fn by_kernel<T>(call: impl FnOnce() -> T) -> T {
    let before = KERNELS_USED.get();
    let out = call();
    assert!(KERNELS_USED.get() > before, "no kernel was used");
    out
}

/// Values in −1 .. 1.
pub fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device)
}

/// Fails where two tensors differ by more than `tolerance` of the greatest value. Kernels sum in another order than the
/// definition, and their erf has an error of 4e-7 of its own.
pub fn assert_close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, tolerance: f32) {
    assert_eq!(found.dims(), expected.dims());
    let scale = expected.clone().abs().max().into_scalar::<f32>().max(1e-3);
    let error = (found - expected).abs().max().into_scalar::<f32>() / scale;
    assert!(error <= tolerance, "differs by {error:e} of the greatest value");
}
