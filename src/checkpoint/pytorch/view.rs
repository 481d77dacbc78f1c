//! Tensors as views of storages: an offset, a shape and strides, all counted in values.

use std::ops::Range;

use crate::SamError;
use crate::checkpoint::source::buffer;
use crate::checkpoint::tensor::Element;

/// A tensor of more axes is none of a model's.
const MAX_AXES: usize = 16;
/// A view may repeat the values of its storage (strides of 0) up to this many.
const MAX_REPEATED: u64 = 1 << 20;
/// What lies between a view's values is read with them: bytes that may be read for nothing, beyond three times its own.
const MAX_GAPS: u64 = 64 << 20;

/// Type of a storage's values, and how many bytes each has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DType {
    /// As safetensors names it.
    name: &'static str,
    pub(super) size: usize,
}

impl DType {
    /// Of storages without a type.
    pub(super) const BYTES: Self = Self { name: "U8", size: 1 };

    /// The type of a class of storages: `FloatStorage`.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        if matches!(class, "UntypedStorage" | "_UntypedStorage") {
            return Some(Self::BYTES);
        }
        let class = class.strip_suffix("Storage")?;
        TYPES.iter().find(|(name, ..)| *name == class).map(|(.., dtype)| *dtype)
    }

    /// The type that PyTorch calls `torch.float32`.
    pub(super) fn named(name: &str) -> Option<Self> {
        TYPES.iter().find(|(_, found, _)| *found == name).map(|(.., dtype)| *dtype)
    }

    pub(super) fn element(self) -> Element {
        match self.name {
            "F32" => Element::F32,
            "F16" => Element::F16,
            "BF16" => Element::BF16,
            other => Element::Other(other.into()),
        }
    }
}

const fn dtype(name: &'static str, size: usize) -> DType {
    DType { name, size }
}

/// What PyTorch calls its types: the class of their storages (new types have none), and the type itself.
const TYPES: &[(&str, &str, DType)] = &[
    ("Float", "float32", dtype("F32", 4)),
    ("Half", "float16", dtype("F16", 2)),
    ("BFloat16", "bfloat16", dtype("BF16", 2)),
    ("Double", "float64", dtype("F64", 8)),
    ("Long", "int64", dtype("I64", 8)),
    ("Int", "int32", dtype("I32", 4)),
    ("Short", "int16", dtype("I16", 2)),
    ("Char", "int8", dtype("I8", 1)),
    ("Byte", "uint8", dtype("U8", 1)),
    ("Bool", "bool", dtype("BOOL", 1)),
    ("ComplexFloat", "complex64", dtype("C64", 8)),
    ("ComplexDouble", "complex128", dtype("C128", 16)),
    ("-", "uint16", dtype("U16", 2)),
    ("-", "uint32", dtype("U32", 4)),
    ("-", "uint64", dtype("U64", 8)),
    ("-", "float8_e4m3fn", dtype("F8_E4M3", 1)),
    ("-", "float8_e5m2", dtype("F8_E5M2", 1)),
];

/// A storage, as a pickle names it: the values themselves are elsewhere in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) dtype: DType,
    /// Number of its values.
    pub(super) len: u64,
}

impl Storage {
    pub(super) fn bytes(&self) -> Option<u64> {
        self.len.checked_mul(self.dtype.size as u64)
    }
}

/// A tensor. What it covers lies within its storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) storage: Storage,
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    strides: Vec<u64>,
    offset: u64,
    /// Number of its values.
    len: usize,
    /// From its first value in the storage to the last one, both counted.
    span: u64,
}

impl View {
    /// Refuses what does not lie within the storage, and what repeats its values without measure.
    pub(super) fn new(storage: Storage, offset: u64, shape: Vec<usize>, strides: Vec<u64>) -> Result<Self, String> {
        if shape.len() != strides.len() || shape.len() > MAX_AXES {
            return Err(format!("a tensor has {} axes and {} strides", shape.len(), strides.len()));
        }
        let outside =
            || format!("a tensor of shape {shape:?} does not lie within its storage of {} values", storage.len);
        let empty = shape.contains(&0);
        let len = if empty { Some(0) } else { shape.iter().try_fold(1usize, |len, side| len.checked_mul(*side)) };
        let mut span = if empty { Some(0) } else { Some(1u64) };
        for (side, stride) in shape.iter().zip(&strides).filter(|_| !empty) {
            let reach = (*side as u64 - 1).checked_mul(*stride);
            span = span.zip(reach).and_then(|(span, reach)| span.checked_add(reach));
        }
        let (Some(len), Some(span)) = (len, span) else { return Err(outside()) };
        if offset.checked_add(span).is_none_or(|end| end > storage.len) {
            return Err(outside());
        }
        if len as u64 > storage.len.max(MAX_REPEATED) {
            return Err(format!("a tensor of shape {shape:?} repeats the {} values of its storage", storage.len));
        }
        if len.checked_mul(storage.dtype.size).is_none() {
            return Err(format!("a tensor of shape {shape:?} is too large"));
        }
        let element = storage.dtype.element();
        Ok(Self { storage, element, shape, strides, offset, len, span })
    }

