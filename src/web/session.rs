//! The classes the Worker drives.

use std::io::{BufReader, Read, Seek};

use burn::tensor::Device;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::device;
use super::error::{JsResult, JsSamError};
use super::source::{Source, Thrown};
use super::types::{
    self, CheckpointSourceJs, GroupsJs, LoadOptionsJs, MasksJs, OnTensorJs, OptionsJs, PromptsJs, SessionInfo,
    SessionInfoJs, TensorJs,
};
use crate::checkpoint::{Loaded, LoadedModel, Loading};
use crate::embedding_file::{from_hex, hex};
use crate::{Origin, Precision, Predictor};
#[cfg(feature = "webgpu")]
use crate::{checkpoint::stand_in, model::SamConfig};

/// One loaded model on this module's device.
#[wasm_bindgen]
pub struct Session {
    predictor: Predictor,
    adapter: String,
}

#[wasm_bindgen]
impl Session {
    /// Initialises the device (once) and loads a checkpoint onto it, tensor by tensor. `onTensor` is told of each; a promise
    /// it returns is awaited, and what it throws ends the loading.
    pub async fn load(
        source: CheckpointSourceJs,
        options: LoadOptionsJs,
        #[wasm_bindgen(js_name = onTensor)] on_tensor: Option<OnTensorJs>,
    ) -> JsResult<Session> {
        let options = types::load_options(options)?;
        let device: Device = device::init(options.software).await?;
        let origin = Origin { name: options.name.as_deref(), hash: options.hash.as_deref().and_then(from_hex) };
        let thrown = Thrown::default();
        // Containers read a few bytes at a time where they describe themselves.
        let mut source = BufReader::with_capacity(READ_AHEAD, Source::new(source, &thrown)?);
        let loaded = read_tensors(&mut source, &device, options.precision(), on_tensor.as_deref(), &thrown).await?;
        let model = LoadedModel::new(loaded, origin, source).map_err(|error| thrown.or(error))?;
        let adapter = options.adapter.unwrap_or_else(|| device::NAME.into());
        let predictor = Predictor::new(model, &device);
        predictor.prepare().await?;
        Ok(Self { predictor, adapter })
    }

    /// What was loaded.
    #[wasm_bindgen(getter)]
    pub fn info(&self) -> JsResult<SessionInfoJs> {
        let model = self.predictor.model();
        Ok(types::info(&SessionInfo {
            model: &model.name,
            layout: model.layout.name(),
            device: device::NAME,
            adapter: &self.adapter,
            precision: types::precision(model.precision),
            parameters: model.parameters,
            bytes: model.bytes as f64,
            image_size: self.predictor.image_size(),
            hash: hex(&model.hash),
        })?)
    }

    /// Begins to compile the GPU's kernels.
    #[wasm_bindgen(js_name = warmUp)]
    pub fn warm_up(&self) -> JsResult<WarmUp> {
        Ok(WarmUp(self.predictor.warm_up()?))
    }

    /// Begins to compile the GPU's kernels for a checkpoint that is still on its way, and initialises the device (once).
    /// `source`: the file, or so much of it as describes its tensors. Without it, the encoder's are compiled where the name is
    /// that of a released model.
    #[cfg(feature = "webgpu")]
    #[wasm_bindgen(js_name = warmUpAhead)]
    pub async fn warm_up_ahead(options: LoadOptionsJs, source: Option<CheckpointSourceJs>) -> JsResult<WarmUp> {
        let options = types::load_options(options)?;
        let device: Device = device::init(options.software).await?;
        let precision = options.precision();
        let Some(source) = source else {
            let named = options.name.as_deref().and_then(SamConfig::released);
            let is_named = named.is_some();
            let model = stand_in(named.unwrap_or_else(SamConfig::mobile_sam), precision, &device)?;
            let warm_up = Predictor::new(model, &device).warm_up()?;
            return Ok(WarmUp(if is_named { warm_up } else { warm_up.of_decoder() }));
        };
        let thrown = Thrown::default();
        let source = BufReader::with_capacity(READ_AHEAD, Source::new(source, &thrown)?);
        let loading = Loading::begin(source, &device).map_err(|error| thrown.or(error))?;
        let model = loading.with_precision(precision).stand_in();
        Ok(WarmUp(Predictor::new(model, &device).warm_up()?))
    }

    /// A reader of an image's rows.
    pub fn reader(&self, width: usize, height: usize) -> JsResult<ImageReader> {
        Ok(ImageReader(crate::ImageReader::new(width, height, self.predictor.image_size())?))
    }

    /// Begins to encode a completely read image.
    pub fn encode(&self, reader: ImageReader) -> JsResult<Encoding> {
        Ok(Encoding(self.predictor.encode(reader.0)?))
    }

