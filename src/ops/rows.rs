//! Tensors from values and from the rows of others: rows are what lies along the first axis.
//!
//! burn has all of these, for tensors of every type, quantised ones too, and with conversions between them: what that takes is
//! none of a browser's business.

use burn::tensor::{Device, Element, Int, Tensor, TensorData};

use super::backend;

/// A tensor of these values, f32 or f16.
pub fn from_values<E: Element, const D: usize>(values: Vec<E>, shape: [usize; D], device: &Device) -> Tensor<D> {
    let data = TensorData::new(values, shape);
    #[cfg(feature = "cpu")]
    if *device == Device::flex() {
        return super::cpu::from_data(data);
    }
    #[cfg(feature = "webgpu")]
    if let Some(device) = super::gpu::cube_device(device) {
        return super::gpu::from_data(data, &device);
    }
    super::before_definition("from_values");
    let dtype = data.dtype();
    Tensor::from_data(data, (device, dtype))
}

/// Some of the rows, in this order.
///
/// # Shapes
/// - x: `[rows, ...]`
/// - output: `[indices, ...]`
pub fn select_rows<const D: usize>(x: Tensor<D>, indices: &[usize]) -> Tensor<D> {
    backend!(select_rows(&x, indices));
    let numbers: Vec<i32> = indices.iter().map(|index| *index as i32).collect();
    let numbers = Tensor::<1, Int>::from_data(TensorData::new(numbers, [indices.len()]), &x.device());
    x.select(0, numbers)
}

/// The rows of all tensors, one after the other. At least one tensor.
///
/// # Shapes
/// - tensors: `[rows, ...]`, each with rows of the same shape
/// - output: `[all rows, ...]`
pub fn concat_rows<const D: usize>(tensors: Vec<Tensor<D>>) -> Tensor<D> {
    backend!(concat_rows(&tensors));
    Tensor::cat(tensors, 0)
}

#[cfg(test)]
mod tests {
    use burn::tensor::DType;
    use half::f16;

    use super::*;
    use crate::ops::testing::{assert_close, by_kernel, devices, random};

    #[test]
    fn values_are_kept_as_they_are() {
        for device in devices() {
            let values = vec![1.5, -2.0, 3.25, 0.0, f32::MAX, f32::MIN_POSITIVE];
            let found = from_values(values.clone(), [3, 2], &device);
            assert_eq!((found.dims(), found.dtype()), ([3, 2], DType::F32));
            assert_eq!(found.into_data().try_into_vec::<f32>().unwrap(), values);

            let halves: Vec<f16> = [1.5, -2.0, 65504.0].into_iter().map(f16::from_f32).collect();
            let found = from_values(halves.clone(), [3], &device);
            assert_eq!(found.dtype(), DType::F16);
            assert_eq!(found.into_data().try_into_vec::<f16>().unwrap(), halves);
        }
    }

    #[test]
    fn rows_are_selected() {
        for device in devices() {
            let x = random([3, 5, 7], &device).swap_dims(0, 1);
            for indices in [&[0][..], &[4, 0, 0, 2], &[1, 2, 3]] {
                let found = by_kernel(|| select_rows(x.clone(), indices));
                let rows = indices.iter().map(|index| x.clone().slice(*index..index + 1));
                assert_close(found, Tensor::cat(rows.collect(), 0), 0.0);
            }
        }
    }

    #[test]
    fn rows_are_put_one_after_the_other() {
        for device in devices() {
            let [a, b, c] = [1, 4, 2].map(|rows| random([3, rows, 5], &device).swap_dims(0, 1));
            for tensors in [vec![a.clone()], vec![a, b, c]] {
                assert_close(by_kernel(|| concat_rows(tensors.clone())), Tensor::cat(tensors, 0), 0.0);
            }
        }
    }
}
