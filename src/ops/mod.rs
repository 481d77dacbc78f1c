//! The few hot operations. Each has a definition in plain burn here; faster kernels are tested against it.
//! Nothing in this layer knows of SAM.

mod attention;
mod conv;
mod upsample;
mod window;

pub use attention::{Bias, attention};
pub use conv::{conv3x3, depthwise_conv3x3};
pub use upsample::{Bilinear, bilinear};
pub use window::{window_partition, window_unpartition};
