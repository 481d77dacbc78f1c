//! How fast the operations are on this machine, natively: `cargo bench --bench ops`, with `--features webgpu` on a GPU too.
//! The best of several runs counts: others have the machine as well.

#[path = "ops/subjects.rs"]
mod subjects;

use std::hint::black_box;
use std::time::{Duration, Instant};

use burn_sam::{Device, model, ops};

use self::subjects::Subject;

/// Name and shape of each operation.
const OPERATIONS: [(&str, &[usize]); 15] = [
    ("matmul", &[4096, 768, 768]),
    ("matmul", &[1024, 256, 1024]),
    ("linear", &[4096, 768, 768]),
    ("linear", &[4096, 256, 1024]),
    ("linear", &[7, 256, 2048]),
    ("linear-f16", &[4096, 768, 768]),
    ("linear-f16", &[4096, 256, 1024]),
    ("linear-f16", &[7, 256, 2048]),
    ("linear-gelu", &[4096, 768, 3072]),
    ("attention", &[25, 12, 14, 64]),
    ("attention", &[1, 2, 64, 64]),
    ("layer-norm", &[4096, 768]),
    ("conv3x3", &[64, 256, 256]),
    ("depthwise-conv3x3", &[64, 640]),
    ("conv-transpose2x2", &[64, 256, 64]),
];

/// On the CPU, in instructions of 128 bits: two a cycle, of four products and four sums at the most.
const FLOP_PER_CYCLE: f64 = 16.0;

/// How long each operation is run.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() {
    let clock = gigahertz();
    let devices = [
        #[cfg(feature = "cpu")]
        ("CPU, one thread", Device::flex(), Some(FLOP_PER_CYCLE * clock)),
        #[cfg(feature = "webgpu")]
        ("GPU", Device::wgpu(Default::default()), None),
    ];
    for (name, device, limit) in &devices {
        let of = limit.map_or(String::new(), |limit| format!(" at {clock:.2} GHz: at most {limit:.0} GFLOP/s"));
        println!("{name}{of}\n");
        println!("| operation | ms | GFLOP/s | of the limit |\n| --- | ---: | ---: | ---: |");
        for (operation, shape) in OPERATIONS {
            let Some(subject) = Subject::prepare(operation, shape, device) else {
                println!("| {operation} {shape:?} | unknown | | |");
                continue;
            };
            let time = best(&subject).as_secs_f64();
            let speed = subject.flop / time / 1e9;
            let part = limit.map_or("n/a".to_owned(), |limit| format!("{:.0} %", 100.0 * speed / limit));
            let shape = shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
            println!("| {operation} {shape} | {:.2} | {speed:.1} | {part} |", time * 1e3);
        }
        println!();
    }
}

/// The best time of one run.
fn best(subject: &Subject) -> Duration {
    // A value read back: a GPU has a queue.
    let run = || {
        let begun = Instant::now();
        drop(subject.run().slice_dim(0, 0..1).into_data());
        begun.elapsed()
    };
    let begun = Instant::now();
    let mut best = run();
    while begun.elapsed() < PATIENCE {
        best = best.min(run());
    }
    best
}

/// The clock of one core at work: what the system reports is often another one. The best of several tries.
fn gigahertz() -> f64 {
    // Each product of integers waits for the one before: three cycles, on the processors of the last fifteen years.
    const PRODUCTS: u32 = 30_000_000;
    let cycles = f64::from(3 * PRODUCTS);
    let tries = (0..10).map(|_| {
        let begun = Instant::now();
        black_box((0..PRODUCTS).fold(black_box(3_u64), |x, _| x.wrapping_mul(x)));
        cycles / begun.elapsed().as_secs_f64() / 1e9
    });
    tries.fold(0.0, f64::max)
}
