//! An image on its way through the generator, one batch of points at a time.

use super::Record;
use super::filter::{Answer, Filter, Found};
use super::grid::{Crop, crops, grids};
use super::options::{EverythingOptions, OutputMode};
use super::scan::Scanner;
use crate::geometry::Geometry;
use crate::mask::LowResMask;
use crate::{ImageEmbedding, Point, SamError};

/// A mask that passed the filters of its batch and may still turn out to be a duplicate: something to draw meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The box around the mask, as in [`Record::bbox`].
    pub bbox: [usize; 4],
    /// The model's own estimate of the mask's IoU.
    pub score: f32,
    /// The point that was asked, x and y in the image frame.
    pub point: [f64; 2],
    /// `[x, y, width, height]` of the part of the image that `data` covers.
    pub crop_box: [usize; 4],
    /// Width of `data` in pixels.
    pub width: usize,
    /// Height of `data` in pixels.
    pub height: usize,
    /// The mask at low resolution, row-major: 1 inside, 0 outside.
    pub data: Vec<u8>,
}

/// An image on its way through the generator, one batch of points at a time. Made by [`ImageEmbedding::everything`].
///
/// The points of the whole image come first. Where there are crops, each is then asked for in turn: while
/// [`wanted`](Self::wanted) names one, it must be encoded and [`supply`](Self::supply)ed.
#[derive(Debug)]
pub struct Everything {
    points_per_batch: usize,
    output_mode: OutputMode,
    crops: Vec<Crop>,
    /// Points of each layer as fractions of a crop.
    grids: Vec<Vec<[f64; 2]>>,
    filter: Filter,
    /// Crops that are over.
    crops_done: usize,
    current: Option<Current>,
    /// The model's, to know it again.
    image: ImageEmbedding,
    /// Points done, of all crops.
    done: usize,
    total: usize,
    candidates: Vec<Candidate>,
}

/// The crop that is looked at.
#[derive(Debug)]
struct Current {
    embedding: ImageEmbedding,
    scanner: Scanner,
    /// Points done.
    done: usize,
}

impl ImageEmbedding {
    /// Begins to look for everything in the image.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] that names the parameter.
    pub fn everything(&self, options: &EverythingOptions) -> Result<Everything, SamError> {
        options.check()?;
        let Geometry { image_width, image_height, .. } = self.geometry();
        let size = [image_width, image_height];
        let (crops, grids) = (crops(size, options)?, grids(options)?);
        Ok(Everything {
            points_per_batch: options.points_per_batch,
            output_mode: options.output_mode,
            total: crops.iter().map(|crop| grids[crop.layer].len()).sum(),
            crops,
            grids,
            filter: Filter::new(options.clone(), size),
            crops_done: 0,
            current: Some(Current::new(self.clone())),
            image: self.clone(),
            done: 0,
            candidates: Vec::new(),
        })
    }
}

impl Everything {
    /// Points done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Points in all, those of crops too.
    pub fn total(&self) -> usize {
        self.total
    }

    /// What the last step found, before duplicates are removed.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The crop to encode next, `[x, y, width, height]` in the image frame; none while points of the last one are left,
    /// and at the end.
    pub fn wanted(&self) -> Option<[usize; 4]> {
        if self.current.is_some() { None } else { self.crops.get(self.crops_done).map(Crop::xywh) }
    }

    /// The crop that is wanted, encoded from its own pixels.
    ///
    /// # Errors
    /// [`SamError::BadImage`] for one that is not wanted, of another size or by another model.
    pub fn supply(&mut self, crop: ImageEmbedding) -> Result<(), SamError> {
        let Some([x, y, width, height]) = self.wanted() else {
            return Err(SamError::image("no crop is wanted now"));
        };
        let geometry = crop.geometry();
        if [geometry.image_width, geometry.image_height] != [width, height] || !crop.has_model_of(&self.image) {
            let reason =
                format!("the crop of {width}×{height} pixels at ({x}, {y}) is wanted, encoded by the same model");
            return Err(SamError::image(reason));
        }
        self.current = Some(Current::new(crop));
        Ok(())
    }

