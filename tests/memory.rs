//! Loading takes little more memory than the weights do: every allocation of this process is counted.
//!
//! Full-size checkpoints are too large to commit:
//! ```sh
//! python tools/fixtures/fullsize.py /tmp/full --all
//! BURN_SAM_FULL_SIZE=/tmp/full cargo test --test memory -- --ignored --nocapture
//! ```

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use burn_sam::checkpoint::Loading;
use burn_sam::{CheckpointFault, Device, Origin, Predictor, SamError};
use peak_alloc::PeakAlloc;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

#[path = "../src/checkpoint/pytorch/tests/forge.rs"]
#[expect(dead_code, reason = "the reader's own tests need the rest")]
mod forge;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// 19 million weights; the largest tensor is the absolute position of 4096 tokens.
const CONFIG: &str = r#"{"format":1,"encoder":{"kind":"vit","image_size":1024,"patch_size":16,"dim":512,"depth":4,"heads":8,
    "mlp_dim":2048,"window_size":14,"global_attention":[3]},"decoder":{"dim":256,"heads":8,"mlp_dim":2048,"depth":2}}"#;
const LARGEST: usize = 64 * 64 * 512 * 4;
/// Of a name that is ignored.
const UNUSED: [usize; 2] = [8192, 1024];
/// For names, shapes and the parts of the model that are no weights.
const SLACK: usize = 2 << 20;

/// A file of zeros behind its header, which counts what is read of it.
struct Zeros {
    header: Vec<u8>,
    size: u64,
    position: u64,
    read: u64,
}

impl Zeros {
    fn new(tensors: &[(String, Vec<usize>)]) -> Self {
        let mut end = 0;
        let place = |(name, shape): &(String, Vec<usize>)| {
            let start = end;
            end += shape.iter().product::<usize>() * 4;
            (name.clone(), TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (start, end) })
        };
        let tensors = tensors.iter().map(place).collect();
        let config = std::iter::once(("config".to_owned(), CONFIG.to_owned())).collect();
        let json = serde_json::to_vec(&Metadata::new(Some(config), tensors).unwrap()).unwrap();
        Self::behind([&(json.len() as u64).to_le_bytes(), &json[..]].concat(), end)
    }

    /// PyTorch's old format: every tensor is every fourth value of one storage, with its axes in the opposite order.
    fn strided(tensors: &[(String, Vec<usize>)]) -> Self {
        const APART: usize = 4;
        let values = APART * LARGEST / 4;
        let entries: Vec<_> = tensors
            .iter()
            .map(|(name, shape)| {
                let sides: Vec<i64> = shape.iter().map(|side| *side as i64).collect();
                let mut next = APART as i64;
                let mut stride_of = |side| {
                    let stride = next;
                    next *= side;
                    stride
                };
                let strides: Vec<i64> = sides.iter().map(|side| stride_of(*side)).collect();
                let storage = forge::storage("FloatStorage", "0", values as i64);
                (name.as_str(), forge::tensor(storage, 0, &sides, &strides))
            })
            .collect();
        let keys = [&b"\x80\x02]("[..], &forge::text("0"), b"e."].concat();
        let header = forge::legacy(&forge::dict(&entries), &keys, &(values as u64).to_le_bytes());
        Self::behind(header, values * 4)
    }

    fn behind(header: Vec<u8>, zeros: usize) -> Self {
        Self { size: (header.len() + zeros) as u64, header, position: 0, read: 0 }
    }
}

impl Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let length = (self.size - self.position).min(buffer.len() as u64) as usize;
        let buffer = &mut buffer[..length];
        buffer.fill(0);
        let from_header = self.header.get(self.position as usize..).unwrap_or_default();
        let shared = length.min(from_header.len());
        buffer[..shared].copy_from_slice(&from_header[..shared]);
        self.position += length as u64;
        self.read += length as u64;
        Ok(length)
    }
}

impl Seek for Zeros {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::End(offset) => self.size.checked_add_signed(offset).unwrap(),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset).unwrap(),
        };
        Ok(self.position)
    }
}

/// The names and shapes that the model asks for, from what it says is wrong with a file that has none of them.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let faults = |tensors: &[(String, Vec<usize>)]| match Loading::begin(Zeros::new(tensors), &Device::default()) {
        Err(SamError::BadCheckpoint(CheckpointFault::Tensors(faults))) => faults,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it should be refused"),
    };
    let names = faults(&[]).missing;
    let wrong: Vec<_> = names.into_iter().map(|name| (name, vec![1, 1, 1, 1, 1])).collect();
    faults(&wrong).misshapen.into_iter().map(|fault| (fault.key, fault.expected)).collect()
}

