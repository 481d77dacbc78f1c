//! The shapes of what crosses the boundary, and their TypeScript.

use js_sys::{Float32Array, Object, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::error::{internal, malformed};
use crate::geometry::Geometry;
use crate::mask::{Answer, Bounds, Rendering};
use crate::predictor::Form;
use crate::preprocess::MaskReader;
use crate::prompt::{Box, Label, MaskPrompt, Point, Prompt};
use crate::{ImageEmbedding, Output, Precision, SamError, SegmentOptions};

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = r#"
/** `hash`: SHA-256 of the checkpoint in hexadecimal, where it is known. */
export interface LoadOptions {
  name?: string; adapter?: string; software?: boolean; hash?: string; precision?: "auto" | "f16" | "f32";
}
/** A file that is read synchronously. `read` gives `length` bytes, or fewer at the end; what it throws reaches the caller. */
export interface CheckpointSource { readonly size: number; read(offset: number, length: number): Uint8Array }
/** `bytes`: size of the weights on the device. */
export interface SessionInfo {
  model: string; layout: "original" | "mobile-sam" | "hugging-face" | "burn-sam";
  device: "webgpu" | "cpu"; adapter: string; precision: "f16" | "f32";
  parameters: number; bytes: number; imageSize: number; hash: string;
}
export interface WirePrompt {
  points?: { x: number; y: number; label: number }[];
  box?: [number, number, number, number];
  /** Low-res logits, or a binary mask of the image. */
  mask?: { data: Float32Array | Uint8Array; width: number; height: number };
  /** `rows` 0: as many as the data holds. */
  tokens?: { data: Float32Array; rows: number };
}
export interface WireOptions { multimask: boolean; size?: [number, number]; output: "mask" | "logits"; threshold: number }
export interface WireMask {
  score: number; token: number; width: number; height: number;
  data: Uint8Array | Float32Array;
  bbox: [number, number, number, number]; area: number;
  logits: { data: Float32Array; width: number; height: number };
}
/** What is absent has the reference's default. `pointGrids`: x and y by turns. */
export interface WireEverything {
  pointsPerSide?: number; pointGrids?: Float64Array[]; pointsPerBatch?: number;
  predIouThresh?: number; stabilityScoreThresh?: number; stabilityScoreOffset?: number; boxNmsThresh?: number;
  cropNLayers?: number; cropNmsThresh?: number; cropOverlapRatio?: number; cropNPointsDownscaleFactor?: number;
  minMaskRegionArea?: number; outputMode?: "binary_mask" | "uncompressed_rle" | "coco_rle";
}
export interface WireCandidate {
  mask: { data: Uint8Array; width: number; height: number };
  bbox: [number, number, number, number]; score: number; point: [number, number];
  cropBox: [number, number, number, number];
}
export interface WireRecord {
  segmentation: { data: Uint8Array; width: number; height: number }
    | { size: [number, number]; counts: number[] } | { size: [number, number]; counts: string };
  area: number; bbox: [number, number, number, number]; predictedIou: number; pointCoords: [number, number][];
  stabilityScore: number; cropBox: [number, number, number, number];
}
export interface WireTensor { data: Float32Array; shape: number[] }
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "CheckpointSource")]
    pub type CheckpointSourceJs;
    #[wasm_bindgen(method, getter, catch)]
    pub(super) fn size(this: &CheckpointSourceJs) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn read(this: &CheckpointSourceJs, offset: f64, length: f64) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(typescript_type = "(done: number, total: number) => void | Promise<void>")]
    pub type OnTensorJs;
    #[wasm_bindgen(typescript_type = "(chunk: Uint8Array) => void")]
    pub type WriteJs;
    #[wasm_bindgen(typescript_type = "LoadOptions")]
    pub type LoadOptionsJs;
    #[wasm_bindgen(typescript_type = "SessionInfo")]
    pub type SessionInfoJs;
    #[wasm_bindgen(typescript_type = "WirePrompt[]")]
    pub type PromptsJs;
    #[wasm_bindgen(typescript_type = "WireOptions")]
    pub type OptionsJs;
    #[wasm_bindgen(typescript_type = "WireMask[][]")]
    pub type MasksJs;
    #[wasm_bindgen(typescript_type = "WireTensor")]
    pub type TensorJs;
    #[wasm_bindgen(typescript_type = "number[][]")]
    pub type GroupsJs;
    #[wasm_bindgen(typescript_type = "WireEverything")]
    pub type EverythingJs;
    #[wasm_bindgen(typescript_type = "WireCandidate[]")]
    pub type CandidatesJs;
    #[wasm_bindgen(typescript_type = "WireRecord[]")]
    pub type RecordsJs;
}

