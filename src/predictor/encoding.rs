//! An image on its way through the encoder.

use burn::tensor::Tensor;

use super::{ImageEmbedding, Predictor, read};
use crate::SamError;
use crate::geometry::Geometry;

/// An image on its way through the encoder, one step at a time.
#[derive(Debug)]
pub struct Encoding {
    predictor: Predictor,
    geometry: Geometry,
    state: Tensor<4>,
    step: usize,
}

impl Encoding {
    pub(super) fn new(predictor: Predictor, input: Tensor<4>, geometry: Geometry) -> Self {
        Self { predictor, geometry, state: input, step: 0 }
    }

    /// Steps done.
    pub fn done(&self) -> usize {
        self.step
    }

    /// Steps in all.
    pub fn total(&self) -> usize {
        self.predictor.model.sam.image_encoder().steps()
    }

    /// One step of the encoder; true after the last.
    pub fn step(&mut self) -> bool {
        if self.step < self.total() {
            self.state = self.predictor.model.sam.image_encoder().forward_step(self.step, self.state.clone());
            self.step += 1;
        }
        self.step == self.total()
    }

    /// Waits until the device has done the steps asked for so far: a device with a queue would otherwise be given
    /// the whole encoder at once, with no way to stop it.
    ///
    /// # Errors
    /// [`SamError::DeviceLost`].
    pub async fn settle(&self) -> Result<(), SamError> {
        read(self.probe()).await.map(drop)
    }

    /// One value of the state.
    pub(super) fn probe(&self) -> Tensor<4> {
        self.state.clone().slice([0..1, 0..1, 0..1, 0..1])
    }

    /// The embedding; runs the steps that are left.
    pub fn run(mut self) -> ImageEmbedding {
        while !self.step() {}
        ImageEmbedding::new(self.predictor, self.state, self.geometry)
    }
}
