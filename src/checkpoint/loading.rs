//! A checkpoint on its way into a model, parameter by parameter.

use std::collections::HashMap;
use std::io::{Read, Seek};

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Device, Element as BurnElement, Tensor};

use super::file::Checkpoint;
use super::layout::Layout;
use super::plan::{self, Part, Slot};
use super::tensor::Element;
use super::weights::{self, Values};
use super::{LoadedModel, check_biases, infer, stand_in};
use crate::error::CheckpointFault;
use crate::model::{Sam, SamConfig};
use crate::{SamError, ops};

/// A checkpoint on its way into a model, one parameter at a time: the file is never in memory as a whole, and what is
/// there besides the weights is the tensor that is being read.
pub struct Loading<'a> {
    checkpoint: Checkpoint<'a>,
    config: SamConfig,
    sam: Sam,
    device: Device,
    slots: Vec<Slot>,
    loaded: Loader,
    precision: Precision,
    /// Whether so many weights that f16 is worth its price.
    large: bool,
    /// Parameters kept in f16.
    halves: usize,
    bytes: u64,
    next: usize,
}

/// How the weights of the encoder's linear layers, which are nearly all of a large model, are kept. The arithmetic is in f32
/// in any case, so no input can overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// In f16 where the file has them so and the model is large: half the memory, and not a bit of difference in the
    /// answers (but that a GPU may take numbers below 6·10⁻⁵ for zero). A small model is widened: packing halves takes a little longer.
    #[default]
    Auto,
    /// In f32.
    F32,
    /// In f16, rounded where the file has f32: half the memory.
    F16,
}

/// Weights of this size in f32 are large.
const LARGE: usize = 64 << 20;

/// A model with its weights.
#[derive(Debug)]
pub struct Loaded {
    /// The model on its device.
    pub sam: Sam,
    /// Its shape.
    pub config: SamConfig,
    /// How the file names its tensors.
    pub layout: Layout,
    /// Number of weights in the checkpoint.
    pub parameters: usize,
    /// Size of the weights on the device.
    pub bytes: u64,
    /// How the weights of the encoder's linear layers are kept: [`Precision::F32`] or [`Precision::F16`].
    pub precision: Precision,
}

impl<'a> Loading<'a> {
    /// Reads what the file says of its tensors and compares it with the model; of the tensors nothing is read yet.
    ///
    /// # Errors
    /// [`SamError::BadCheckpoint`] names what is missing, unknown or misshapen.
    pub fn begin(source: impl Read + Seek + 'a, device: &Device) -> Result<Self, SamError> {
        let checkpoint = Checkpoint::open(source)?;
        let config = config(&checkpoint)?;
        let sam = config.init(device);
        let slots = plan::slots(&sam);
        plan::check(&slots, &checkpoint)?;
        let elements = |key: &&str| checkpoint.tensor(key).map_or(0, |info| info.shape.iter().product::<usize>());
        let large = plan::needed(&slots).keys().map(elements).sum::<usize>() > LARGE / size_of::<f32>();
        let loaded = Loader { tensors: HashMap::with_capacity(slots.len()) };
        let (device, precision) = (device.clone(), Precision::default());
        Ok(Self { checkpoint, config, sam, device, slots, loaded, precision, large, halves: 0, bytes: 0, next: 0 })
    }

    /// How to keep the weights that are loaded from now on.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Parameters loaded.
    pub fn done(&self) -> usize {
        self.next
    }

    /// Parameters in all.
    pub fn total(&self) -> usize {
        self.slots.len()
    }

    /// Size of the weights loaded so far, on the device.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Loads one parameter; true after the last.
    ///
    /// # Errors
    /// [`SamError::BadCheckpoint`] where the file cannot be read, [`SamError::OutOfMemory`].
    pub fn step(&mut self) -> Result<bool, SamError> {
        if let Some(slot) = self.slots.get(self.next) {
            let half = self.keeps_half(slot);
            let key = |number: usize| slot.parts.get(number).map(|part| part.key.as_str()).unwrap_or_default();
            let values = weights::make(slot.change, slot.length, half, |number| self.checkpoint.stored(key(number)))?;
            self.bytes += values.bytes();
            self.halves += usize::from(matches!(values, Values::F16(_)));
            self.loaded.tensors.insert(slot.id, upload(values, &self.device)?);
            self.next += 1;
        }
        Ok(self.next == self.slots.len())
    }

    /// Whether a parameter is kept in f16, if its values are none too large for it.
    fn keeps_half(&self, slot: &Slot) -> bool {
        let is_half = |part: &Part| self.checkpoint.tensor(&part.key).is_some_and(|info| info.element == Element::F16);
        weights::may_be_half(slot.change)
            && match self.precision {
                Precision::Auto => self.large && slot.parts.first().is_some_and(is_half),
                Precision::F32 => false,
                Precision::F16 => true,
            }
    }

    /// The model as it will be, on memory instead of weights: see [`stand_in`](super::stand_in()).
    pub fn stand_in(self) -> LoadedModel {
        let halves = self.slots.iter().filter(|slot| self.keeps_half(slot)).map(|slot| slot.id).collect();
        stand_in::fill(self.sam, self.config, halves, &self.device)
    }