    /// Where its values are in the storage, in bytes. `None` where most of that would be read for nothing.
    pub(super) fn range(&self) -> Option<Range<u64>> {
        let size = self.storage.dtype.size as u64;
        let allowed = (self.len as u64 * size).saturating_mul(4).max(MAX_GAPS);
        let (start, bytes) = (self.offset.checked_mul(size)?, self.span.checked_mul(size)?);
        (bytes <= allowed).then_some(start..start.checked_add(bytes)?)
    }

    /// Whether the values follow each other; the strides of axes of one value mean nothing.
    pub(super) fn is_row_major(&self) -> bool {
        let mut expected = 1;
        self.len == 0
            || self.shape.iter().zip(&self.strides).rev().filter(|(side, _)| **side != 1).all(|(side, stride)| {
                let follows = *stride == expected;
                expected *= *side as u64;
                follows
            })
    }

    /// Takes its values out of its storage, in the order that they have there. `None` where that is none: where axes
    /// overlap, as those of no weights do.
    pub(super) fn gather(&self) -> Result<Option<Gather>, SamError> {
        let size = self.storage.dtype.size;
        let (mut axes, mut step) = (Vec::new(), 1);
        for (side, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *side != 1 {
                axes.push(Axis { side: *side, stride: *stride, step, index: 0 });
            }
            step *= side;
        }
        axes.sort_by_key(|axis| axis.stride);
        let mut reach = 0;
        for axis in &axes {
            if axis.stride > 0 && axis.stride <= reach {
                return Ok(None);
            }
            reach += (axis.side as u64).saturating_sub(1) * axis.stride;
        }
        Ok(Some(Gather { values: buffer(self.len * size)?, size, axes, left: self.len, to: 0, from: 0, passed: 0 }))
    }
}

/// An axis of a view.
struct Axis {
    side: usize,
    /// Between two values in the storage.
    stride: u64,
    /// Between two values in row-major order.
    step: usize,
    /// Of the next value.
    index: usize,
}

/// The values of a view, row-major, on their way out of a storage that is read once, piece by piece.
pub(super) struct Gather {
    values: Vec<u8>,
    /// Of a value, in bytes.
    size: usize,
    /// The one with the smallest stride first.
    axes: Vec<Axis>,
    /// Values that are still to come.
    left: usize,
    /// Where the next value goes, and where it is in the view's range; both counted in values.
    to: usize,
    from: u64,
    /// Values of the range that have passed.
    passed: u64,
}

impl Gather {
    /// The next bytes of the view's range: a whole number of values.
    pub(super) fn take(&mut self, piece: &[u8]) {
        let end = self.passed + (piece.len() / self.size) as u64;
        while self.left > 0 && self.from < end {
            let start = (self.from - self.passed) as usize * self.size;
            let value = piece.get(start..start + self.size);
            let Some((out, value)) = self.values.get_mut(self.to * self.size..).zip(value) else { return };
            if let Some(out) = out.get_mut(..self.size) {
                out.copy_from_slice(value);
            }
            self.left -= 1;
            self.advance();
        }
        self.passed = end;
    }

    fn advance(&mut self) {
        for axis in &mut self.axes {
            axis.index += 1;
            self.from += axis.stride;
            self.to += axis.step;
            if axis.index < axis.side {
                return;
            }
            axis.index = 0;
            self.from -= axis.stride * axis.side as u64;
            self.to -= axis.step * axis.side;
        }
    }

