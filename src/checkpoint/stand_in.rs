//! A model without its weights: what compiles a GPU's kernels while a checkpoint is still on its way.

use std::collections::HashSet;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{DType, Device, Tensor};

use super::{Layout, LoadedModel, Precision, check_biases, plan, weights};
use crate::error::CheckpointFault;
use crate::model::{Sam, SamConfig};
use crate::{SamError, ops};

/// A model of this shape on memory that nobody has written to, whose kernels are those of the model itself: of a released
/// one, whose files have their weights in f32. On a GPU that memory is only taken where something is computed with it.
///
/// # Errors
/// [`SamError::BadCheckpoint`] where no model can have this shape.
pub fn stand_in(config: SamConfig, precision: Precision, device: &Device) -> Result<LoadedModel, SamError> {
    SamConfig::check(&config).map_err(CheckpointFault::model)?;
    check_biases(&config)?;
    let sam = config.init(device);
    let is_half = |slot: &plan::Slot| precision == Precision::F16 && weights::may_be_half(slot.change);
    let halves = plan::slots(&sam).into_iter().filter(is_half).map(|slot| slot.id).collect();
    Ok(fill(sam, config, halves, device))
}

/// Gives every parameter memory, `halves` for f16.
pub(super) fn fill(sam: Sam, config: SamConfig, halves: HashSet<ParamId>, device: &Device) -> LoadedModel {
    let precision = if halves.is_empty() { Precision::F32 } else { Precision::F16 };
    let sam = ops::compile(|| sam.map(&mut Blank { halves, device }));
    LoadedModel {
        sam,
        config,
        name: String::new(),
        layout: Layout::BurnSam,
        parameters: 0,
        bytes: 0,
        precision,
        hash: [0; 32],
    }
}

struct Blank<'a> {
    halves: HashSet<ParamId>,
    device: &'a Device,
}

impl ModuleMapper for Blank<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape: [usize; D] = param.lazy_shape().dims();
        let dtype = if self.halves.contains(&param.id) { DType::F16 } else { DType::F32 };
        // Shaped as weights are: kernels may differ by how a tensor lies.
        let memory = Tensor::<1>::empty([shape.iter().product::<usize>()], (self.device, dtype));
        Param::initialized(param.id, memory.reshape(shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::name;

    #[test]
    fn released_models_have_their_shape() {
        for released in ["mobile-sam", "sam-vit-b", "sam-vit-l", "sam-vit-h"] {
            let config = SamConfig::released(released).unwrap();
            SamConfig::check(&config).unwrap();
            assert_eq!(name(&config), released);
        }
        assert_eq!(SamConfig::released("tiny"), None);
    }
}
