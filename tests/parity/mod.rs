//! Every module, and the whole, against what the reference computes (tools/fixtures writes the fixtures).
//!
//! A module's largest error may be 2e-5 of its output's scale, the whole's 1e-4: f32 sums of a few hundred terms in
//! another order differ by some 1e-6 of their scale; a tanh GELU or a wrong epsilon shows at 1e-4.

mod decoder;
mod encoder;
mod end_to_end;
mod everything;
mod fixtures;
mod full_size;
mod hugging_face;
mod resize;

use burn::tensor::{Device, Tensor, TensorData};

use fixtures::Values;

/// Error allowed for one module, as a share of its output's largest value.
const MODULE: f32 = 2e-5;
/// Error allowed for the whole model, likewise.
const END_TO_END: f32 = 1e-4;

/// The two small models with their cases.
const MODELS: [&str; 2] = ["vit", "tiny_vit"];

fn device() -> Device {
    Device::default()
}

fn tensor<const D: usize>(values: &Values) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.data.clone(), values.shape.clone()), &device())
}

/// Channels last, as our modules have them, from channels first.
fn channels_last(values: &Values) -> Tensor<4> {
    tensor::<4>(values).permute([0, 2, 3, 1])
}

fn channels_first(tensor: Tensor<4>) -> Tensor<4> {
    tensor.permute([0, 3, 1, 2])
}

/// Fails, naming the largest error, where a tensor differs from the reference's.
fn assert_close<const D: usize>(name: &str, actual: Tensor<D>, expected: &Values, tolerance: f32) {
    assert_eq!(actual.dims().to_vec(), expected.shape, "{name}: shape");
    let actual = actual.into_data().try_into_vec::<f32>().unwrap();
    assert_values(name, &actual, &expected.data, tolerance);
}

fn assert_values(name: &str, actual: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(actual.len(), expected.len(), "{name}: number of values");
    let scale = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let error = actual.iter().zip(expected).fold(0.0f32, |m, (a, e)| m.max((a - e).abs()));
    assert!(actual.iter().all(|v| v.is_finite()), "{name}: not finite");
    println!("{name}: error {:.1e} of scale {scale:.3}", error / scale);
    assert!(error <= tolerance * scale, "{name}: largest error {error:e} of scale {scale}, allowed {tolerance:e}");
}
