//! A parameter's values from the tensors it is made of.

use half::{bf16, f16};

use super::plan::Change;
use super::source::buffer;
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

/// Whether a parameter can be kept in f16.
pub(super) fn may_be_half(change: Change) -> bool {
    matches!(change, Change::Transpose { half: true, .. })
}

/// What a change makes of a parameter's tensors, whose shapes have been checked: `length` values. `read` gives the
/// tensors by their number. `half`: in f16, unless a value is too large for it.
pub(super) fn make(
    change: Change,
    length: usize,
    half: bool,
    mut read: impl FnMut(usize) -> Result<Stored, SamError>,
) -> Result<Values, SamError> {
    // What stays is allocated before the tensor is read: the other way round, wasm's memory fills with holes.
    if half {
        let mut out = buffer(length)?;
        let stored = read(0)?;
        if stored.element == Element::F16 {
            arrange(change, &mut out, values(&stored.bytes, f16::from_le_bytes));
            return Ok(Values::F16(out));
        }
        let wide = widen(stored)?;
        if wide.iter().any(|value| value.is_finite() && f16::from_f32(*value).is_infinite()) {
            let mut out = buffer(length)?;
            arrange(change, &mut out, |index| wide.get(index).copied().unwrap_or_default());
            return Ok(Values::F32(out));
        }
        arrange(change, &mut out, |index| f16::from_f32(wide.get(index).copied().unwrap_or_default()));
        return Ok(Values::F16(out));
    }
    let (scales, number) = match change {
        Change::FoldWeight { .. } => (scales(&widen(read(0)?)?, &widen(read(1)?)?), 2),
        Change::FoldBias => {
            let scales = scales(&widen(read(0)?)?, &widen(read(1)?)?);
            let (shift, mean) = (widen(read(2)?)?, widen(read(3)?)?);
            return Ok(Values::F32(shift.iter().zip(&mean).zip(&scales).map(|((b, m), s)| b - m * s).collect()));
        }
        _ => (Vec::new(), 0),
    };
    let mut out = buffer(length)?;
    let Stored { bytes, element } = read(number)?;
    let per_output = (length / scales.len().max(1)).max(1);
    let scaled = |index: usize, value: f32| match scales.is_empty() {
        true => value,
        false => scales.get(index / per_output).map_or(value, |scale| value * scale),
    };
    match element {
        Element::F32 => {
            let value = values(&bytes, f32::from_le_bytes);
            arrange(change, &mut out, |i| scaled(i, value(i)));
        }
        Element::F16 => {
            let value = values(&bytes, f16::from_le_bytes);
            arrange(change, &mut out, |i| scaled(i, value(i).to_f32()));
        }
        Element::BF16 => {
            let value = values(&bytes, bf16::from_le_bytes);
            arrange(change, &mut out, |i| scaled(i, value(i).to_f32()));
        }
        Element::Other(name) => return Err(unread(&name)),
    }
    Ok(Values::F32(out))
}

impl Element {
    /// Bytes of a value.
    pub(super) fn size(&self) -> Result<usize, SamError> {
        match self {
            Self::F32 => Ok(4),
            Self::F16 | Self::BF16 => Ok(2),
            Self::Other(name) => Err(unread(name)),
        }
    }
}

fn unread(name: &str) -> SamError {
    SamError::Internal { reason: format!("values of type {name} are not read") }
}

/// The factor a batch norm puts on each output.
fn scales(gain: &[f32], variance: &[f32]) -> Vec<f32> {
    gain.iter().zip(variance).map(|(g, v)| g / (v + EPS_TORCH as f32).sqrt()).collect()
}

/// A tensor's values as f32.
pub(super) fn widen(stored: Stored) -> Result<Vec<f32>, SamError> {
    let length = stored.bytes.len() / stored.element.size()?;
    let mut stored = Some(stored);
    let read = |_| stored.take().ok_or_else(|| SamError::Internal { reason: "a tensor was read twice".into() });
    match make(Change::None, length, false, read)? {
        Values::F32(values) => Ok(values),
        Values::F16(values) => Ok(values.into_iter().map(f16::to_f32).collect()),
    }
}

/// The values of a tensor, by index.
fn values<const N: usize, T>(bytes: &[u8], decode: impl Fn([u8; N]) -> T) -> impl Fn(usize) -> T {
    let (stored, _) = bytes.as_chunks::<N>();
    move |index| decode(stored[index])
}

/// Puts a tensor's values in our order.
fn arrange<T>(change: Change, out: &mut [T], value: impl Fn(usize) -> T) {
    match change {
        Change::Transpose { rows, columns, .. } => transpose(out, value, rows, columns),
        Change::FoldWeight { outputs, transpose: Some(input) } => transpose(out, value, outputs, input),
        Change::Permute { shape, order } => permute(out, value, shape, order),
        Change::SpreadBiases { heads, window } => spread_biases(out, value, heads, window),
        Change::None | Change::FoldWeight { .. } | Change::FoldBias => {
            out.iter_mut().enumerate().for_each(|(index, out)| *out = value(index));
        }
    }
}