    /// An image saved by `Embedding.save`.
    pub fn open(&self, file: &[u8]) -> JsResult<Embedding> {
        Ok(Embedding(self.predictor.open(file)?))
    }
}

/// Read at a time where less is asked for.
const READ_AHEAD: usize = 64 << 10;
/// Bytes that the queue of a GPU may hold back while a checkpoint is loaded.
const UNSETTLED: u64 = 64 << 20;

async fn read_tensors(
    source: impl Read + Seek,
    device: &Device,
    precision: Precision,
    on_tensor: Option<&JsValue>,
    thrown: &Thrown,
) -> JsResult<Loaded> {
    let on_tensor = on_tensor.and_then(JsCast::dyn_ref::<Function>);
    let loading = Loading::begin(source, device).map_err(|error| thrown.or(error))?;
    let mut loading = loading.with_precision(precision);
    let (mut last, mut settled) = (false, 0);
    while !last {
        last = loading.step().map_err(|error| thrown.or(error))?;
        if loading.bytes() - settled >= UNSETTLED {
            loading.settle().await?;
            settled = loading.bytes();
        }
        if let Some(on_tensor) = on_tensor {
            let progress = on_tensor.call2(&JsValue::UNDEFINED, &loading.done().into(), &loading.total().into());
            if let Some(promise) = progress.map_err(JsSamError::Thrown)?.dyn_ref::<Promise>() {
                JsFuture::from(promise.clone()).await.map_err(JsSamError::Thrown)?;
            }
        }
    }
    Ok(loading.finish()?)
}

/// Compiles the GPU's kernels before they are needed.
#[wasm_bindgen]
pub struct WarmUp(crate::WarmUp);

#[wasm_bindgen]
impl WarmUp {
    /// Steps done.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> usize {
        self.0.done()
    }

    /// Steps in all.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.0.total()
    }

    /// One step; true after the last.
    pub async fn step(&mut self) -> JsResult<bool> {
        Ok(self.0.step().await?)
    }
}

/// Takes an image's rows from the top and resizes them on the way.
#[wasm_bindgen]
pub struct ImageReader(crate::ImageReader);

#[wasm_bindgen]
impl ImageReader {
    /// The next whole rows: RGBA, 8 bits each.
    pub fn push(&mut self, rgba: &[u8]) -> JsResult<()> {
        Ok(self.0.push(rgba)?)
    }
}

/// An image on its way through the encoder.
#[wasm_bindgen]
pub struct Encoding(crate::Encoding);

#[wasm_bindgen]
impl Encoding {
    /// Steps done.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> usize {
        self.0.done()
    }

    /// Steps in all.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.0.total()
    }

    /// One step, waiting for the device; true after the last.
    pub async fn step(&mut self) -> JsResult<bool> {
        let finished = self.0.step();
        self.0.settle().await?;
        Ok(finished)
    }

    /// The embedding.
    pub fn finish(self) -> Embedding {
        Embedding(self.0.run())
    }
}

/// An encoded image.
#[wasm_bindgen]
pub struct Embedding(pub(super) crate::ImageEmbedding);

#[wasm_bindgen]
impl Embedding {
    /// Width of the original image.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> usize {
        self.0.geometry().image_width
    }

    /// Height of the original image.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> usize {
        self.0.geometry().image_height
    }

    /// Which prompts are decoded together, as indices: the Worker asks `segment` for one group at a time and lets its
    /// event loop run between them. Every prompt is checked; errors begin with `prompts[i].`.
    pub fn groups(&self, prompts: PromptsJs, options: OptionsJs) -> JsResult<GroupsJs> {
        let options = types::options(options)?;
        let request = self.0.request(options.multimask, Some(&self.0.rendering(&options)?));
        let forms = types::forms(prompts, &self.0)?;
        Ok(types::groups(&self.0.group(&forms, &request))?)
    }

    /// The masks of each prompt, best score first.
    pub async fn segment(&self, prompts: PromptsJs, options: OptionsJs) -> JsResult<MasksJs> {
        let options = types::options(options)?;
        let rendering = self.0.rendering(&options)?;
        let prompts = types::prompts(prompts, self.0.geometry())?;
        let request = self.0.request(options.multimask, Some(&rendering));
        Ok(types::masks(self.0.answers(&prompts, &request).await?, &rendering)?)
    }

    /// The embedding as the reference has it, `[1, D, S/16, S/16]`.
    pub async fn data(&self) -> JsResult<TensorJs> {
        let (data, shape) = self.0.data().await?;
        Ok(types::tensor(&data, shape)?)
    }

    /// A self-describing file for `Session.open`.
    pub async fn save(&self) -> JsResult<Vec<u8>> {
        Ok(self.0.save().await?)
    }
}
