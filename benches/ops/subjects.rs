//! The operations that are timed, natively (`benches/ops.rs`) and in the browser (`src/web/bench.rs`), by their names in
//! `benches/onnx/export.py`. Their inputs are random.

use burn::tensor::{DType, Device, Distribution, Tensor};

use crate::model::common::PatchConvTranspose;
use crate::ops::{self, Activation, Bias, Order, Packing};

/// One operation, ready to run.
pub struct Subject {
    /// Products and sums of one run, without those of biases, activations and softmax.
    pub flop: f64,
    run: Box<dyn Fn() -> Tensor<1>>,
}

impl Subject {
    /// Puts what an operation works on onto the device; `None` if there is no such operation or its shape has another
    /// length.
    ///
    /// | operation           | shape                                                                         |
    /// | ------------------- | ----------------------------------------------------------------------------- |
    /// | `matmul`            | rows, inner, columns: both sides are results                                  |
    /// | `linear`            | the same, the right side being a weight                                       |
    /// | `linear-f16`        | the same with a weight of 16 bits; natively only, for it is made on the host  |
    /// | `linear-gelu`       | the same with a bias and GELU                                                 |
    /// | `attention`         | batch, heads, side, head_dim: side² tokens, with decomposed relative position |
    /// | `layer-norm`        | rows, dim                                                                     |
    /// | `conv3x3`           | side, input, output                                                           |
    /// | `depthwise-conv3x3` | side, channels                                                                |
    /// | `conv-transpose2x2` | side, input, output                                                           |
    pub fn prepare(operation: &str, shape: &[usize], device: &Device) -> Option<Self> {
        let flat = |length: usize| Tensor::<1>::random([length], Distribution::Uniform(-0.5, 0.5), device);
        let matrix = |rows: usize, columns: usize| flat(rows * columns).reshape([rows, columns]);
        let image = |side: usize, channels: usize| flat(side * side * channels).reshape([1, side, side, channels]);
        let (flop, run): (usize, Box<dyn Fn() -> Tensor<1>>) = match (operation, shape) {
            ("matmul", &[rows, inner, columns]) => {
                let [left, right] = [matrix(rows, inner), matrix(inner, columns)].map(Tensor::unsqueeze::<4>);
                (
                    2 * inner,
                    Box::new(move || {
                        ops::matmul(left.clone(), right.clone(), None, Activation::None, Order::ByHead).flatten(0, 3)
                    }),
                )
            }
            ("linear" | "linear-f16" | "linear-gelu", &[rows, inner, columns]) => {
                let (x, mut weight) = (matrix(rows, inner), matrix(inner, columns));
                if operation == "linear-f16" {
                    let half = weight.to_data().convert_dtype(DType::F16);
                    weight = Tensor::from_data(half, (device, DType::F16));
                }
                let gelu = operation == "linear-gelu";
                let activation = if gelu { Activation::Gelu } else { Activation::None };
                let bias = gelu.then(|| flat(columns));
                let run = move || ops::linear(x.clone(), weight.clone(), bias.clone(), activation).flatten(0, 1);
                (2 * inner, Box::new(run))
            }
            ("attention", &[batch, heads, side, head_dim]) => {
                let (tokens, width) = (side * side, 3 * heads * head_dim);
                let qkv = flat(batch * tokens * width).reshape([batch, tokens, width]);
                let [vertical, horizontal] = [(); 2].map(|()| matrix(2 * side - 1, head_dim));
                let bias = Bias::Decomposed { vertical, horizontal, grid: [side, side] };
                let scale = (head_dim as f64).sqrt().recip();
                let run = move || ops::self_attention(qkv.clone(), heads, Packing::Parts, scale, &bias).flatten(0, 2);
                (4 * tokens, Box::new(run))
            }
            ("layer-norm", &[rows, dim]) => {
                let (x, [gamma, beta]) = (matrix(rows, dim), [flat(dim), flat(dim)]);
                let norm = move || {
                    ops::layer_norm(x.clone(), None, gamma.clone(), beta.clone(), 1e-6, Activation::None).flatten(0, 1)
                };
                (8, Box::new(norm))
            }
            ("conv3x3", &[side, input, output]) => {
                let (x, weight) = (image(side, input), flat(output * input * 9).reshape([output, input, 3, 3]));
                let run = move || ops::conv3x3(x.clone(), weight.clone(), None, 1, Activation::None).flatten(0, 3);
                (18 * input, Box::new(run))
            }
            ("depthwise-conv3x3", &[side, channels]) => {
                let (x, weight) = (image(side, channels), flat(channels * 9).reshape([channels, 1, 3, 3]));
                let run =
                    move || ops::depthwise_conv3x3(x.clone(), weight.clone(), None, 1, Activation::None).flatten(0, 3);
                (18, Box::new(run))
            }
            ("conv-transpose2x2", &[side, input, output]) => {
                let (x, layer) =
                    (image(side, input).flatten::<3>(1, 2), PatchConvTranspose::new(input, output, 2, device));
                (2 * input, Box::new(move || layer.forward(x.clone(), Activation::None).flatten(0, 2)))
            }
            _ => return None,
        };
        // `flop` counts those of one element of the output.
        let outputs = run().dims()[0];
        Some(Self { flop: flop as f64 * outputs as f64, run })
    }

    /// Runs it once, which gives a device only the order to. The output's elements in one row.
    pub fn run(&self) -> Tensor<1> {
        (self.run)()
    }
}
