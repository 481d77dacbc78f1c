//! The crate's module of the same name, as far as the readers need it.

#[path = "../../src/checkpoint/pytorch/mod.rs"]
pub mod pytorch;
#[path = "../../src/checkpoint/safetensors.rs"]
pub mod safetensors;
#[path = "../../src/checkpoint/source.rs"]
pub mod source;
#[path = "../../src/checkpoint/tensor.rs"]
pub mod tensor;