    /// One batch of points; true after the last.
    ///
    /// # Errors
    /// [`SamError::BadImage`] while a crop is wanted; [`SamError::BadPrompt`] for a point too far outside its crop;
    /// [`SamError::DeviceLost`].
    pub async fn step(&mut self) -> Result<bool, SamError> {
        self.candidates.clear();
        let Some(crop) = self.crops.get(self.crops_done).copied() else { return Ok(true) };
        let Some(current) = &mut self.current else {
            return Err(SamError::image(format!("its crop {:?} is wanted first", crop.xywh())));
        };
        let grid = &self.grids[crop.layer];
        let batch = self.points_per_batch.min(current.embedding.max_points()).min(grid.len() - current.done);
        let scale = |[x, y]: [f64; 2]| [x * crop.width() as f64, y * crop.height() as f64];
        let points: Vec<[f64; 2]> =
            grid[current.done..current.done + batch].iter().map(|point| scale(*point)).collect();
        let prompts: Vec<Point> =
            points.iter().map(|[x, y]| Point::foreground(*x as f32, *y as f32)).collect::<Result<_, _>>()?;
        for (index, mask) in current.embedding.candidates(&prompts, |score| self.filter.passes_score(score)).await? {
            let answer = Answer { point: points[index], score: mask.score, logits: &mask.logits };
            if let Some(found) = self.filter.add(&current.scanner, &crop, answer) {
                self.candidates.push(candidate(found, &mask, current.embedding.geometry()));
            }
        }
        current.done += batch;
        self.done += batch;
        if current.done == grid.len() {
            self.filter.end_crop();
            self.crops_done += 1;
            self.current = None;
        }
        Ok(self.crops_done == self.crops.len())
    }

    /// The records, as far as points are done.
    pub fn finish(self) -> Vec<Record> {
        let mode = self.output_mode;
        self.into_found().into_iter().map(|found| found.record(mode)).collect()
    }

    /// All steps, and the records; `crop` encodes `[x, y, width, height]` of the image.
    ///
    /// # Errors
    /// As [`step`](Self::step) and [`supply`](Self::supply), and those of `crop`.
    pub async fn run(
        mut self,
        mut crop: impl FnMut([usize; 4]) -> Result<ImageEmbedding, SamError>,
    ) -> Result<Vec<Record>, SamError> {
        loop {
            if let Some(wanted) = self.wanted() {
                self.supply(crop(wanted)?)?;
            }
            if self.step().await? {
                return Ok(self.finish());
            }
        }
    }

    /// The records before their masks are written.
    pub(crate) fn into_found(mut self) -> Vec<Found> {
        if self.current.is_some() {
            self.filter.end_crop();
        }
        self.filter.finish()
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn output_mode(&self) -> OutputMode {
        self.output_mode
    }
}

impl Current {
    fn new(embedding: ImageEmbedding) -> Self {
        Self { scanner: Scanner::new(embedding.geometry()), embedding, done: 0 }
    }
}

/// The low-res mask, without the padding.
fn candidate(found: &Found, mask: &LowResMask, geometry: Geometry) -> Candidate {
    let low = geometry.low_res_size();
    let side = |pixels: usize| (pixels * low).div_ceil(geometry.input_size);
    let (width, height) = (side(geometry.input_width), side(geometry.input_height));
    let rows = mask.logits.chunks_exact(low).take(height);
    Candidate {
        bbox: found.bbox(),
        score: found.score,
        point: found.point,
        crop_box: found.crop.xywh(),
        width,
        height,
        data: rows.flat_map(|row| row[..width].iter().map(|logit| u8::from(*logit > 0.0))).collect(),
    }
}
