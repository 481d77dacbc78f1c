//! Tensors as views of storages: an offset, a shape and strides, all counted in values.

use std::ops::Range;

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

    /// Its values row-major, from the bytes of [`Self::range`]. `None` where there are fewer.
    pub(super) fn gather(&self, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if self.is_row_major() {
            return Some(bytes);
        }
        let size = self.storage.dtype.size;
        let mut values = Vec::with_capacity(self.len * size);
        let mut index = vec![0; self.shape.len()];
        let mut at = 0;
        for _ in 0..self.len {
            let start = usize::try_from(at).ok()?.checked_mul(size)?;
            values.extend_from_slice(bytes.get(start..start.checked_add(size)?)?);
            for ((position, side), stride) in index.iter_mut().zip(&self.shape).zip(&self.strides).rev() {
                *position += 1;
                at += stride;
                if *position < *side {
                    break;
                }
                at -= stride * *side as u64;
                *position = 0;
            }
        }
        Some(values)
    }

    /// Whether the values follow each other; the strides of axes of one value mean nothing.
    fn is_row_major(&self) -> bool {
        let mut expected = 1;
        self.len == 0
            || self.shape.iter().zip(&self.strides).rev().filter(|(side, _)| **side != 1).all(|(side, stride)| {
                let follows = *stride == expected;
                expected *= *side as u64;
                follows
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(len: u64) -> Storage {
        Storage { key: "0".into(), dtype: DType::named("int16").unwrap(), len }
    }

    fn values(view: &View, stored: &[u16]) -> Vec<u16> {
        let bytes: Vec<u8> = stored.iter().flat_map(|value| value.to_le_bytes()).collect();
        let range = view.range().unwrap();
        let bytes = bytes[range.start as usize..range.end as usize].to_vec();
        view.gather(bytes).unwrap().as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect()
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
