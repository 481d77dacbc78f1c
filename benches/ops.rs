//! How fast the operations are on this machine, natively: `cargo bench --bench ops`, with `--features webgpu` on a GPU too.
//! The best of several runs counts: others have the machine as well.

use std::time::{Duration, Instant};

use burn::tensor::{DType, Distribution, Tensor};
use burn_sam::Device;
use burn_sam::ops::{self, Activation, Bias, Packing};

/// Runs `work` for a second and returns the best time of one run.
fn best(work: impl Fn() -> Tensor<1>) -> Duration {
    // A value read back: a GPU has a queue.
    let run = || {
        let begun = Instant::now();
        drop(work().slice_dim(0, 0..1).into_data());
        begun.elapsed()
    };
    run();
    let begun = Instant::now();
    let mut best = run();
    while begun.elapsed() < Duration::from_secs(1) {
        best = best.min(run());
    }
    best
}

fn main() {
    let devices = [
        #[cfg(feature = "cpu")]
        ("CPU, one thread", Device::flex()),
        #[cfg(feature = "webgpu")]
        ("GPU", Device::wgpu(Default::default())),
    ];
    for (name, device) in &devices {
        println!("{name}");
        let random = |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Uniform(-1.0, 1.0), device);
        let report = |what: &str, operations: f64, work: &dyn Fn() -> Tensor<1>| {
            let time = best(work).as_secs_f64();
            println!("  {what:<44} {:>9.2} ms {:>8.1} GFLOP/s", time * 1e3, operations / time / 1e9);
        };
        for [rows, depth, columns] in [[4096, 768, 768], [4096, 256, 1024], [7, 256, 2048]] {
            let (x, weight) = (random([rows, depth]), random([depth, columns]));
            let operations = 2.0 * (rows * depth * columns) as f64;
            let shape = format!("{rows} × {depth} × {columns}");
            report(&format!("linear {shape}"), operations, &|| {
                ops::linear(x.clone(), weight.clone(), None, Activation::None).flatten(0, 1)
            });
            let data = weight.to_data().convert_dtype(DType::F16);
            let half = Tensor::<2>::from_data(data, (device, DType::F16));
            report(&format!("linear {shape}, f16 weight"), operations, &|| {
                ops::linear(x.clone(), half.clone(), None, Activation::None).flatten(0, 1)
            });
        }
        for (what, batch, side) in [("global", 1, 64), ("window", 25, 14)] {
            let (heads, head_dim, tokens) = (if side == 64 { 2 } else { 12 }, 64, side * side);
            let qkv = random([batch * tokens, 3 * heads * head_dim]).reshape([batch, tokens, 3 * heads * head_dim]);
            let table = || random([2 * side - 1, head_dim]);
            let bias = Bias::Decomposed { vertical: table(), horizontal: table(), grid: [side, side] };
            let operations = (4 * batch * heads * tokens) as f64 * (tokens * head_dim) as f64;
            report(&format!("attention, {what}: {batch} × {heads} × {tokens} × {head_dim}"), operations, &|| {
                ops::self_attention(qkv.clone(), heads, Packing::Parts, 0.125, &bias).flatten(0, 2)
            });
        }
        let image = |channels: usize| random([64 * 64, channels]).reshape([1, 64, 64, channels]);
        let (x, weight) = (image(256), random([256 * 256, 9]).reshape([256, 256, 3, 3]));
        report("conv 3×3, 256 channels, 64 × 64", 2.0 * 9.0 * (4096 * 256 * 256) as f64, &|| {
            ops::conv3x3(x.clone(), weight.clone(), None, 1, Activation::None).flatten(0, 3)
        });
        let (x, weight) = (image(640), random([640, 9]).reshape([640, 1, 3, 3]));
        report("depthwise conv 3×3, 640 channels, 64 × 64", 2.0 * 9.0 * (4096 * 640) as f64, &|| {
            ops::depthwise_conv3x3(x.clone(), weight.clone(), None, 1, Activation::None).flatten(0, 3)
        });
        let (x, gamma) = (random([4096, 768]), random([1, 768]).flatten::<1>(0, 1));
        report("layer norm 4096 × 768", 8.0 * (4096 * 768) as f64, &|| {
            ops::layer_norm(x.clone(), None, gamma.clone(), gamma.clone(), 1e-6, Activation::None).flatten(0, 1)
        });
    }
}