/// Arrays whose making may fail: js_sys's own constructors end the session where there is no memory.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Uint8Array, extends = Object)]
    type Bytes;
    #[wasm_bindgen(catch, constructor, js_class = "Uint8Array")]
    fn new(length: u32) -> Result<Bytes, JsValue>;
    #[wasm_bindgen(js_name = Float32Array, extends = Object)]
    type Floats;
    #[wasm_bindgen(catch, constructor, js_class = "Float32Array")]
    fn new(length: u32) -> Result<Floats, JsValue>;
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoadOptions {
    pub(super) name: Option<String>,
    pub(super) adapter: Option<String>,
    #[serde(default)]
    pub(super) software: bool,
    pub(super) hash: Option<String>,
    #[serde(default)]
    precision: WirePrecision,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WirePrecision {
    #[default]
    Auto,
    F16,
    F32,
}

impl LoadOptions {
    pub(super) fn precision(&self) -> Precision {
        match self.precision {
            WirePrecision::Auto => Precision::Auto,
            WirePrecision::F16 => Precision::F16,
            WirePrecision::F32 => Precision::F32,
        }
    }
}

/// What is said of a loaded model.
pub(super) fn precision(precision: Precision) -> &'static str {
    if precision == Precision::F16 { "f16" } else { "f32" }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionInfo<'a> {
    pub(super) model: &'a str,
    pub(super) layout: &'static str,
    pub(super) device: &'static str,
    pub(super) adapter: &'a str,
    pub(super) precision: &'static str,
    pub(super) parameters: usize,
    pub(super) bytes: f64,
    pub(super) image_size: usize,
    pub(super) hash: String,
}

#[derive(Deserialize)]
struct WirePrompt {
    #[serde(default)]
    points: Vec<WirePoint>,
    #[serde(rename = "box")]
    bounds: Option<[f32; 4]>,
    mask: Option<WireMaskPrompt>,
    tokens: Option<WireTokens>,
}

#[derive(Deserialize)]
struct WirePoint {
    x: f32,
    y: f32,
    label: i32,
}

#[derive(Deserialize)]
struct WireMaskPrompt {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    data: Object,
    width: usize,
    height: usize,
}

#[derive(Deserialize)]
struct WireTokens {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    data: Float32Array,
    rows: usize,
}

