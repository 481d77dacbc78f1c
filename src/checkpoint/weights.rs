//! Puts a checkpoint's tensors into the modules, parameter by parameter.
//!
//! PyTorch and our modules keep some weights differently; the kind of module decides what is done on the way:
//! linear layers are transposed, patch convolutions become matrices, batch norms are folded into their convolution.

use std::collections::HashSet;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::keys;
use super::safetensors::Checkpoint;
use crate::SamError;
use crate::error::{CheckpointFault, Misshapen, TensorFaults};
use crate::model::common::EPS_TORCH;
use crate::model::config::EMBEDDING_STRIDE;

/// The module with its weights, and how many the checkpoint has for it.
pub(super) fn load<M: Module>(module: M, checkpoint: &Checkpoint<'_>, device: &Device) -> Result<(M, usize), SamError> {
    let mut loader = Loader {
        checkpoint,
        device,
        path: Vec::new(),
        kinds: Vec::new(),
        used: HashSet::new(),
        faults: TensorFaults::default(),
    };
    let module = module.map(&mut loader);
    let Loader { used, mut faults, .. } = loader;
    faults.extra = checkpoint
        .keys()
        .into_iter()
        .filter(|key| !used.contains(*key) && !keys::is_ignored(key))
        .map(String::from)
        .collect();
    faults.extra.sort_unstable();
    if !faults.is_empty() {
        return Err(SamError::BadCheckpoint(CheckpointFault::Tensors(faults)));
    }
    let elements = |key: &String| checkpoint.shape(key).map_or(0, |shape| shape.iter().product());
    let parameters = used.iter().map(elements).sum();
    Ok((module, parameters))
}

struct Loader<'a> {
    checkpoint: &'a Checkpoint<'a>,
    device: &'a Device,
    path: Vec<String>,
    kinds: Vec<String>,
    used: HashSet<String>,
    faults: TensorFaults,
}

/// Values of a tensor and their shape.
struct Values {
    data: Vec<f32>,
    shape: Vec<usize>,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.into());
        self.kinds.push(container_type.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.kinds.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape().to_vec();
        match self.values(&shape) {
            Some(data) => {
                let tensor = Tensor::from_data(TensorData::new(data, shape), self.device);
                Param::initialized(param.id, tensor)
            }
            None => param,
        }
    }
}

impl Loader<'_> {
    /// The values of the parameter at the current path in our layout; `None` where a fault was noted.
    fn values(&mut self, shape: &[usize]) -> Option<Vec<f32>> {
        let key = keys::key(&self.path);
        let kind = self.kinds.last().map(|kind| kind.trim_start_matches("Struct:").to_owned()).unwrap_or_default();
        let is_weight = key.ends_with(".weight");
        match kind.as_str() {
            "Linear" if is_weight => {
                let [input, output] = *shape else { return None };
                let values = self.read(&key, &[&[output, input], &[output, input, 1, 1]])?;
                Some(transpose(&values.data, output, input))
            }
            "PatchConv" if is_weight => {
                let [rows, output] = *shape else { return None };
                let kernel = patch_kernel(&key);
                let values = self.read(&key, &[&[output, rows / (kernel * kernel), kernel, kernel]])?;
                Some(permute(&values, [2, 3, 1, 0]))
            }
            "PatchConvTranspose" if is_weight => {
                let [input, columns] = *shape else { return None };
                let kernel = patch_kernel(&key);
                let values = self.read(&key, &[&[input, columns / (kernel * kernel), kernel, kernel]])?;
                Some(permute(&values, [0, 2, 3, 1]))
            }
            "PointwiseNorm" | "ConvNorm" => self.folded(&key, shape),
            "Attention" if key.ends_with(".attention_biases") => {
                let [heads, tokens, _] = *shape else { return None };
                let window = tokens.isqrt();
                let values = self.read(&key, &[&[heads, tokens]])?;
                Some(spread_biases(&values.data, heads, window))
            }
            _ => Some(self.read(&key, &[shape])?.data),
        }
    }

    /// Weight or bias of a convolution with the batch norm behind it: `y = (w·x − mean) · g / √(var + ε) + b`.
    fn folded(&mut self, key: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let (module, name) = key.rsplit_once('.')?;
        let outputs = if name == "bias" || shape.len() == 4 { shape[0] } else { shape[1] };
        let [gain, variance] =
            ["weight", "running_var"].map(|name| self.read(&format!("{module}.bn.{name}"), &[&[outputs]]));
        let (gain, variance) = (gain?, variance?);
        let scales: Vec<f32> =
            gain.data.iter().zip(&variance.data).map(|(g, v)| g / (v + EPS_TORCH as f32).sqrt()).collect();
        if name == "bias" {
            let [shift, mean] =
                ["bias", "running_mean"].map(|name| self.read(&format!("{module}.bn.{name}"), &[&[outputs]]));
            let (shift, mean) = (shift?, mean?);
            return Some(shift.data.iter().zip(&mean.data).zip(&scales).map(|((b, m), s)| b - m * s).collect());
        }
        let pointwise = shape.len() == 2;
        let stored = if pointwise { vec![outputs, shape[0], 1, 1] } else { shape.to_vec() };
        let mut values = self.read(&format!("{module}.c.weight"), &[&stored])?;
        let per_output = values.data.len() / outputs.max(1);
        for (weights, scale) in values.data.chunks_mut(per_output.max(1)).zip(&scales) {
            weights.iter_mut().for_each(|w| *w *= scale);
        }
        Some(if pointwise { transpose(&values.data, outputs, shape[0]) } else { values.data })
    }

    /// A tensor of one of the given shapes.
    fn read(&mut self, key: &str, shapes: &[&[usize]]) -> Option<Values> {
        let Some(found) = self.checkpoint.shape(key) else {
            note(&mut self.faults.missing, key.into());
            return None;
        };
        self.used.insert(key.into());
        if !shapes.contains(&found.as_slice()) {
            let expected = shapes.first().map(|shape| shape.to_vec()).unwrap_or_default();
            note(&mut self.faults.misshapen, Misshapen { key: key.into(), found, expected });
            return None;
        }
        match self.checkpoint.read(key)? {
            Ok(data) => Some(Values { data, shape: found }),
            Err(fault) => {
                note(&mut self.faults.unreadable, fault);
                None
            }
        }
    }
}

