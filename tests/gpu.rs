//! A model on a GPU: what the tests of single kernels cannot see. Any Vulkan driver will do, software ones too:
//! `cargo test --features webgpu --test gpu`, and what takes minutes with `-- --ignored --nocapture`.

use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::wgpu::{WgpuSetup, wgpu};
use burn::tensor::{Tensor, TensorData};
use burn_cubecl::cubecl::logging::{LaunchObservation, LaunchObserver};
use burn_sam::checkpoint::{LoadedModel, Loading, stand_in};
use burn_sam::model::SamConfig;
use burn_sam::model::config::VitConfig;
use burn_sam::model::image_encoder::ImageEncoderVit;
use burn_sam::ops::set_software;
use burn_sam::{
    Box, Device, ImageEmbedding, ImageReader, MaskData, MaskPrompt, Origin, Output, Point, Precision, Predictor,
    Prompt, SegmentOptions, block_on,
};

/// Remembers the kernels that are compiled, burn's and ours.
struct Compilations;

static COMPILED: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for Compilations {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        if let Some(kernel) = text.strip_prefix("[cubecl-wgpu] compiling WGSL module") {
            // Its name, and what a kernel of ours says of itself.
            COMPILED.lock().unwrap().push(kernel.chars().take(160).collect());
        }
    }

    fn flush(&self) {}
}

/// Counts the kernels that are launched.
#[derive(Default)]
struct Launches(AtomicUsize);

