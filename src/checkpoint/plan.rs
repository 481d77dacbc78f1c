//! Which tensors of a checkpoint make each of the model's parameters, and whether they are all there.
//!
//! PyTorch and our modules keep some weights differently; the kind of module decides what is done on the way:
//! linear layers are transposed, patch convolutions become matrices, batch norms are folded into their convolution.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use super::file::Checkpoint;
use super::report::Report;
use super::tensor::Element;
use super::{keys, report};
use crate::SamError;
use crate::error::{Misshapen, Unreadable};
use crate::model::config::EMBEDDING_STRIDE;

/// A tensor that a parameter is made of: its key in the original layout and the shapes it may have, the usual one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) key: String,
    pub(super) shapes: Vec<Vec<usize>>,
}

/// What a parameter's tensors become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The one tensor as it is.
    None,
    /// The weight of a linear layer, rows and columns swapped. `half`: only `ops::linear` reads it, so it may stay f16.
    Transpose { rows: usize, columns: usize, half: bool },
    /// Axes in another order.
    Permute { shape: [usize; 4], order: [usize; 4] },
    /// Weight of a batch norm, its variance, weight of the convolution before it; transposed where that is 1×1.
    FoldWeight { outputs: usize, transpose: Option<usize> },
    /// Weight of a batch norm, its variance, its bias, its mean.
    FoldBias,
    /// A table of position biases, spread over all pairs of a window's tokens.
    SpreadBiases { heads: usize, window: usize },
}

/// One of the model's parameters.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: ParamId,
    /// Number of values.
    pub(super) length: usize,
    pub(super) parts: Vec<Part>,
    pub(super) change: Change,
}

/// Every parameter of a model whose weights are not there yet, in the order of its modules.
pub(super) fn slots<M: Module>(module: &M) -> Vec<Slot> {
    let mut planner = Planner::default();
    module.visit(&mut planner);
    planner.slots
}

#[derive(Default)]
struct Planner {
    path: Vec<String>,
    kinds: Vec<String>,
    slots: Vec<Slot>,
}

impl ModuleVisitor for Planner {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.into());
        self.kinds.push(container_type.trim_start_matches("Struct:").into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.kinds.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.lazy_shape().to_vec();
        let kind = self.kinds.last().map(String::as_str).unwrap_or_default();
        let (parts, change) = recipe(kind, keys::key(&self.path), &shape);
        self.slots.push(Slot { id: param.id, length: shape.iter().product(), parts, change });
    }
}

/// The tensors of a parameter in a module of the given kind.
fn recipe(kind: &str, key: String, shape: &[usize]) -> (Vec<Part>, Change) {
    let is_weight = key.ends_with(".weight");
    match (kind, shape) {
        ("Linear", [input, output]) if is_weight => {
            let shapes = vec![vec![*output, *input], vec![*output, *input, 1, 1]];
            // The decoder multiplies its weights with one another, too.
            let half = key.starts_with("image_encoder.");
            (vec![Part { key, shapes }], Change::Transpose { rows: *output, columns: *input, half })
        }
        ("PatchConv", [rows, output]) if is_weight => {
            let kernel = patch_kernel(&key);
            let shape = [*output, rows / (kernel * kernel), kernel, kernel];
            (vec![part(key, &shape)], Change::Permute { shape, order: [2, 3, 1, 0] })
        }
        ("PatchConvTranspose", [input, columns]) if is_weight => {
            let kernel = patch_kernel(&key);
            let shape = [*input, columns / (kernel * kernel), kernel, kernel];
            (vec![part(key, &shape)], Change::Permute { shape, order: [0, 2, 3, 1] })
        }
        ("PointwiseNorm" | "ConvNorm", _) => folded(&key, shape),
        ("Attention", [heads, tokens, _]) if key.ends_with(".attention_biases") => {
            let change = Change::SpreadBiases { heads: *heads, window: tokens.isqrt() };
            (vec![part(key, &[*heads, *tokens])], change)
        }
        _ => (vec![part(key, shape)], Change::None),
    }
}

/// Weight or bias of a convolution with the batch norm behind it: `y = (w·x − mean) · g / √(var + ε) + b`.
fn folded(key: &str, shape: &[usize]) -> (Vec<Part>, Change) {
    let module = key.rsplit_once('.').map_or(key, |(module, _)| module);
    let parts = |names: &[&str], outputs: usize| -> Vec<Part> {
        names.iter().map(|name| part(format!("{module}.bn.{name}"), &[outputs])).collect()
    };
    let weight = |outputs: usize, stored: &[usize]| {
        let mut parts = parts(&["weight", "running_var"], outputs);
        parts.push(part(format!("{module}.c.weight"), stored));
        parts
    };
    match shape {
        [input, outputs] => {
            let change = Change::FoldWeight { outputs: *outputs, transpose: Some(*input) };
            (weight(*outputs, &[*outputs, *input, 1, 1]), change)
        }
        [outputs, _, _, _] => (weight(*outputs, shape), Change::FoldWeight { outputs: *outputs, transpose: None }),
        _ => {
            let outputs = shape.iter().product();
            (parts(&["weight", "running_var", "bias", "running_mean"], outputs), Change::FoldBias)
        }
    }
}

fn part(key: impl Into<String>, shape: &[usize]) -> Part {
    Part { key: key.into(), shapes: vec![shape.to_vec()] }
}

/// Side of the kernel of a convolution whose stride is its kernel: a patch of the image, or the decoder's steps of two.
fn patch_kernel(key: &str) -> usize {
    if key.starts_with("image_encoder.") { EMBEDDING_STRIDE } else { 2 }
}

/// Every tensor the model needs, once, by key.
pub(super) fn needed(slots: &[Slot]) -> BTreeMap<&str, &Part> {
    slots.iter().flat_map(|slot| &slot.parts).map(|part| (part.key.as_str(), part)).collect()
}

/// Compares the checkpoint's tensors with the model's; nothing of them is read.
///
/// # Errors
/// [`SamError::BadCheckpoint`] with every tensor that is missing, misshapen, unreadable or not part of the model.
pub(super) fn check(slots: &[Slot], checkpoint: &Checkpoint<'_>) -> Result<(), SamError> {
    let needed = needed(slots);
    let mut report = Report::default();
    for (key, part) in &needed {
        let name = checkpoint.name(key);
        let Some(found) = checkpoint.tensor(key) else {
            report.faults.missing.push(name);
            continue;
        };
        if !part.shapes.contains(&found.shape) {
            let expected = part.shapes.first().cloned().unwrap_or_default();
            report.faults.misshapen.push(Misshapen { key: name, found: found.shape.clone(), expected });
        } else if let Element::Other(dtype) = &found.element {
            report.faults.unreadable.push(Unreadable { key: name, dtype: dtype.clone() });
        }
    }
    let extra = checkpoint.keys().filter(|key| !needed.contains_key(key) && !keys::is_ignored(key));
    let extra = extra.map(|key| checkpoint.name(key)).chain(checkpoint.unknown().iter().cloned());
    report.faults.extra = extra.collect::<BTreeSet<_>>().into_iter().collect();
    report.known = needed.values().map(|part| report::known(checkpoint.name(&part.key), &part.shapes)).collect();
    report.finish()
}
