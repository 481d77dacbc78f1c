//! Single operations, timed: for the benches only, which build a module with the feature `bench`.

#[path = "../../benches/ops/subjects.rs"]
mod subjects;

use wasm_bindgen::prelude::wasm_bindgen;

use self::subjects::Subject;
use super::device;
use super::error::JsResult;
use crate::SamError;

/// An operation on random inputs.
#[wasm_bindgen]
pub struct OpBench(Subject);

#[wasm_bindgen]
impl OpBench {
    /// Puts its inputs onto the device; `undefined` if there is no such operation. `software`: the adapter computes on the
    /// CPU.
    pub async fn prepare(operation: &str, shape: Vec<usize>, software: bool) -> JsResult<Option<OpBench>> {
        let device = device::init(software).await?;
        Ok(Subject::prepare(operation, &shape, &device).map(Self))
    }

    /// Products and sums of one run.
    pub fn flop(&self) -> f64 {
        self.0.flop
    }

    /// One run. The promise waits for the device, for which one number is read back.
    pub async fn run(&self) -> JsResult<()> {
        let probe = self.0.run().slice_dim(0, 0..1).into_data_async().await;
        probe.map_err(|error| SamError::DeviceLost { reason: format!("{error:?}") })?;
        Ok(())
    }
}