#[derive(Deserialize)]
struct WireOptions {
    multimask: bool,
    size: Option<[usize; 2]>,
    output: WireOutput,
    threshold: f32,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireOutput {
    Mask,
    Logits,
}

#[derive(Serialize)]
struct WireLogits {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    data: Float32Array,
    width: usize,
    height: usize,
}

#[derive(Serialize)]
struct WireMask {
    score: f32,
    token: usize,
    width: usize,
    height: usize,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    data: Object,
    bbox: [usize; 4],
    area: usize,
    logits: WireLogits,
}

#[derive(Serialize)]
struct WireTensor {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    data: Float32Array,
    shape: [usize; 4],
}

pub(super) fn prompts(value: PromptsJs, geometry: Geometry) -> Result<Vec<Prompt>, SamError> {
    wire_prompts(value)?.into_iter().map(|prompt| prompt.into_prompt(geometry)).collect()
}

/// What decides which prompts are decoded together; no mask is read for it.
pub(super) fn forms(value: PromptsJs, image: &ImageEmbedding) -> Result<Vec<Form>, SamError> {
    let form = |(index, prompt): (usize, WirePrompt)| {
        prompt.into_form(image).map_err(|error| error.within(&format!("prompts[{index}].")))
    };
    wire_prompts(value)?.into_iter().enumerate().map(form).collect()
}

fn wire_prompts(value: PromptsJs) -> Result<Vec<WirePrompt>, SamError> {
    serde_wasm_bindgen::from_value(value.into()).map_err(malformed("prompts"))
}

pub(super) fn options(value: OptionsJs) -> Result<SegmentOptions, SamError> {
    let WireOptions { multimask, size, output, threshold } =
        serde_wasm_bindgen::from_value(value.into()).map_err(malformed("options"))?;
    let output = match output {
        WireOutput::Mask => Output::Mask,
        WireOutput::Logits => Output::Logits,
    };
    Ok(SegmentOptions { multimask, size, output, threshold })
}

pub(super) fn load_options(value: LoadOptionsJs) -> Result<LoadOptions, SamError> {
    serde_wasm_bindgen::from_value(value.into()).map_err(malformed("options"))
}

pub(super) fn info(info: &SessionInfo<'_>) -> Result<SessionInfoJs, SamError> {
    to_js(info).map(JsCast::unchecked_into)
}

pub(super) fn tensor(data: &[f32], shape: [usize; 4]) -> Result<TensorJs, SamError> {
    to_js(&WireTensor { data: Float32Array::from(data), shape }).map(JsCast::unchecked_into)
}

pub(super) fn groups(groups: &[Vec<usize>]) -> Result<GroupsJs, SamError> {
    to_js(&groups).map(JsCast::unchecked_into)
}

/// Masks in JavaScript's memory: their pixels never are in wasm's, which could not be given back.
pub(super) fn masks(answers: Vec<Vec<Answer>>, rendering: &Rendering) -> Result<MasksJs, SamError> {
    let render = |masks: Vec<Answer>| masks.iter().map(|mask| wire_mask(mask, rendering)).collect();
    let masks = answers.into_iter().map(render).collect::<Result<Vec<Vec<WireMask>>, _>>()?;
    to_js(&masks).map(JsCast::unchecked_into)
}

impl WirePrompt {
    fn into_form(mut self, image: &ImageEmbedding) -> Result<Form, SamError> {
        let mask = self.mask.take();
        if let Some(mask) = &mask {
            mask.check(image.geometry())?;
        }
        Ok(Form { mask: mask.is_some(), ..image.form(&self.into_prompt(image.geometry())?)? })
    }

    fn into_prompt(self, geometry: Geometry) -> Result<Prompt, SamError> {
        let mut prompt = Prompt::new();
        for (index, WirePoint { x, y, label }) in self.points.into_iter().enumerate() {
            let label = match label {
                0 => Label::Background,
                1 => Label::Foreground,
                other => {
                    let reason = format!("is {other}; use 1 for foreground or 0 for background");
                    return Err(SamError::prompt(format!("points[{index}].label"), reason));
                }
            };
            let point = Point::new(x, y, label).map_err(|error| error.within(&format!("points[{index}].")))?;
            prompt = prompt.with_point(point);
        }
        if let Some(corners) = self.bounds {
            prompt = prompt.with_box(Box::new(corners)?);
        }
        if let Some(mask) = self.mask {
            prompt = prompt.with_mask(MaskPrompt::LowRes(mask.low_res_logits(geometry)?));
        }
        if let Some(WireTokens { data, rows }) = self.tokens {
            let tokens = data.to_vec();
            if rows > 0 && !tokens.len().is_multiple_of(rows) {
                return Err(SamError::prompt("tokens", format!("{} values are not {rows} rows", tokens.len())));
            }
            prompt = prompt.with_tokens(tokens)?;
        }
        Ok(prompt)
    }
}

/// A mask prompt's pixels, where they are.
enum MaskPixels<'a> {
    Logits(&'a Float32Array),
    Binary(&'a Uint8Array),
}

/// Pixels of a mask that are in wasm's memory at a time: it never shrinks again.
pub(super) const BAND: usize = 1 << 20;

impl WireMaskPrompt {
    fn pixels(&self) -> Result<MaskPixels<'_>, SamError> {
        if let Some(logits) = self.data.dyn_ref::<Float32Array>() {
            return Ok(MaskPixels::Logits(logits));
        }
        match self.data.dyn_ref::<Uint8Array>() {
            Some(pixels) => Ok(MaskPixels::Binary(pixels)),
            None => {
                Err(SamError::prompt("mask.data", "is neither a Float32Array of logits nor a Uint8Array of pixels"))
            }
        }
    }

    fn check(&self, geometry: Geometry) -> Result<(), SamError> {
        let (Self { width, height, .. }, low) = (self, geometry.low_res_size());
        match self.pixels()? {
            MaskPixels::Logits(data) if [*width, *height] != [low, low] || data.length() as usize != low * low => {
                let reason = format!("has logits for {width}×{height} pixels; this model's have {low}×{low}");
                Err(SamError::prompt("mask", reason))
            }
            MaskPixels::Logits(_) => Ok(()),
            MaskPixels::Binary(data) => MaskReader::check([*width, *height], data.length() as usize),
        }
    }

    /// The mask in the low-res frame.
    fn low_res_logits(&self, geometry: Geometry) -> Result<Vec<f32>, SamError> {
        self.check(geometry)?;
        let data = match self.pixels()? {
            MaskPixels::Logits(data) => return Ok(data.to_vec()),
            MaskPixels::Binary(data) => data,
        };
        let (width, pixels) = (self.width, data.length() as usize);
        let mut reader = MaskReader::new(geometry, [width, self.height], pixels)?;
        let mut band = vec![0; ((BAND / width).max(1) * width).min(pixels)];
        for start in (0..pixels).step_by(band.len()) {
            let length = band.len().min(pixels - start);
            let rows = &mut band[..length];
            data.subarray(start as u32, (start + rows.len()) as u32).copy_to(rows);
            reader.push(rows);
        }
        Ok(reader.finish())
    }
}

/// A typed array of an answer's pixels.
pub(super) trait Pixels: JsCast + Into<Object> {
    type Pixel;

