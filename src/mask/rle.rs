//! Masks as run lengths, bit for bit those of COCO.
//!
//! Follows <https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c>

mod runs;

pub(crate) use runs::{Column, Span};

use crate::SamError;
use crate::geometry::MAX_SIDE;

/// A mask as run lengths in column-major order, beginning with the pixels outside, as COCO has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rle {
    /// `[height, width]`, each from 1 to 32767.
    size: [usize; 2],
    /// Outside and inside by turns; together they are all pixels.
    counts: Vec<u32>,
}

impl Rle {
    /// Run lengths from somewhere else; `size` is `[height, width]`.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] where they are not as many pixels as the size says, or where that has no pixels or too many.
    pub fn new(size: [usize; 2], counts: Vec<u32>) -> Result<Self, SamError> {
        let pixels = check(size)?;
        let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        if sum != pixels as u64 {
            let [height, width] = size;
            return Err(SamError::prompt("rle.counts", format!("are {sum} pixels together, not {width}×{height}")));
        }
        Ok(Self { size, counts })
    }

    /// From pixels, row-major: inside is what is not 0.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] where there are not `width` × `height` pixels, or none, or too many.
    pub fn from_pixels(pixels: &[u8], width: usize, height: usize) -> Result<Self, SamError> {
        check_pixels(pixels, width, height)?;
        let mut counts = Vec::new();
        let (mut inside, mut run) = (false, 0);
        for x in 0..width {
            for pixel in pixels[x..].iter().step_by(width) {
                if (*pixel != 0) != inside {
                    counts.push(run);
                    (inside, run) = (!inside, 0);
                }
                run += 1;
            }
        }
        counts.push(run);
        Ok(Self { size: [height, width], counts })
    }

    /// From COCO's compressed form; `size` is `[height, width]`.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] where the text is damaged or is not of that size.
    pub fn from_coco_string(text: &str, size: [usize; 2]) -> Result<Self, SamError> {
        let damaged = |at: usize| SamError::prompt("rle.counts", format!("is damaged at byte {at}"));
        let mut counts: Vec<u32> = Vec::new();
        let (mut value, mut shift) = (0i64, 0);
        for (at, byte) in text.bytes().enumerate() {
            // Seven characters hold any run.
            if !(48..48 + 64).contains(&byte) || shift > 30 {
                return Err(damaged(at));
            }
            let bits = byte - 48;
            value |= i64::from(bits & 0x1f) << shift;
            shift += 5;
            if bits & 0x20 != 0 {
                continue;
            }
            if bits & 0x10 != 0 {
                value -= 1 << shift;
            }
            if let [_, .., before, _] = counts[..] {
                value += i64::from(before);
            }
            counts.push(u32::try_from(value).map_err(|_| damaged(at))?);
            (value, shift) = (0, 0);
        }
        if shift > 0 {
            return Err(SamError::prompt("rle.counts", "ends in the middle of a run"));
        }
        Self::new(size, counts)
    }

    /// COCO's compressed form, byte for byte that of pycocotools.
    pub fn coco_string(&self) -> String {
        let counts = &self.counts;
        let mut text = String::with_capacity(2 * counts.len());
        for (index, count) in counts.iter().enumerate() {
            // From the fourth run on COCO stores the difference to the run two before. Five bits a character, low ones
            // first; 0x20 says that more follow, 0x10 is the sign.
            let before = if index > 2 { counts[index - 2] } else { 0 };
            let mut rest = i64::from(*count) - i64::from(before);
            let mut more = true;
            while more {
                let bits = (rest & 0x1f) as u8;
                rest >>= 5;
                more = rest != if bits & 0x10 == 0 { 0 } else { -1 };
                text.push(char::from(48 + bits + if more { 0x20 } else { 0 }));
            }
        }
        text
    }

    /// The pixels, row-major: 1 inside, 0 outside.
    pub fn to_pixels(&self) -> Vec<u8> {
        let mut pixels = vec![0; self.size[0] * self.size[1]];
        self.write_rows(0, &mut pixels);
        pixels
    }

    /// `[height, width]`.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Pixels outside and inside by turns, down the columns.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The same, without a copy.
    pub(crate) fn into_counts(self) -> Vec<u32> {
        self.counts
    }

    /// Number of pixels inside.
    pub fn area(&self) -> usize {
        self.runs().map(|(start, end)| end - start).sum()
    }

    /// `[x, y, width, height]` of what is inside; all 0 where nothing is.
    pub fn bbox(&self) -> [usize; 4] {
        let height = self.size[0];
        let mut extent: Option<[usize; 4]> = None;
        for (start, end) in self.runs() {
            let (first, last) = (start / height, (end - 1) / height);
            // A run that goes on in the next column has the last row of the one and the first of the other.
            let (y0, y1) = if first == last { (start % height, (end - 1) % height) } else { (0, height - 1) };
            let [left, top, _, bottom] = extent.unwrap_or([first, y0, last, y1]);
            extent = Some([left, top.min(y0), last, bottom.max(y1)]);
        }
        extent.map_or([0; 4], |[left, top, right, bottom]| [left, top, right - left + 1, bottom - top + 1])
    }

    /// The runs inside that have pixels, as positions in column-major order: from the first to before the second.
    fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut end = 0;
        let bounds = self.counts.iter().map(move |count| {
            let start = end;
            end += *count as usize;
            (start, end)
        });
        bounds.skip(1).step_by(2).filter(|(start, end)| start < end)
    }
}

