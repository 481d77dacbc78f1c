//! Single operations, timed: for the benches only, which build a module with the feature `bench`.

use burn::tensor::{Device, Distribution, Tensor};
use wasm_bindgen::prelude::wasm_bindgen;

use super::device;
use super::error::JsResult;
use crate::SamError;
use crate::ops::{self, Activation, Order};

/// A product of two random matrices, `[rows, inner]` and `[inner, columns]`.
#[wasm_bindgen]
pub struct MatmulBench {
    left: Tensor<2>,
    right: Tensor<2>,
    constant: bool,
}

#[wasm_bindgen]
impl MatmulBench {
    /// Puts the matrices onto the device. `constant`: the right one is a layer's weight. `software`: the adapter computes
    /// on the CPU.
    pub async fn prepare(
        rows: usize,
        inner: usize,
        columns: usize,
        constant: bool,
        software: bool,
    ) -> JsResult<MatmulBench> {
        let device: Device = device::init(software).await?;
        let random = |shape: [usize; 2]| Tensor::random(shape, Distribution::Uniform(-0.5, 0.5), &device);
        Ok(Self { left: random([rows, inner]), right: random([inner, columns]), constant })
    }

    /// One product. The promise waits for the device, for which one number is read back.
    pub async fn run(&self) -> JsResult<()> {
        let (left, right) = (self.left.clone(), self.right.clone());
        let [_, columns] = right.dims();
        let product = if self.constant {
            ops::linear(left, right, None, Activation::None)
        } else {
            let product = ops::matmul(left.unsqueeze(), right.unsqueeze(), None, Activation::None, Order::ByHead);
            product.reshape([-1, columns as i32])
        };
        let probe = product.slice([0..1, 0..1]).into_data_async().await;
        probe.map_err(|error| SamError::DeviceLost { reason: format!("{error:?}") })?;
        Ok(())
    }
}