    /// Waits until the device has taken what was loaded so far: the copies of a browser's queue take memory, too.
    ///
    /// # Errors
    /// [`SamError::DeviceLost`].
    pub async fn settle(&self) -> Result<(), SamError> {
        // What is written after the weights can only be read back after them.
        crate::predictor::read(on_device(vec![0.0f32], &self.device)).await.map(drop)
    }

    /// The model; loads the parameters that are left.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn finish(mut self) -> Result<Loaded, SamError> {
        while !self.step()? {}
        let shape = |key: &str| Some(self.checkpoint.tensor(key)?.shape.iter().product::<usize>());
        let parameters = plan::needed(&self.slots).keys().filter_map(|key| shape(key)).sum();
        let (layout, bytes) = (self.checkpoint.layout(), self.bytes);
        let precision = if self.halves > 0 { Precision::F16 } else { Precision::F32 };
        Ok(Loaded { sam: self.sam.map(&mut self.loaded), config: self.config, layout, parameters, bytes, precision })
    }
}

/// The model's shape, as the file says it or as its tensors show it.
pub(super) fn config(checkpoint: &Checkpoint<'_>) -> Result<SamConfig, SamError> {
    let config = match checkpoint.config() {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| CheckpointFault::model(format!("its config is not readable: {error}")))?,
        None => infer::config(checkpoint)?,
    };
    SamConfig::check(&config).map_err(CheckpointFault::model)?;
    check_biases(&config)?;
    Ok(config)
}

impl Values {
    fn bytes(&self) -> u64 {
        match self {
            Self::F32(values) => size_of_val(values.as_slice()) as u64,
            Self::F16(values) => size_of_val(values.as_slice()) as u64,
        }
    }
}

/// On the device, in a piece of memory of its own.
fn upload(values: Values, device: &Device) -> Result<Tensor<1>, SamError> {
    let tensor = device.memory_persistent_allocations(values, |values| match values {
        Values::F32(values) => on_device(values, device),
        Values::F16(values) => on_device(values, device),
    });
    // A queue would keep dozens of tensors before it sends the first.
    device.flush().map_err(|error| SamError::DeviceLost { reason: format!("{error:?}") })?;
    Ok(tensor)
}

fn on_device<E: BurnElement>(values: Vec<E>, device: &Device) -> Tensor<1> {
    let length = values.len();
    ops::from_values(values, [length], device)
}

/// Puts loaded parameters into their modules.
struct Loader {
    tensors: HashMap<ParamId, Tensor<1>>,
}

impl ModuleMapper for Loader {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.tensors.remove(&param.id) {
            Some(tensor) => {
                let shape: [usize; D] = param.lazy_shape().dims();
                Param::initialized(param.id, tensor.reshape(shape))
            }
            None => param,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{assert_close, devices, random};

    /// The built-in model's file is in f16. What stays so gives what its values in f32 give.
    #[test]
    fn halves_change_nothing_but_the_memory() {
        let file =
            || std::fs::File::open(format!("{}/pkg/models/tiny.safetensors", env!("CARGO_MANIFEST_DIR"))).unwrap();
        for device in devices() {
            let [wide, half] = [Precision::Auto, Precision::F16].map(|precision| {
                let mut loading = Loading::begin(file(), &device).unwrap().with_precision(precision);
                assert!(!loading.large);
                while !loading.step().unwrap() {}
                crate::block_on(loading.settle()).unwrap();
                loading.finish().unwrap()
            });
            assert_eq!([wide.precision, half.precision], [Precision::F32, Precision::F16]);
            // Most of the rest are position biases, which the loader spreads.
            assert!(half.bytes + 3_000_000 < wide.bytes, "{} of {} bytes", half.bytes, wide.bytes);
            let side = wide.config.image_size();
            let image = random([1, side, side, 3], &device);
            let expected = wide.sam.image_encoder().forward(image.clone());
            assert_close(half.sam.image_encoder().forward(image), expected, 0.0);
        }
    }

    /// Weights of a file in f32 are rounded to the eleven bits of f16: each by at most 2⁻¹¹ of itself, the sums by less.
    #[test]
    fn f16_rounds_weights_and_f32_does_not() {
        let root = env!("CARGO_MANIFEST_DIR");
        for (name, device) in
            ["vit", "tiny_vit"].into_iter().flat_map(|name| devices().into_iter().map(move |d| (name, d)))
        {
            let [wide, half] = [Precision::F32, Precision::F16].map(|precision| {
                let file = std::fs::File::open(format!("{root}/tests/fixtures/{name}.safetensors")).unwrap();
                Loading::begin(file, &device).unwrap().with_precision(precision).finish().unwrap()
            });
            assert_eq!([wide.precision, half.precision], [Precision::F32, Precision::F16]);
            assert!(half.bytes < wide.bytes);
            let side = wide.config.image_size();
            let image = random([1, side, side, 3], &device);
            let expected = wide.sam.image_encoder().forward(image.clone());
            let found = half.sam.image_encoder().forward(image);
            assert!((found.clone() - expected.clone()).abs().max().into_scalar::<f32>() > 0.0, "nothing was rounded");
            assert_close(found, expected, 2e-3);
        }
    }
}
