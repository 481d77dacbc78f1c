//! What the tests of the operations share.

use std::cell::Cell;

use burn::tensor::{Device, Tensor, TensorData};

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

thread_local! {
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// Values in −1 .. 1, others at every call of a test and the same in every run of it (SplitMix64,
/// <https://doi.org/10.1145/2714064.2660195>).
pub fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let draw = || {
        let state = DRAWN.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        DRAWN.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The upper 24 bits are all that an f32 holds.
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = std::iter::repeat_with(draw).take(shape.iter().product()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Fails where two tensors differ by more than `tolerance` of the greatest value. Kernels sum in another order than the
/// definition, and their erf has an error of 4e-7 of its own.
pub fn assert_close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, tolerance: f32) {
    assert_eq!(found.dims(), expected.dims());
    let scale = expected.clone().abs().max().into_scalar::<f32>().max(1e-3);
    let error = (found - expected).abs().max().into_scalar::<f32>() / scale;
    assert!(error <= tolerance, "differs by {error:e} of the greatest value");
}
