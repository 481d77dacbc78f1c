//! The device of this module: WebGPU or the CPU, by Cargo feature.

#[cfg(all(feature = "cpu", feature = "webgpu"))]
compile_error!("a wasm module has one device: build with `--no-default-features` and either `cpu` or `webgpu`");
#[cfg(not(any(feature = "cpu", feature = "webgpu")))]
compile_error!("a wasm module needs a device: enable the feature `cpu` or `webgpu`");

use burn::tensor::Device;

use crate::SamError;

/// The device's name in the JavaScript API.
pub(super) const NAME: &str = if cfg!(feature = "webgpu") { "webgpu" } else { "cpu" };

#[cfg(feature = "cpu")]
pub(super) async fn init(_software: bool) -> Result<Device, SamError> {
    Ok(Device::flex())
}

/// Acquired once: the runtime cannot be initialised twice in one module. `software`: the adapter computes on the CPU.
#[cfg(feature = "webgpu")]
pub(super) async fn init(software: bool) -> Result<Device, SamError> {
    use std::cell::RefCell;

    crate::ops::set_software(software);

    thread_local! {
        static DEVICE: RefCell<Option<Device>> = const { RefCell::new(None) };
    }
    if let Some(device) = DEVICE.with_borrow(Clone::clone) {
        return Ok(device);
    }
    let device =
        Device::wgpu_options().init_async().await.map_err(|error| SamError::NoWebGpu { reason: error.to_string() })?;
    DEVICE.with_borrow_mut(|slot| *slot = Some(device.clone()));
    Ok(device)
}