    fn with_length(length: u32) -> Result<Self, JsValue>;

    fn place(&self, start: u32, pixels: &[Self::Pixel]);
}

impl Pixels for Uint8Array {
    type Pixel = u8;

    fn with_length(length: u32) -> Result<Self, JsValue> {
        Bytes::new(length).map(JsCast::unchecked_into)
    }

    fn place(&self, start: u32, pixels: &[u8]) {
        self.subarray(start, start + pixels.len() as u32).copy_from(pixels);
    }
}

impl Pixels for Float32Array {
    type Pixel = f32;

    fn with_length(length: u32) -> Result<Self, JsValue> {
        Floats::new(length).map(JsCast::unchecked_into)
    }

    fn place(&self, start: u32, pixels: &[f32]) {
        self.subarray(start, start + pixels.len() as u32).copy_from(pixels);
    }
}

fn wire_mask(answer: &Answer, rendering: &Rendering) -> Result<WireMask, SamError> {
    let (data, bounds) = match rendering.output {
        Output::Mask => render::<Uint8Array>(rendering, |emit| rendering.binary(answer, emit))?,
        Output::Logits => render::<Float32Array>(rendering, |emit| rendering.logits(answer, emit))?,
    };
    let mask = &answer.low_res;
    let side = mask.logits.len().isqrt();
    Ok(WireMask {
        score: mask.score,
        token: mask.token,
        width: rendering.width,
        height: rendering.height,
        data,
        bbox: bounds.bbox(),
        area: bounds.area,
        logits: WireLogits { data: Float32Array::from(mask.logits.as_slice()), width: side, height: side },
    })
}

/// Room for an answer in JavaScript's memory.
pub(super) fn room<P: Pixels>([width, height]: [usize; 2], instead: &str) -> Result<P, SamError> {
    P::with_length((width * height) as u32).map_err(|_| SamError::OutOfMemory {
        what: format!("an answer of {width}×{height} pixels"),
        instead: instead.into(),
    })
}

/// `rows` gives the rows to what it is given.
fn render<P: Pixels>(
    &Rendering { width, height, .. }: &Rendering,
    rows: impl FnOnce(&mut dyn FnMut(usize, &[P::Pixel])) -> Bounds,
) -> Result<(Object, Bounds), SamError> {
    let pixels: P = room([width, height], "ask for a smaller size")?;
    let bounds = rows(&mut |y, row| pixels.place((y * width) as u32, row));
    Ok((pixels.into(), bounds))
}

pub(super) fn to_js(value: &impl Serialize) -> Result<JsValue, SamError> {
    serde_wasm_bindgen::to_value(value).map_err(internal)
}
