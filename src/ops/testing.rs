//! What the tests of the operations share.

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