/// One test at a time: they count the same allocations.
static ALONE: Mutex<()> = Mutex::new(());

/// What was loaded, and the most and the remaining bytes that took.
fn measured(source: impl Read + Seek, origin: Origin<'_>) -> (Predictor, usize, usize) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let predictor = Predictor::load(source, origin, &Device::flex()).unwrap();
    (predictor, ALLOCATOR.peak_usage() - before, ALLOCATOR.current_usage() - before)
}

#[test]
fn loading_takes_the_weights_and_a_few_tensors() {
    let _alone = ALONE.lock();
    let mut tensors = tensors();
    let weights: usize = tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    assert_eq!(tensors.iter().map(|(_, shape)| shape.iter().product::<usize>() * 4).max(), Some(LARGEST));
    tensors.push(("image_encoder.head.weight".into(), UNUSED.to_vec()));
    let mut file = Zeros::new(&tensors);

    let (predictor, peak, after) = measured(&mut file, Origin { hash: Some([7; 32]), ..Origin::default() });
    let model = predictor.model();
    assert_eq!((model.parameters, model.bytes), (weights, weights as u64 * 4));
    println!("{weights} weights: {after} bytes resident, {peak} at most");
    // The position of every cell is kept beside the weights.
    assert!(after < weights * 4 + LARGEST + SLACK, "{after} bytes for {weights} weights");
    assert!(peak < after + 3 * LARGEST + SLACK, "{peak} bytes at most, {after} afterwards");
    assert!(file.read < (file.header.len() + weights * 4 + 64) as u64, "{} bytes read", file.read);

    // What is hashed is not kept.
    let (again, peak, after) = measured(&mut file, Origin::default());
    assert!(peak < after + 3 * LARGEST + SLACK, "{peak} bytes at most, {after} afterwards");
    assert_ne!(again.model().hash, model.hash);
}

/// Whatever a tensor's strides are: parameter by parameter, for not all weights are there when the largest is read.
#[test]
fn strides_take_no_more() {
    let _alone = ALONE.lock();
    let device = Device::flex();
    let mut loading = Loading::begin(Zeros::strided(&tensors()), &device).unwrap();
    let mut most = 0;
    for done in 0.. {
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        if loading.step().unwrap() {
            assert_eq!(done + 1, loading.total());
            break;
        }
        most = most.max(ALLOCATOR.peak_usage() - before);
    }
    println!("{most} bytes at most for {LARGEST} of the largest tensor");
    assert!(most < 3 * LARGEST + SLACK, "{most} bytes");
}

#[test]
#[ignore = "needs full-size checkpoints: python tools/fixtures/fullsize.py DIR --all, then BURN_SAM_FULL_SIZE=DIR"]
fn full_size() {
    let _alone = ALONE.lock();
    let folder = PathBuf::from(std::env::var_os("BURN_SAM_FULL_SIZE").expect("BURN_SAM_FULL_SIZE names the folder"));
    for (file, name, largest) in [
        ("mobile_sam", "mobile-sam", 320 * 1280 * 4),
        ("sam_vit_b", "sam-vit-b", 4096 * 768 * 4),
        ("sam_vit_l", "sam-vit-l", 4096 * 1024 * 4),
        ("sam_vit_h", "sam-vit-h", 1280 * 5120 * 4),
    ] {
        let file = File::open(folder.join(format!("{file}.safetensors"))).unwrap();
        let started = Instant::now();
        let (predictor, peak, after) = measured(file, Origin { hash: Some([7; 32]), ..Origin::default() });
        let (seconds, weights) = (started.elapsed().as_secs_f32(), predictor.model().bytes as usize);
        println!(
            "{name}: {:.1} MB of weights, {:.1} MB above them at most, {:.1} MB kept, {seconds:.1} s",
            weights as f32 / 1e6,
            (peak as f32 - weights as f32) / 1e6,
            (after as f32 - weights as f32) / 1e6,
        );
        assert_eq!(predictor.model().name, name);
        assert!(peak < weights + 3 * largest + (64 << 20), "{name}: {peak} bytes at most for {weights} of weights");
    }
}
