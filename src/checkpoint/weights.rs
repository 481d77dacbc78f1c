//! A parameter's values from the tensors it is made of.

use half::{bf16, f16};

use super::plan::Change;
use super::tensor::Element;
use crate::SamError;
use crate::model::common::EPS_TORCH;

/// A tensor as the file has it.
pub(super) struct Stored {
    pub(super) bytes: Vec<u8>,
    pub(super) element: Element,
}

/// A parameter's values in our layout.
pub(super) enum Values {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

/// An empty buffer of `length` values.
///
/// # Errors
/// [`SamError::OutOfMemory`]: one large buffer more than there is room for must not end the session.
pub(super) fn buffer<T: Clone + Default>(length: usize) -> Result<Vec<T>, SamError> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|_| SamError::OutOfMemory {
        what: format!("{:.0} MB of the checkpoint", (length as f64 * size_of::<T>() as f64 / 1e6).ceil()),
        instead: "use a smaller model".into(),
    })?;
    buffer.resize(length, T::default());
    Ok(buffer)
}

/// What a change makes of a parameter's tensors, whose shapes have been checked. With `half`, the weight of a linear layer
/// that the file has in f16 stays so.
pub(super) fn make(change: Change, parts: Vec<Stored>, half: bool) -> Result<Values, SamError> {
    let lacking = || SamError::Internal { reason: format!("{change:?} was given too few tensors") };
    let mut parts = parts.into_iter();
    let mut next = || parts.next().ok_or_else(lacking);
    let values = match change {
        Change::None => widen(next()?)?,
        Change::Transpose { rows, columns } => {
            let stored = next()?;
            if half && stored.element == Element::F16 {
                return Ok(Values::F16(transpose(&halves(stored)?, rows, columns)?));
            }
            transpose(&widen(stored)?, rows, columns)?
        }
        Change::Permute { shape, order } => permute(&widen(next()?)?, shape, order)?,
        Change::FoldWeight { outputs, transpose: input } => {
            let scales = scales(&widen(next()?)?, &widen(next()?)?);
            let mut weights = widen(next()?)?;
            let per_output = (weights.len() / outputs.max(1)).max(1);
            for (weights, scale) in weights.chunks_mut(per_output).zip(&scales) {
                weights.iter_mut().for_each(|w| *w *= scale);
            }
            match input {
                Some(input) => transpose(&weights, outputs, input)?,
                None => weights,
            }
        }
        Change::FoldBias => {
            let scales = scales(&widen(next()?)?, &widen(next()?)?);
            let (shift, mean) = (widen(next()?)?, widen(next()?)?);
            shift.iter().zip(&mean).zip(&scales).map(|((b, m), s)| b - m * s).collect()
        }
        Change::SpreadBiases { heads, window } => spread_biases(&widen(next()?)?, heads, window),
    };
    Ok(Values::F32(values))
}

/// The factor a batch norm puts on each output.
fn scales(gain: &[f32], variance: &[f32]) -> Vec<f32> {
    gain.iter().zip(variance).map(|(g, v)| g / (v + EPS_TORCH as f32).sqrt()).collect()
}

/// A tensor's values as f32.
pub(super) fn widen(Stored { bytes, element }: Stored) -> Result<Vec<f32>, SamError> {
    match element {
        Element::F32 => decode(&bytes, f32::from_le_bytes),
        Element::F16 => decode(&bytes, |value| f16::from_le_bytes(value).to_f32()),
        Element::BF16 => decode(&bytes, |value| bf16::from_le_bytes(value).to_f32()),
        Element::Other(name) => Err(SamError::Internal { reason: format!("values of type {name} are not read") }),
    }
}

/// The values of a tensor of f16.
fn halves(stored: Stored) -> Result<Vec<f16>, SamError> {
    decode(&stored.bytes, f16::from_le_bytes)
}

fn decode<const N: usize, T: Clone + Default>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Result<Vec<T>, SamError> {
    let (stored, _) = bytes.as_chunks::<N>();
    let mut values = buffer(stored.len())?;
    for (out, bytes) in values.iter_mut().zip(stored) {
        *out = value(*bytes);
    }
    Ok(values)
}

/// Side of the squares that are transposed at a time: few enough rows to stay in a cache.
const SQUARE: usize = 16;

fn transpose<T: Copy + Default>(data: &[T], rows: usize, columns: usize) -> Result<Vec<T>, SamError> {
    let mut out = buffer(data.len())?;
    for top in (0..rows).step_by(SQUARE) {
        for left in (0..columns).step_by(SQUARE) {
            for column in left..columns.min(left + SQUARE) {
                for row in top..rows.min(top + SQUARE) {
                    out[column * rows + row] = data[row * columns + column];
                }
            }
        }
    }
    Ok(out)
}

/// Row-major values with their axes in another order.
fn permute(data: &[f32], shape: [usize; 4], order: [usize; 4]) -> Result<Vec<f32>, SamError> {
    let mut strides = [1; 4];
    for axis in (0..3).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1];
    }
    let [a, b, c, d] = order.map(|axis| (shape[axis], strides[axis]));
    let mut out = buffer(data.len())?;
    let mut slots = out.iter_mut();
    for i in 0..a.0 {
        for j in 0..b.0 {
            for k in 0..c.0 {
                let start = i * a.1 + j * b.1 + k * c.1;
                for (l, slot) in (0..d.0).zip(&mut slots) {
                    *slot = data[start + l * d.1];
                }
            }
        }
    }
    Ok(out)
}

/// `[heads, window²]`, indexed by |Δy| · window + |Δx|, for every pair of tokens: `[heads, window², window²]`.
fn spread_biases(table: &[f32], heads: usize, window: usize) -> Vec<f32> {
    let tokens = window * window;
    let offset = |a: usize, b: usize| (a / window).abs_diff(b / window) * window + (a % window).abs_diff(b % window);
    let pairs = (0..heads).flat_map(|head| (0..tokens * tokens).map(move |i| (head, i / tokens, i % tokens)));
    pairs.map(|(head, a, b)| table[head * tokens + offset(a, b)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes() {
        assert_eq!(transpose(&[1, 2, 3, 4, 5, 6], 2, 3).unwrap(), [1, 4, 2, 5, 3, 6]);
        for (rows, columns) in [(1, 1), (16, 16), (17, 40), (40, 17), (3, 100)] {
            let data: Vec<usize> = (0..rows * columns).collect();
            let expected: Vec<usize> = (0..rows * columns).map(|i| i % rows * columns + i / rows).collect();
            assert_eq!(transpose(&data, rows, columns).unwrap(), expected);
        }
    }

    #[test]
    fn permutes_axes() {
        let values: Vec<f32> = (0..8).map(|i| i as f32).collect();
        assert_eq!(permute(&values, [2, 1, 2, 2], [2, 3, 1, 0]).unwrap(), [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
    }

    #[test]
    fn biases_depend_on_the_distance_only() {
        let spread = spread_biases(&[0.0, 1.0, 2.0, 3.0], 1, 2);
        assert_eq!(spread[..4], [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(spread[12..], [3.0, 2.0, 1.0, 0.0]);
    }

    #[test]
    fn reads_every_type() {
        let of = |bytes: &[u8], element| widen(Stored { bytes: bytes.to_vec(), element }).unwrap();
        assert_eq!(of(&1.5f32.to_le_bytes(), Element::F32), [1.5]);
        assert_eq!(of(&f16::from_f32(1.5).to_le_bytes(), Element::F16), [1.5]);
        assert_eq!(of(&bf16::from_f32(1.5).to_le_bytes(), Element::BF16), [1.5]);
    }
}