    /// All values. `None` where some did not come.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        (self.left == 0).then_some(self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(len: u64) -> Storage {
        Storage { key: "0".into(), dtype: DType::named("int16").unwrap(), len }
    }

    /// The view's values, whatever pieces the storage comes in.
    fn values(view: &View, stored: &[u16]) -> Vec<u16> {
        let bytes: Vec<u8> = stored.iter().flat_map(|value| value.to_le_bytes()).collect();
        let range = view.range().unwrap();
        let bytes = &bytes[range.start as usize..range.end as usize];
        let gathered = [1, 2, 3, 8].map(|piece| {
            let mut gather = view.gather().unwrap().unwrap();
            bytes.chunks(piece * 2).for_each(|piece| gather.take(piece));
            gather.finish().unwrap()
        });
        assert!(gathered.iter().all(|values| *values == gathered[0]));
        gathered[0].as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect()
    }

    #[test]
    fn strides_are_followed() {
        let stored = [0, 1, 2, 3, 4, 5, 6, 7];
        let view = |offset, shape: &[usize], strides: &[u64]| {
            View::new(storage(8), offset, shape.to_vec(), strides.to_vec()).unwrap()
        };
        assert_eq!(values(&view(0, &[2, 3], &[3, 1]), &stored), [0, 1, 2, 3, 4, 5]);
        assert_eq!(values(&view(2, &[2, 3], &[3, 1]), &stored), [2, 3, 4, 5, 6, 7]);
        assert_eq!(values(&view(1, &[3, 2], &[1, 3]), &stored), [1, 4, 2, 5, 3, 6]);
        assert_eq!(values(&view(3, &[2, 2, 1], &[2, 0, 9]), &stored), [3, 3, 5, 5]);
        assert_eq!(values(&view(5, &[], &[]), &stored), [5]);
        assert!(values(&view(8, &[0, 7], &[7, 1]), &stored).is_empty());
        assert_eq!(values(&view(0, &[1, 8], &[99, 1]), &stored).len(), 8);
    }

    #[test]
    fn any_order_of_axes_is_that_of_the_indices() {
        let stored: Vec<u16> = (0..24).collect();
        let orders = [[12, 4, 1], [12, 1, 3], [4, 8, 1], [1, 8, 2], [3, 1, 6], [1, 2, 6]];
        let repeated_or_thin = [[2, 0, 6], [0, 8, 2], [0, 0, 0]];
        for strides in orders.into_iter().chain(repeated_or_thin) {
            let view = View::new(storage(24), 0, vec![2, 3, 4], strides.to_vec()).unwrap();
            let at = |i: u64, j: u64, k: u64| (i * strides[0] + j * strides[1] + k * strides[2]) as u16;
            let expected: Vec<u16> =
                (0..2).flat_map(|i| (0..3).flat_map(move |j| (0..4).map(move |k| at(i, j, k)))).collect();
            assert_eq!(values(&view, &stored), expected, "{strides:?}");
        }
    }

    #[test]
    fn what_comes_short_or_overlaps_is_not_gathered() {
        let view = View::new(storage(8), 0, vec![2, 3], vec![1, 2]).unwrap();
        let mut gather = view.gather().unwrap().unwrap();
        gather.take(&[0; 10]);
        assert_eq!(gather.finish(), None);
        for strides in [[1, 1], [2, 1], [1, 2]] {
            let view = View::new(storage(8), 0, vec![3, 3], strides.to_vec()).unwrap();
            assert!(view.gather().unwrap().is_none(), "{strides:?}");
        }
    }

    #[test]
    fn what_lies_outside_its_storage_is_refused() {
        let huge = u64::MAX;
        let side = usize::MAX;
        for (offset, shape, strides) in [
            (0, vec![3, 3], vec![3, 1]),
            (1, vec![8], vec![1]),
            (9, vec![0], vec![1]),
            (huge, vec![1], vec![1]),
            (huge - 3, vec![4], vec![1]),
            (0, vec![2], vec![huge]),
            (0, vec![3], vec![huge / 2]),
            (0, vec![side, side], vec![0, 0]),
            (0, vec![side], vec![0]),
            (0, vec![1 << 20, 2], vec![0, 0]),
            (0, vec![2], vec![]),
            (0, vec![1; 17], vec![1; 17]),
        ] {
            assert!(View::new(storage(8), offset, shape.clone(), strides.clone()).is_err(), "{shape:?} {strides:?}");
        }
        assert!(View::new(storage(8), 0, vec![1 << 19, 2], vec![0, 0]).is_ok());
        assert!(View::new(storage(8), 0, vec![side, 0], vec![huge, huge]).is_ok());
    }

    #[test]
    fn a_thin_view_of_a_large_storage_is_not_read() {
        let view = View::new(storage(1 << 40), 0, vec![2], vec![1 << 30]).unwrap();
        assert_eq!(view.range(), None);
    }
}
