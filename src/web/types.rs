//! The shapes of what crosses the boundary, and their TypeScript.

use js_sys::{Float32Array, Object, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::error::{internal, malformed};
use crate::mask::{LowResMask, Rendering};
use crate::prompt::{Box, Label, MaskPrompt, Point, Prompt};
use crate::{Output, SamError, SegmentOptions};

#[wasm_bindgen(typescript_custom_section)]
const TYPESCRIPT: &str = r#"
/** `hash`: SHA-256 of the checkpoint in hexadecimal, where it is known. */
export interface LoadOptions { name?: string; adapter?: string; precision?: "auto" | "f16" | "f32"; hash?: string }
export interface SessionInfo {
  model: string; device: "webgpu" | "cpu"; adapter: string; precision: "f32";
  parameters: number; imageSize: number; hash: string;
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
export interface WireTensor { data: Float32Array; shape: number[] }
"#;

#[wasm_bindgen]
extern "C" {
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
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoadOptions {
    pub(super) name: Option<String>,
    pub(super) adapter: Option<String>,
    pub(super) precision: Option<String>,
    pub(super) hash: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionInfo<'a> {
    pub(super) model: &'a str,
    pub(super) device: &'static str,
    pub(super) adapter: &'a str,
    pub(super) precision: &'static str,
    pub(super) parameters: usize,
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

pub(super) fn prompts(value: PromptsJs) -> Result<Vec<Prompt>, SamError> {
    let prompts: Vec<WirePrompt> = serde_wasm_bindgen::from_value(value.into()).map_err(malformed("prompts"))?;
    prompts.into_iter().map(WirePrompt::into_prompt).collect()
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

/// Masks in JavaScript's memory: their pixels never are in wasm's, which could not be given back.
pub(super) fn masks(answers: Vec<Vec<LowResMask>>, rendering: &Rendering) -> Result<MasksJs, SamError> {
    let render = |masks: Vec<LowResMask>| masks.into_iter().map(|mask| wire_mask(&mask, rendering)).collect();
    let masks: Vec<Vec<WireMask>> = answers.into_iter().map(render).collect();
    to_js(&masks).map(JsCast::unchecked_into)
}

impl WirePrompt {
    fn into_prompt(self) -> Result<Prompt, SamError> {
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
            prompt = prompt.with_point(Point::new(x, y, label).map_err(|error| in_point(index, error))?);
        }
        if let Some(corners) = self.bounds {
            prompt = prompt.with_box(Box::new(corners)?);
        }
        if let Some(mask) = self.mask {
            prompt = prompt.with_mask(mask.into_prompt()?);
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

/// Names the point in an error about one of its coordinates.
fn in_point(index: usize, error: SamError) -> SamError {
    match error {
        SamError::BadPrompt { field, reason } => {
            SamError::BadPrompt { field: format!("points[{index}].{field}"), reason }
        }
        other => other,
    }
}

impl WireMaskPrompt {
    fn into_prompt(self) -> Result<MaskPrompt, SamError> {
        let Self { data, width, height } = self;
        if let Some(logits) = data.dyn_ref::<Float32Array>() {
            return Ok(MaskPrompt::LowRes(logits.to_vec()));
        }
        match data.dyn_ref::<Uint8Array>() {
            Some(pixels) => Ok(MaskPrompt::Image { data: pixels.to_vec(), width, height }),
            None => {
                Err(SamError::prompt("mask.data", "is neither a Float32Array of logits nor a Uint8Array of pixels"))
            }
        }
    }
}

fn wire_mask(mask: &LowResMask, rendering: &Rendering) -> WireMask {
    let Rendering { width, height, threshold, logits, .. } = *rendering;
    let place = |y: usize| ((y * width) as u32, ((y + 1) * width) as u32);
    let (data, bounds): (Object, _) = if logits {
        let pixels = Float32Array::new_with_length((width * height) as u32);
        let bounds = rendering.rows(&mask.logits, |y, row| {
            let (start, end) = place(y);
            pixels.subarray(start, end).copy_from(row);
        });
        (pixels.into(), bounds)
    } else {
        let pixels = Uint8Array::new_with_length((width * height) as u32);
        let mut bits = vec![0; width];
        let bounds = rendering.rows(&mask.logits, |y, row| {
            for (bit, value) in bits.iter_mut().zip(row) {
                *bit = u8::from(*value > threshold);
            }
            let (start, end) = place(y);
            pixels.subarray(start, end).copy_from(&bits);
        });
        (pixels.into(), bounds)
    };
    let side = mask.logits.len().isqrt();
    WireMask {
        score: mask.score,
        token: mask.token,
        width,
        height,
        data,
        bbox: bounds.bbox(),
        area: bounds.area,
        logits: WireLogits { data: Float32Array::from(mask.logits.as_slice()), width: side, height: side },
    }
}

fn to_js(value: &impl Serialize) -> Result<JsValue, SamError> {
    serde_wasm_bindgen::to_value(value).map_err(internal)
}
