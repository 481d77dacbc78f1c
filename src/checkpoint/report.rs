//! What does not fit, with the nearest name that would.

use crate::SamError;
use crate::error::{CheckpointFault, NAMED, TensorFaults};

/// Letters of one name times those of another, over all that are compared: a hostile file may have thousands of long ones.
/// What a released checkpoint needs is a hundredth of that.
const MOST_COMPARED: usize = 100_000_000;

/// A tensor of the model: its name in the file's layout and the shapes it may have.
#[derive(Debug)]
pub(super) struct Known {
    name: String,
    shapes: Vec<Vec<usize>>,
}

pub(super) fn known(name: String, shapes: &[Vec<usize>]) -> Known {
    Known { name, shapes: shapes.to_vec() }
}

/// Collects faults.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) faults: TensorFaults,
    pub(super) known: Vec<Known>,
}

impl Report {
    /// # Errors
    /// [`SamError::BadCheckpoint`] where there are any faults.
    pub(super) fn finish(mut self) -> Result<(), SamError> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let TensorFaults { missing, misshapen, extra, nearest, .. } = &mut self.faults;
        let left = &mut { MOST_COMPARED };
        for name in missing.iter().take(NAMED) {
            nearest.extend(pair(name, extra.iter().map(String::as_str), left));
        }
        for fault in misshapen.iter().take(NAMED) {
            let fits = |known: &&Known| known.name != fault.key && known.shapes.contains(&fault.found);
            nearest.extend(pair(&fault.key, self.known.iter().filter(fits).map(|known| known.name.as_str()), left));
        }
        for name in extra.iter().take(NAMED) {
            nearest.extend(pair(name, self.known.iter().map(|known| known.name.as_str()), left));
        }
        Err(SamError::BadCheckpoint(CheckpointFault::Tensors(self.faults)))
    }
}

/// The fault of one missing tensor, with the nearest of the names that are there.
pub(super) fn missing<'a>(name: String, names: impl Iterator<Item = &'a str>) -> SamError {
    let nearest = pair(&name, names, &mut { MOST_COMPARED }).into_iter().collect();
    let faults = TensorFaults { missing: vec![name], nearest, ..TensorFaults::default() };
    SamError::BadCheckpoint(CheckpointFault::Tensors(faults))
}

/// `left`: what may still be compared.
fn pair<'a>(name: &str, candidates: impl Iterator<Item = &'a str>, left: &mut usize) -> Option<(String, String)> {
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        // A distance is at least the difference in length: most need not be computed.
        if best.is_none_or(|(distance, _)| name.len().abs_diff(candidate.len()) < distance) {
            let Some(rest) = left.checked_sub(name.len() * candidate.len()) else { break };
            *left = rest;
            let distance = strsim::levenshtein(name, candidate);
            if best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
    }
    best.map(|(_, nearest)| (name.to_owned(), nearest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["mask_decoder.iou_token.weight", "mask_decoder.mask_tokens.weight", "x"];
        let nearest = |name: &str| pair(name, names.into_iter(), &mut 10_000).map(|(_, nearest)| nearest);
        assert_eq!(nearest("mask_decoder.iou_tokens.weight").as_deref(), Some(names[0]));
        assert_eq!(nearest("mask_decoder.mask_tokens").as_deref(), Some(names[1]));
        // What was compared before the budget was spent counts.
        let mut left = names[0].len() * 2;
        assert_eq!(pair("ma", names.into_iter(), &mut left), Some(("ma".to_owned(), names[0].to_owned())));
        assert_eq!(left, 0);
        assert_eq!(pair("a", std::iter::empty(), &mut 10_000), None);
    }
}