/// Fails unless there is a pixel for each place of a mask that may be.
pub(super) fn check_pixels(pixels: &[u8], width: usize, height: usize) -> Result<(), SamError> {
    if check([height, width])? == pixels.len() {
        return Ok(());
    }
    Err(SamError::prompt("mask", format!("has {} pixels, not {width}×{height}", pixels.len())))
}

/// The number of pixels of a mask that may be.
fn check([height, width]: [usize; 2]) -> Result<usize, SamError> {
    if [height, width].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
        return Ok(width * height);
    }
    let reason = format!("is {width}×{height}; sides are from 1 to {MAX_SIDE} pixels");
    Err(SamError::prompt("size", reason))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use super::*;

    /// Masks, and what pycocotools makes of them: `tools/fixtures/mask_cases.py`.
    pub(in crate::mask) fn cases() -> Vec<Value> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/masks.json");
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub(in crate::mask) fn number(value: &Value) -> usize {
        value.as_u64().unwrap_or_else(|| panic!("{value} is no number")) as usize
    }

    fn text(value: &Value) -> &str {
        value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
    }

    pub(in crate::mask) fn pixels(case: &Value) -> Vec<u8> {
        text(&case["data"]).bytes().map(|digit| digit - b'0').collect()
    }

    #[test]
    fn equals_pycocotools() -> Result<(), SamError> {
        let cases = cases();
        assert!(cases.len() >= 60, "{} cases", cases.len());
        for case in cases {
            let name = text(&case["name"]);
            let (width, height) = (number(&case["width"]), number(&case["height"]));
            let rle = Rle::from_pixels(&pixels(&case), width, height)?;
            assert_eq!(rle.coco_string(), text(&case["counts"]), "{name}");
            assert_eq!(rle.area(), number(&case["area"]), "{name}");
            assert_eq!(Value::from(rle.bbox().to_vec()), case["bbox"], "{name}");
            assert_eq!(rle.to_pixels(), pixels(&case), "{name}");
            assert_eq!(Rle::from_coco_string(text(&case["counts"]), [height, width])?, rle, "{name}");
            assert_eq!(Rle::new(rle.size(), rle.counts().to_vec())?, rle, "{name}");
        }
        Ok(())
    }

    #[test]
    fn goes_down_the_columns_and_begins_outside() -> Result<(), SamError> {
        assert_eq!(Rle::from_pixels(&[1, 0, 255, 0], 2, 2)?.counts(), [0, 2, 2]);
        Ok(())
    }

    #[test]
    fn reads_runs_of_no_pixels() -> Result<(), SamError> {
        let rle = Rle::new([1, 4], vec![0, 0, 1, 1, 0, 1, 1, 0])?;
        assert_eq!((rle.to_pixels(), rle.area(), rle.bbox()), (vec![0, 1, 1, 0], 2, [1, 0, 2, 1]));
        Ok(())
    }

    #[test]
    fn survives_the_largest_mask() -> Result<(), SamError> {
        let all = (MAX_SIDE * MAX_SIDE) as u32;
        let rle = Rle::new([MAX_SIDE, MAX_SIDE], vec![0, 0, 0, 0, 1, all - 1])?;
        assert_eq!(Rle::from_coco_string(&rle.coco_string(), rle.size())?, rle);
        assert_eq!((rle.area(), rle.bbox()), (MAX_SIDE * MAX_SIDE - 1, [0, 0, MAX_SIDE, MAX_SIDE]));
        Ok(())
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let refused = |result: Result<Rle, SamError>, part: &str| match result {
            Err(error) => {
                assert_eq!(error.code(), "bad-prompt");
                assert!(error.to_string().contains(part), "{error}");
            }
            Ok(rle) => panic!("{rle:?}"),
        };
        refused(Rle::new([2, 2], vec![1, 2]), "3 pixels together, not 2×2");
        refused(Rle::new([2, 2], vec![u32::MAX; 9]), "pixels together");
        refused(Rle::new([0, 2], vec![]), "is 2×0");
        refused(Rle::new([usize::MAX, 2], vec![]), "from 1 to 32767");
        refused(Rle::from_pixels(&[0; 5], 2, 3), "has 5 pixels, not 2×3");
        refused(Rle::from_pixels(&[], 0, 3), "is 0×3");
        for (text, part) in [
            ("", "are 0 pixels"),
            ("1 1", "damaged at byte 1"),
            ("1p", "damaged at byte 1"),
            ("1é", "damaged at byte 1"),
            ("11T", "ends in the middle of a run"),
            ("oooooooo0", "damaged at byte 7"),
            ("O5", "damaged at byte 0"),
            ("15oooooo?", "damaged at byte 8"),
        ] {
            refused(Rle::from_coco_string(text, [2, 2]), part);
        }
    }

    #[test]
    fn random_text_is_refused_or_read() {
        let mut seed = 7u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % below
        };
        for _ in 0..20_000 {
            let text: String = (0..next(9)).map(|_| char::from(44 + next(70) as u8)).collect();
            match Rle::from_coco_string(&text, [3, 4]) {
                Ok(rle) => assert_eq!(rle.to_pixels().len(), 12),
                Err(error) => assert_eq!(error.code(), "bad-prompt", "{text}"),
            }
        }
    }
}