impl LaunchObserver for Launches {
    fn launched(&self, _kernel: &'static str) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The kernels compiled since the last call.
fn compiled() -> Vec<String> {
    std::mem::take(&mut *COMPILED.lock().unwrap())
}

fn encode(predictor: &Predictor) -> ImageEmbedding {
    let mut reader = ImageReader::new(320, 240, predictor.image_size()).unwrap();
    let rgba: Vec<u8> = (0..320 * 240 * 4).map(|i| (i * 7 % 251) as u8).collect();
    reader.push(&rgba).unwrap();
    predictor.encode(reader).unwrap().run()
}

fn points(count: usize) -> Prompt {
    (0..count)
        .fold(Prompt::new(), |prompt, i| prompt.with_point(Point::foreground(20.0 * i as f32 + 10.0, 100.0).unwrap()))
}

fn tiny_file() -> File {
    File::open(format!("{}/pkg/models/tiny.safetensors", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The built-in model on a device of its own, which has compiled nothing yet.
fn tiny() -> Predictor {
    Predictor::load(tiny_file(), Origin::default(), &device_with_default_limits()).unwrap()
}

/// The kernels compiled by a warm-up.
fn warm_up(predictor: &Predictor) -> Vec<String> {
    compiled();
    let mut warm_up = predictor.warm_up().unwrap();
    while !block_on(warm_up.step()).unwrap() {}
    assert_eq!(warm_up.done(), warm_up.total());
    compiled()
}

/// Kernels are counted in one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Fails where another test has done so.
    drop(log::set_logger(&Compilations));
    log::set_max_level(log::LevelFilter::Trace);
    compiled();
    turn
}

/// Another click on the image must not wait for a compiler.
#[test]
fn another_number_of_points_compiles_nothing() {
    let _turn = alone();
    for software in [false, true] {
        set_software(software);
        clicks_compile_nothing();
    }
    set_software(false);
}

fn clicks_compile_nothing() {
    let predictor = tiny();
    let image = encode(&predictor);
    let decode = |prompts: &[Prompt]| {
        block_on(image.decode(prompts, true)).unwrap();
        compiled()
    };
    let (encoder, first) = (compiled(), decode(&[points(1)]));
    println!("kernels compiled: {} to load and encode, {} more to decode a point", encoder.len(), first.len());
    assert!(!encoder.is_empty() && !first.is_empty(), "compilations are not seen");
    for count in 2..=8 {
        assert_eq!(decode(&[points(count)]), [""; 0], "{count} points");
    }
    let launches = Arc::new(Launches::default());
    let watching = LaunchObservation::new(launches.clone());
    block_on(image.decode(&[points(1)], true)).unwrap();
    drop(watching);
    let launches = launches.0.load(Ordering::Relaxed);
    println!("kernels launched to decode a point: {launches}");
    let bounded = points(2).with_box(Box::new([10.0, 10.0, 200.0, 200.0]).unwrap());
    assert_eq!(decode(&[bounded]), [""; 0], "points and a box");
}

/// Warmed up, the first encode and the first click do not wait for a compiler either.
#[test]
fn a_warm_up_compiles_everything() {
    let _turn = alone();
    let predictor = tiny();
    println!("kernels compiled: {}", warm_up(&predictor).len());
    use_compiles_nothing(&predictor);
}

fn use_compiles_nothing(predictor: &Predictor) {
    let image = encode(predictor);
    let first = block_on(image.decode(&[points(1)], true)).unwrap();
    assert_eq!(compiled(), [""; 0], "an encode and a click");
    let again = points(2).with_mask(MaskPrompt::LowRes(first[0][0].logits.clone()));
    block_on(image.decode(&[again], true)).unwrap();
    assert_eq!(compiled(), [""; 0], "a click on an answer");
    block_on(image.decode(&[points(2), points(2)], true)).unwrap();
    assert_eq!(compiled(), [""; 0], "two prompts");
    let options = SegmentOptions { size: Some([1200, 900]), ..SegmentOptions::default() };
    block_on(image.segment(&[points(1)], &options)).unwrap();
    assert_eq!(compiled(), [""; 0], "a mask of a million pixels");
}

/// The GPU's pixels are those that the CPU makes of the same logits, and what is told of them is true; but where a logit is so
/// close to the threshold that rounding decides, either will do.
#[test]
fn the_gpu_makes_the_masks_of_the_logits() {
    let _turn = alone();
    let image = encode(&tiny());
    let threshold = 0.3;
    let segment = |output, size| {
        let options = SegmentOptions { size: Some(size), output, threshold, ..SegmentOptions::default() };
        compiled();
        let answers = block_on(image.segment(&[points(1), points(2), points(2)], &options)).unwrap();
        (answers, compiled().iter().any(|kernel| kernel.contains("Where an image is above a threshold")))
    };
    let (_, on_gpu) = segment(Output::Mask, [160, 120]);
    assert!(!on_gpu, "so few pixels are the CPU's");
    let (logits, on_gpu) = segment(Output::Logits, [1001, 700]);
    assert!(!on_gpu, "logits are the CPU's");
    let (masks, on_gpu) = segment(Output::Mask, [1001, 700]);
    assert!(on_gpu, "the kernel was not used");
    for (mask, logits) in masks.iter().flatten().zip(logits.iter().flatten()) {
        let (MaskData::Binary(pixels), MaskData::Logits(values)) = (&mask.data, &logits.data) else { panic!("output") };
        assert_eq!((mask.token, mask.score, &mask.low_res), (logits.token, logits.score, &logits.low_res));
        let greatest = values.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
        assert_eq!(pixels.len(), values.len());
        for (pixel, value) in pixels.iter().zip(values) {
            let expected = u8::from(*value > threshold);
            assert!(*pixel == expected || (value - threshold).abs() < 1e-4 * greatest, "{pixel} for {value}");
        }
        assert_eq!(mask.area, pixels.iter().filter(|pixel| **pixel == 1).count());
        let inside = || pixels.iter().enumerate().filter(|(_, pixel)| **pixel == 1).map(|(i, _)| [i % 1001, i / 1001]);
        let edge = |axis: usize| inside().map(|place| place[axis]).min().zip(inside().map(|place| place[axis]).max());
        let expected = match (edge(0), edge(1)) {
            (Some((left, right)), Some((top, bottom))) => [left, top, right - left + 1, bottom - top + 1],
            _ => [0; 4],
        };
        assert_eq!(mask.bbox, expected);
    }
}

/// What a checkpoint's header says is enough to compile all that its model needs: nothing is left to its load.
#[test]
fn a_header_is_enough_to_compile_everything() {
    let _turn = alone();
    for (software, precision) in [(false, Precision::Auto), (false, Precision::F16), (true, Precision::Auto)] {
        set_software(software);
        let device = device_with_default_limits();
        let begin = |source| Loading::begin(source, &device).unwrap().with_precision(precision);
        let ahead = Predictor::new(begin(tiny_file()).stand_in(), &device);
        assert!(!warm_up(&ahead).is_empty());
        drop(ahead);
        let model = LoadedModel::new(begin(tiny_file()).finish().unwrap(), Origin::default(), tiny_file()).unwrap();
        let predictor = Predictor::new(model, &device);
        block_on(predictor.prepare()).unwrap();
        assert_eq!(compiled(), [""; 0], "a load");
        assert_eq!(warm_up(&predictor), [""; 0], "the warm-up after it");
        use_compiles_nothing(&predictor);
    }
    set_software(false);
}

/// So is the name of a released model.
#[test]
fn the_name_of_a_released_model_is_enough() {
    let _turn = alone();
    for (name, software) in [("mobile-sam", false), ("mobile-sam", true), ("sam-vit-b", false)] {
        set_software(software);
        let device = device_with_default_limits();
        let config = SamConfig::released(name).unwrap();
        let blank = stand_in(config.clone(), Precision::Auto, &device).unwrap();
        assert!(!warm_up(&Predictor::new(blank, &device)).is_empty());
        let sam = config.init(&device).map(&mut Zeros(&device));
        let model = LoadedModel { sam, ..stand_in(config, Precision::Auto, &device).unwrap() };
        assert_eq!(warm_up(&Predictor::new(model, &device)), [""; 0], "{name}");
    }
    set_software(false);
}

/// Weights as a load puts them onto the device.
struct Zeros<'a>(&'a Device);

impl ModuleMapper for Zeros<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape: [usize; D] = param.lazy_shape().dims();
        let length = shape.iter().product();
        let zeros = Tensor::<1>::from_data(TensorData::new(vec![0.0f32; length], [length]), self.0);
        Param::initialized(param.id, zeros.reshape(shape))
    }
}

/// A device as a browser gives it to a page that asks for nothing.
fn device_with_default_limits() -> Device {
    let instance = wgpu::Instance::default();
    let adapter = block_on_any(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap();
    let limits = wgpu::Limits::default();
    assert_eq!((limits.max_storage_buffer_binding_size, limits.max_buffer_size), (128 << 20, 256 << 20));
    // Types that cubecl uses where an adapter, rather than the device, has them.
    let types = wgpu::Features::SHADER_F64 | wgpu::Features::SHADER_INT64 | wgpu::Features::SHADER_F16;
    let required_features = adapter.features() & types;
    let descriptor = wgpu::DeviceDescriptor { required_features, required_limits: limits, ..Default::default() };
    let (device, queue) = block_on_any(adapter.request_device(&descriptor)).unwrap();
    let backend = adapter.get_info().backend;
    println!("adapter: {}", adapter.get_info().name);
    Device::wgpu_options().setup(WgpuSetup { instance, adapter, device, queue, backend }).init().unwrap()
}

/// Waits for a future of wgpu, which is ready as soon as it is polled.
fn block_on_any<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}

/// The same weights on every device: about 1 / √inputs, so that values stay of one size.
struct Weights<'a> {
    device: &'a Device,
    numbers: Numbers,
}

