//! Prompts in the input frame: what of them goes to the device, and which of them go together.

use crate::SamError;
use crate::geometry::Geometry;
use crate::model::prompt_encoder::{SparsePoint, TokenKind};
use crate::preprocess::MaskReader;
use crate::prompt::{Label, MaskPrompt, Prompt};

/// Points, corners and extra tokens of one prompt. Every one attends to every other, so that memory grows with the square.
pub(super) const MAX_TOKENS: usize = 2048;
/// A coordinate in the input frame beyond this could overflow f32 in the positional encoding.
const MAX_POSITION: f32 = 1e32;

/// What must be the same of prompts that are decoded together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// Points, corners of the box, padding.
    pub(crate) points: usize,
    /// Extra tokens.
    pub(crate) tokens: usize,
    /// Is there a mask?
    pub(crate) mask: bool,
}

impl Form {
    /// The form of a prompt, if it can be decoded by a model of width `dim`.
    pub(super) fn of(prompt: &Prompt, geometry: &Geometry, dim: usize) -> Result<Self, SamError> {
        if !prompt.tokens.len().is_multiple_of(dim) {
            let found = prompt.tokens.len();
            let reason = format!("holds {found} values; this model's tokens have {dim} each");
            return Err(SamError::prompt("tokens", reason));
        }
        let (points, tokens) = (sparse_points(prompt, geometry)?.len(), prompt.tokens.len() / dim);
        if points + tokens > MAX_TOKENS {
            let field = if points > tokens { "points" } else { "tokens" };
            let reason = format!("make {} tokens of this prompt; {MAX_TOKENS} is the most", points + tokens);
            return Err(SamError::prompt(field, reason));
        }
        match &prompt.mask {
            Some(MaskPrompt::LowRes(logits)) => check_logits(logits, geometry)?,
            Some(MaskPrompt::Image { data, width, height }) => MaskReader::check([*width, *height], data.len())?,
            None => {}
        }
        Ok(Self { points, tokens, mask: prompt.mask.is_some() })
    }

    /// Sparse tokens of the prompt.
    pub(super) fn tokens(&self) -> usize {
        self.points + self.tokens
    }
}

/// A prompt in the input frame.
pub(super) struct EncodedPrompt {
    pub(super) points: Vec<SparsePoint>,
    /// Rows of D values, concatenated.
    pub(super) tokens: Vec<f32>,
    /// Logits in the low-res frame.
    pub(super) mask: Option<Vec<f32>>,
}

impl EncodedPrompt {
    pub(super) fn new(prompt: &Prompt, geometry: &Geometry, dim: usize) -> Result<Self, SamError> {
        Form::of(prompt, geometry, dim)?;
        Ok(Self {
            points: sparse_points(prompt, geometry)?,
            tokens: prompt.tokens.clone(),
            mask: prompt.mask.as_ref().map(|mask| low_res_logits(mask, geometry)).transpose()?,
        })
    }
}

/// Points, then the corners of the box or, as in the reference, a padding point where there is none.
fn sparse_points(prompt: &Prompt, geometry: &Geometry) -> Result<Vec<SparsePoint>, SamError> {
    let sparse = |position, kind, field: &dyn Fn() -> String| {
        let position_in_input = geometry.input_from_image(position);
        if position_in_input.iter().all(|v| v.abs() <= MAX_POSITION) {
            Ok(SparsePoint { position_in_input, kind })
        } else {
            Err(SamError::prompt(field(), format!("lies at {position:?}, too far outside the image")))
        }
    };
    let mut points = Vec::with_capacity(prompt.points.len() + 2);
    for (index, point) in prompt.points.iter().enumerate() {
        let kind = match point.label() {
            Label::Foreground => TokenKind::Foreground,
            Label::Background => TokenKind::Background,
        };
        points.push(sparse(point.position(), kind, &|| format!("points[{index}]"))?);
    }
    match prompt.bounds {
        Some(bounds) => {
            for (corner, kind) in bounds.corners().into_iter().zip([TokenKind::TopLeft, TokenKind::BottomRight]) {
                points.push(sparse(corner, kind, &|| "box".into())?);
            }
        }
        None if !points.is_empty() => {
            points.push(SparsePoint { position_in_input: [0.0; 2], kind: TokenKind::NotAPoint });
        }
        None => {}
    }
    Ok(points)
}

fn check_logits(logits: &[f32], geometry: &Geometry) -> Result<(), SamError> {
    let low = geometry.low_res_size();
    if logits.len() != low * low {
        let found = logits.len();
        return Err(SamError::prompt("mask", format!("has {found} logits; this model's have {low}×{low}")));
    }
    if logits.iter().any(|v| !v.is_finite()) {
        return Err(SamError::prompt("mask", "holds a value that is not finite"));
    }
    Ok(())
}

/// A mask prompt as logits in the low-res frame.
fn low_res_logits(mask: &MaskPrompt, geometry: &Geometry) -> Result<Vec<f32>, SamError> {
    match mask {
        MaskPrompt::LowRes(logits) => Ok(logits.clone()),
        MaskPrompt::Image { data, width, height } => {
            let mut reader = MaskReader::new(*geometry, [*width, *height], data.len())?;
            reader.push(data);
            Ok(reader.finish())
        }
    }
}

/// Indices of prompts of the same form, no more of them together than `max_batch` allows.
pub(super) fn groups(forms: &[Form], max_batch: impl Fn(Form) -> usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, form) in forms.iter().enumerate() {
        let fits = |group: &&mut Vec<usize>| forms[group[0]] == *form && group.len() < max_batch(*form);
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_one_form_and_are_not_too_large() {
        let form = |points| Form { points, tokens: 0, mask: false };
        let forms = [form(2), form(3), form(2), form(2), Form { mask: true, ..form(3) }, form(3)];
        assert_eq!(groups(&forms, |_| 2), [vec![0, 2], vec![1, 5], vec![3], vec![4]]);
        assert_eq!(groups(&[], |_| 2), Vec::<Vec<usize>>::new());
    }
}