/// Weight and bias of a convolution ask for the same norm: what is wrong with it is said once.
fn note<T: PartialEq>(faults: &mut Vec<T>, fault: T) {
    if !faults.contains(&fault) {
        faults.push(fault);
    }
}

/// Side of the kernel of a convolution whose stride is its kernel: a patch of the image, or the decoder's steps of two.
fn patch_kernel(key: &str) -> usize {
    if key.starts_with("image_encoder.") { EMBEDDING_STRIDE } else { 2 }
}

fn transpose(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|i| data[i % rows * columns + i / rows]).collect()
}

/// Row-major values with their axes in another order.
fn permute(values: &Values, order: [usize; 4]) -> Vec<f32> {
    let mut strides = [1; 4];
    for axis in (0..3).rev() {
        strides[axis] = strides[axis + 1] * values.shape[axis + 1];
    }
    let [a, b, c, d] = order.map(|axis| (values.shape[axis], strides[axis]));
    let mut out = Vec::with_capacity(values.data.len());
    for i in 0..a.0 {
        for j in 0..b.0 {
            for k in 0..c.0 {
                out.extend((0..d.0).map(|l| values.data[i * a.1 + j * b.1 + k * c.1 + l * d.1]));
            }
        }
    }
    out
}

/// `[heads, window²]`, indexed by |Δy| · window + |Δx|, for every pair of tokens: `[heads, window², window²]`.
fn spread_biases(table: &[f32], heads: usize, window: usize) -> Vec<f32> {
    let tokens = window * window;
    let offset = |a: usize, b: usize| (a / window).abs_diff(b / window) * window + (a % window).abs_diff(b % window);
    let pairs = (0..heads).flat_map(|head| (0..tokens * tokens).map(move |i| (head, i / tokens, i % tokens)));
    pairs.map(|(head, a, b)| table[head * tokens + offset(a, b)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes() {
        assert_eq!(transpose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn permutes_axes() {
        let values = Values { data: (0..8).map(|i| i as f32).collect(), shape: vec![2, 1, 2, 2] };
        assert_eq!(permute(&values, [2, 3, 1, 0]), [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
    }

    #[test]
    fn biases_depend_on_the_distance_only() {
        let spread = spread_biases(&[0.0, 1.0, 2.0, 3.0], 1, 2);
        assert_eq!(spread[..4], [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(spread[12..], [3.0, 2.0, 1.0, 0.0]);
    }
}