/// Numbers in −1 .. 1.
struct Numbers(u64);

impl Numbers {
    fn take(&mut self, count: usize, scale: f32) -> Vec<f32> {
        let next = |_| {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0) * scale
        };
        (0..count).map(next).collect()
    }
}

impl ModuleMapper for Weights<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape().to_vec();
        let scale = if D == 1 { 0.5 } else { (3.0 / shape[D - 2] as f32).sqrt() };
        let values = self.numbers.take(shape.iter().product(), scale);
        Param::initialized(param.id, Tensor::from_data(TensorData::new(values, shape), self.device))
    }
}

/// Blocks of the largest models, whose widest tensors come near the limits every WebGPU device has.
#[test]
#[ignore = "takes minutes"]
fn blocks_of_the_largest_models_fit_default_limits() {
    let gpu = device_with_default_limits();
    for (name, dim, heads) in [("ViT-B", 768, 12), ("ViT-L", 1024, 16), ("ViT-H", 1280, 16)] {
        let config = VitConfig {
            image_size: 1024,
            patch_size: 16,
            dim,
            depth: 2,
            heads,
            mlp_dim: 4 * dim,
            window_size: 14,
            global_attention: vec![1],
            blocks: Vec::new(),
        };
        let encoder = |device: &Device| -> ImageEncoderVit {
            config.init(256, device).map(&mut Weights { device, numbers: Numbers(7) })
        };
        let tokens = Numbers(11).take(64 * 64 * dim, 1.0);
        let input = |device: &Device| Tensor::<4>::from_data(TensorData::new(tokens.clone(), [1, 64, 64, dim]), device);
        let [gpu, cpu] = [(&gpu, "GPU"), (&Device::flex(), "CPU")].map(|(device, kind)| {
            let (encoder, input) = (encoder(device), input(device));
            [(1, "window"), (2, "global")].map(|(step, block)| {
                let begun = Instant::now();
                let out = encoder.forward_step(step, input.clone()).into_data().try_into_vec::<f32>().unwrap();
                println!("{name}, {block} block on the {kind}: {:.1} s", begun.elapsed().as_secs_f64());
                out
            })
        });
        for ((block, found), expected) in ["window", "global"].iter().zip(gpu).zip(cpu) {
            let greatest = expected.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
            let error = found.iter().zip(&expected).fold(0.0f32, |error, (a, b)| error.max((a - b).abs())) / greatest;
            println!("{name}, {block} block: differs by {error:.1e} of the greatest value, {greatest:.1}");
            assert!(error < 1e-4, "{name}, {block} block");
        }
    }
}
