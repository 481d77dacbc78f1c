//! Everything mode at the boundary: parameters in, candidates and records out.

use js_sys::{Float64Array, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::{JsResult, malformed};
use super::session::Embedding;
use super::types::{BAND, CandidatesJs, EverythingJs, Pixels, RecordsJs, room, to_js};
use crate::SamError;
use crate::everything::{Candidate, EverythingOptions, Found, OutputMode, PointGrids};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEverything {
    points_per_side: Option<usize>,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    point_grids: js_sys::Array,
    points_per_batch: Option<usize>,
    pred_iou_thresh: Option<f64>,
    stability_score_thresh: Option<f64>,
    stability_score_offset: Option<f64>,
    box_nms_thresh: Option<f64>,
    crop_n_layers: Option<usize>,
    crop_nms_thresh: Option<f64>,
    crop_overlap_ratio: Option<f64>,
    crop_n_points_downscale_factor: Option<usize>,
    min_mask_region_area: Option<usize>,
    output_mode: Option<WireOutputMode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireOutputMode {
    BinaryMask,
    UncompressedRle,
    CocoRle,
}

#[derive(Serialize)]
struct WireMask {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    data: Uint8Array,
    width: usize,
    height: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireCandidate {
    mask: WireMask,
    bbox: [usize; 4],
    score: f32,
    point: [f64; 2],
    crop_box: [usize; 4],
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireSegmentation {
    Pixels(WireMask),
    Runs { size: [usize; 2], counts: Vec<u32> },
    Coco { size: [usize; 2], counts: String },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireRecord {
    segmentation: WireSegmentation,
    area: usize,
    bbox: [usize; 4],
    predicted_iou: f32,
    point_coords: [[f64; 2]; 1],
    stability_score: f32,
    crop_box: [usize; 4],
}

/// Automatic masks in the making.
#[wasm_bindgen]
pub struct Generation(crate::Everything);

#[wasm_bindgen]
impl Embedding {
    /// Begins to look for everything in the image; errors name the option: `options.cropNLayers`.
    pub fn everything(&self, options: EverythingJs) -> JsResult<Generation> {
        Ok(Generation(self.0.everything(&parameters(options)?).map_err(named_in_javascript)?))
    }
}

#[wasm_bindgen]
impl Generation {
    /// Points done.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> usize {
        self.0.done()
    }

    /// Points in all.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.0.total()
    }

    /// The crop to encode and to supply before the next step: `[x, y, width, height]`.
    #[wasm_bindgen(getter)]
    pub fn wanted(&self) -> Option<Vec<u32>> {
        self.0.wanted().map(|crop| crop.map(|v| v as u32).to_vec())
    }

    /// The crop that is wanted.
    pub fn supply(&mut self, crop: Embedding) -> JsResult<()> {
        Ok(self.0.supply(crop.0)?)
    }

    /// One batch of points; true after the last.
    pub async fn step(&mut self) -> JsResult<bool> {
        Ok(self.0.step().await?)
    }

    /// What the last step found.
    pub fn candidates(&self) -> JsResult<CandidatesJs> {
        let candidates: Vec<WireCandidate> = self.0.candidates().iter().map(wire_candidate).collect();
        Ok(to_js(&candidates).map(JsCast::unchecked_into)?)
    }

    /// The records.
    pub fn finish(self) -> JsResult<RecordsJs> {
        let mode = self.0.output_mode();
        let records = self.0.into_found().into_iter().map(|found| wire_record(found, mode));
        let records: Vec<WireRecord> = records.collect::<Result<_, _>>()?;
        Ok(to_js(&records).map(JsCast::unchecked_into)?)
    }
}

fn parameters(value: EverythingJs) -> Result<EverythingOptions, SamError> {
    let wire: WireEverything = serde_wasm_bindgen::from_value(value.into()).map_err(malformed("options"))?;
    let default = EverythingOptions::default();
    let points = match wire.points_per_side {
        Some(per_side) => PointGrids::PerSide(per_side),
        None if wire.point_grids.length() > 0 => PointGrids::Explicit(wire.point_grids.iter().map(grid).collect()),
        None => default.points,
    };
    Ok(EverythingOptions {
        points,
        points_per_batch: wire.points_per_batch.unwrap_or(default.points_per_batch),
        pred_iou_thresh: wire.pred_iou_thresh.unwrap_or(default.pred_iou_thresh),
        stability_score_thresh: wire.stability_score_thresh.unwrap_or(default.stability_score_thresh),
        stability_score_offset: wire.stability_score_offset.unwrap_or(default.stability_score_offset),
        box_nms_thresh: wire.box_nms_thresh.unwrap_or(default.box_nms_thresh),
        crop_n_layers: wire.crop_n_layers.unwrap_or(default.crop_n_layers),
        crop_nms_thresh: wire.crop_nms_thresh.unwrap_or(default.crop_nms_thresh),
        crop_overlap_ratio: wire.crop_overlap_ratio.unwrap_or(default.crop_overlap_ratio),
        crop_n_points_downscale_factor: wire
            .crop_n_points_downscale_factor
            .unwrap_or(default.crop_n_points_downscale_factor),
        min_mask_region_area: wire.min_mask_region_area.unwrap_or(default.min_mask_region_area),
        output_mode: match wire.output_mode {
            Some(WireOutputMode::BinaryMask) => OutputMode::BinaryMask,
            Some(WireOutputMode::UncompressedRle) => OutputMode::UncompressedRle,
            Some(WireOutputMode::CocoRle) => OutputMode::CocoRle,
            None => default.output_mode,
        },
    })
}

fn grid(values: wasm_bindgen::JsValue) -> Vec<[f64; 2]> {
    Float64Array::new(&values).to_vec().as_chunks::<2>().0.to_vec()
}

/// `crop_n_layers` is `options.cropNLayers` there.
fn named_in_javascript(error: SamError) -> SamError {
    let SamError::BadPrompt { field, reason } = error else { return error };
    let mut name = String::from("options.");
    let mut is_start = false;
    for letter in field.chars() {
        match letter {
            '_' => is_start = true,
            letter if is_start => {
                name.push(letter.to_ascii_uppercase());
                is_start = false;
            }
            letter => name.push(letter),
        }
    }
    SamError::BadPrompt { field: name, reason }
}

fn wire_candidate(candidate: &Candidate) -> WireCandidate {
    let Candidate { bbox, score, point, crop_box, width, height, ref data } = *candidate;
    WireCandidate { mask: WireMask { data: Uint8Array::from(&data[..]), width, height }, bbox, score, point, crop_box }
}

fn wire_record(found: Found, mode: OutputMode) -> Result<WireRecord, SamError> {
    let size = found.mask.size();
    let area = found.mask.area();
    let (bbox, crop_box) = (found.bbox(), found.crop.xywh());
    let segmentation = match mode {
        OutputMode::BinaryMask => WireSegmentation::Pixels(pixels(&found)?),
        OutputMode::UncompressedRle => WireSegmentation::Runs { size, counts: found.mask.into_counts() },
        OutputMode::CocoRle => WireSegmentation::Coco { size, counts: found.mask.coco_string() },
    };
    Ok(WireRecord {
        segmentation,
        area,
        bbox,
        predicted_iou: found.score,
        point_coords: [found.point],
        stability_score: found.stability,
        crop_box,
    })
}

/// In JavaScript's memory, band by band.
fn pixels(found: &Found) -> Result<WireMask, SamError> {
    let [height, width] = found.mask.size();
    let data: Uint8Array = room([width, height], "pass outputMode \"coco_rle\" or a higher predIouThresh")?;
    let rows = (BAND / width).max(1);
    let mut band = vec![0; rows.min(height) * width];
    for y in (0..height).step_by(rows) {
        let band = &mut band[..rows.min(height - y) * width];
        found.mask.write_rows(y, band);
        data.place((y * width) as u32, band);
    }
    Ok(WireMask { data, width, height })
}
