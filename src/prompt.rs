//! What to segment: points, a box, an earlier mask, extra tokens. All coordinates are pixels of the original image.

use crate::SamError;

/// What a point says about the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// The point is not on the object.
    Background,
    /// The point is on the object.
    Foreground,
}

/// A click, in the image frame. It may lie outside the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    x: f32,
    y: f32,
    label: Label,
}

impl Point {
    /// A point with finite coordinates.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] for NaN or infinite coordinates.
    pub fn new(x: f32, y: f32, label: Label) -> Result<Self, SamError> {
        finite("x", x)?;
        finite("y", y)?;
        Ok(Self { x, y, label })
    }

    /// A point on the object. See [`Point::new`].
    ///
    /// # Errors
    /// As [`Point::new`].
    pub fn foreground(x: f32, y: f32) -> Result<Self, SamError> {
        Self::new(x, y, Label::Foreground)
    }

    /// A point outside the object. See [`Point::new`].
    ///
    /// # Errors
    /// As [`Point::new`].
    pub fn background(x: f32, y: f32) -> Result<Self, SamError> {
        Self::new(x, y, Label::Background)
    }

    /// Position in the image frame.
    pub fn position(&self) -> [f32; 2] {
        [self.x, self.y]
    }

    /// What the point says.
    pub fn label(&self) -> Label {
        self.label
    }
}

/// A rectangle in the image frame. It may reach outside the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Box {
    corners: [f32; 4],
}

impl Box {
    /// A box from two opposite corners `[x0, y0, x1, y1]`, in any order.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] for NaN or infinite coordinates.
    pub fn new([x0, y0, x1, y1]: [f32; 4]) -> Result<Self, SamError> {
        for (index, value) in [x0, y0, x1, y1].into_iter().enumerate() {
            finite(&format!("box[{index}]"), value)?;
        }
        Ok(Self { corners: [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)] })
    }

    /// Top left and bottom right corner in the image frame.
    pub fn corners(&self) -> [[f32; 2]; 2] {
        let [x0, y0, x1, y1] = self.corners;
        [[x0, y0], [x1, y1]]
    }
}

/// A mask to refine.
#[derive(Debug, Clone, PartialEq)]
pub enum MaskPrompt {
    /// Logits of an earlier answer in the low-res frame: (S/4)², row-major.
    LowRes(Vec<f32>),
    /// A binary mask of the whole image, one byte per pixel, any resolution of the same aspect; sides up to
    /// [`MAX_SIDE`](crate::geometry::MAX_SIDE).
    Image {
        /// 0 outside, anything else inside; row-major.
        data: Vec<u8>,
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
}

/// Everything asked about one object. An empty prompt is legal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prompt {
    pub(crate) points: Vec<Point>,
    pub(crate) bounds: Option<Box>,
    pub(crate) mask: Option<MaskPrompt>,
    pub(crate) tokens: Vec<f32>,
}

impl Prompt {
    /// A prompt that asks nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a point.
    pub fn with_point(mut self, point: Point) -> Self {
        self.points.push(point);
        self
    }

    /// Sets the box.
    pub fn with_box(mut self, bounds: Box) -> Self {
        self.bounds = Some(bounds);
        self
    }

    /// Sets the mask to refine.
    pub fn with_mask(mut self, mask: MaskPrompt) -> Self {
        self.mask = Some(mask);
        self
    }

    /// Sets extra sparse tokens: K rows of D values, concatenated.
    ///
    /// # Errors
    /// [`SamError::BadPrompt`] for NaN or infinite values.
    pub fn with_tokens(mut self, tokens: Vec<f32>) -> Result<Self, SamError> {
        if let Some(index) = tokens.iter().position(|v| !v.is_finite()) {
            return Err(SamError::prompt("tokens", format!("holds a value that is not finite, at {index}")));
        }
        self.tokens = tokens;
        Ok(self)
    }
}

fn finite(field: &str, value: f32) -> Result<(), SamError> {
    if value.is_finite() { Ok(()) } else { Err(SamError::prompt(field, format!("is {value}; give a finite number"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_must_be_finite() {
        assert_eq!(Point::foreground(f32::NAN, 0.0).unwrap_err().code(), "bad-prompt");
        assert_eq!(Box::new([0.0, 0.0, f32::INFINITY, 1.0]).unwrap_err().code(), "bad-prompt");
    }

    #[test]
    fn box_corners_come_in_any_order() {
        assert_eq!(Box::new([5.0, 1.0, 2.0, 7.0]).unwrap().corners(), [[2.0, 1.0], [5.0, 7.0]]);
    }
}