/// Side of the squares that are transposed at a time: few enough rows to stay in a cache.
const SQUARE: usize = 16;

fn transpose<T>(out: &mut [T], value: impl Fn(usize) -> T, rows: usize, columns: usize) {
    for top in (0..rows).step_by(SQUARE) {
        for left in (0..columns).step_by(SQUARE) {
            for column in left..columns.min(left + SQUARE) {
                for row in top..rows.min(top + SQUARE) {
                    out[column * rows + row] = value(row * columns + column);
                }
            }
        }
    }
}

/// Row-major values with their axes in another order.
fn permute<T>(out: &mut [T], value: impl Fn(usize) -> T, shape: [usize; 4], order: [usize; 4]) {
    let mut strides = [1; 4];
    for axis in (0..3).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1];
    }
    let [a, b, c, d] = order.map(|axis| (shape[axis], strides[axis]));
    let mut out = out.iter_mut();
    for i in 0..a.0 {
        for j in 0..b.0 {
            for k in 0..c.0 {
                let start = i * a.1 + j * b.1 + k * c.1;
                for (l, out) in (0..d.0).zip(&mut out) {
                    *out = value(start + l * d.1);
                }
            }
        }
    }
}

/// `[heads, window²]`, indexed by |Δy| · window + |Δx|, for every pair of tokens: `[heads, window², window²]`.
fn spread_biases<T>(out: &mut [T], value: impl Fn(usize) -> T, heads: usize, window: usize) {
    let tokens = window * window;
    let offset = |a: usize, b: usize| (a / window).abs_diff(b / window) * window + (a % window).abs_diff(b % window);
    let pairs = (0..heads).flat_map(|head| (0..tokens * tokens).map(move |i| (head, i / tokens, i % tokens)));
    for (out, (head, a, b)) in out.iter_mut().zip(pairs) {
        *out = value(head * tokens + offset(a, b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 65504 is the largest f16.
    #[test]
    fn what_is_too_large_for_f16_stays_in_f32() {
        let change = Change::Transpose { rows: 1, columns: 2, half: true };
        for (value, fits) in [(65504.0f32, true), (70000.0, false), (f32::INFINITY, true)] {
            let bytes: Vec<u8> = [1.0, value].into_iter().flat_map(f32::to_le_bytes).collect();
            let made = make(change, 2, true, |_| Ok(Stored { bytes: bytes.clone(), element: Element::F32 })).unwrap();
            match made {
                Values::F16(values) => assert!(fits && values == [1.0, value].map(f16::from_f32)),
                Values::F32(values) => assert!(!fits && values == [1.0, value]),
            }
        }
    }

    #[test]
    fn transposes() {
        for (rows, columns) in [(2, 3), (1, 1), (16, 16), (17, 40), (40, 17), (3, 100)] {
            let mut out = vec![0; rows * columns];
            transpose(&mut out, |index| index, rows, columns);
            let expected: Vec<usize> = (0..rows * columns).map(|i| i % rows * columns + i / rows).collect();
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn permutes_axes() {
        let mut out = [0; 8];
        permute(&mut out, |index| index, [2, 1, 2, 2], [2, 3, 1, 0]);
        assert_eq!(out, [0, 4, 1, 5, 2, 6, 3, 7]);
    }

    #[test]
    fn biases_depend_on_the_distance_only() {
        let mut spread = [0; 16];
        spread_biases(&mut spread, |index| index, 1, 2);
        assert_eq!(spread[..4], [0, 1, 2, 3]);
        assert_eq!(spread[12..], [3, 2, 1, 0]);
    }

    #[test]
    fn reads_every_type() {
        let of = |bytes: &[u8], element| widen(Stored { bytes: bytes.to_vec(), element }).unwrap();
        assert_eq!(of(&1.5f32.to_le_bytes(), Element::F32), [1.5]);
        assert_eq!(of(&f16::from_f32(1.5).to_le_bytes(), Element::F16), [1.5]);
        assert_eq!(of(&bf16::from_f32(1.5).to_le_bytes(), Element::BF16), [1.5]);
    }

    #[test]
    fn halves_stay_halves() {
        let bytes = (1..=6u8).flat_map(|value| f16::from(value).to_le_bytes()).collect();
        let mut stored = Some(Stored { bytes, element: Element::F16 });
        let change = Change::Transpose { rows: 2, columns: 3, half: true };
        let Ok(Values::F16(out)) = make(change, 6, true, |_| Ok(stored.take().unwrap())) else { panic!("no f16") };
        assert_eq!(out, [1, 4, 2, 5, 3, 6].map(|value: u8| f16::from(value)));
    }
}
