//! Masks as a GPU makes them: a bit for every pixel.

use std::ops::Range;
use std::sync::Arc;

use super::Bounds;

/// The pixels of a mask, 32 to a word, the first one in the lowest bit. Every row begins with a word; unused bits are 0.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    /// Those of all masks that were read together.
    words: Arc<Vec<u32>>,
    own: Range<usize>,
    words_per_row: usize,
}

impl Packed {
    /// The mask that begins at a word; `None` where there are no pixels, or not so many.
    pub(crate) fn new(words: &Arc<Vec<u32>>, begin: usize, [rows, words_per_row]: [usize; 2]) -> Option<Self> {
        let own = begin..begin + rows * words_per_row;
        let is_there = !own.is_empty() && own.end <= words.len();
        is_there.then(|| Self { words: words.clone(), own, words_per_row })
    }

    /// Gives the pixels, 1 inside and 0 outside, to `emit`, row by row: `width` of each.
    pub(crate) fn rows(&self, width: usize, mut emit: impl FnMut(usize, &[u8])) -> Bounds {
        let mut bounds = Bounds::default();
        let mut pixels = vec![0; width];
        for (y, words) in self.words[self.own.clone()].chunks_exact(self.words_per_row).enumerate() {
            for (pixels, word) in pixels.chunks_mut(32).zip(words) {
                match *word {
                    0 => pixels.fill(0),
                    u32::MAX => pixels.fill(1),
                    word => pixels.iter_mut().enumerate().for_each(|(i, pixel)| *pixel = (word >> i & 1) as u8),
                }
            }
            let mut inside = words.iter().enumerate().filter(|(_, word)| **word != 0);
            if let Some((first, word)) = inside.next() {
                let left = 32 * first + word.trailing_zeros() as usize;
                let (last, word) = inside.next_back().unwrap_or((first, word));
                let right = 32 * last + 31 - word.leading_zeros() as usize;
                bounds.add(y, words.iter().map(|word| word.count_ones() as usize).sum(), [left, right]);
            }
            emit(y, &pixels);
        }
        bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_that_were_packed() {
        for width in [1, 31, 32, 33, 70] {
            let rows: Vec<Vec<u8>> = [
                vec![0; width],
                vec![1; width],
                (0..width).map(|x| u8::from(x % 3 == 1)).collect(),
                (0..width).map(|x| u8::from(x == width / 2)).collect(),
            ]
            .into();
            let word = |pixels: &[u8]| pixels.iter().rev().fold(0, |word, pixel| word << 1 | u32::from(*pixel));
            let (begin, words_per_row) = (5, width.div_ceil(32));
            let words =
                Arc::new([0; 5].into_iter().chain(rows.iter().flat_map(|row| row.chunks(32).map(word))).collect());
            let mut found = Vec::new();
            let packed = Packed::new(&words, begin, [rows.len(), words_per_row]).unwrap();
            let bounds = packed.rows(width, |_, row| found.push(row.to_vec()));
            assert!(Packed::new(&words, begin + 1, [rows.len(), words_per_row]).is_none());
            assert_eq!(found, rows);
            let mut expected = Bounds::default();
            for (y, row) in rows.iter().enumerate() {
                let row: Vec<f32> = row.iter().map(|pixel| f32::from(*pixel)).collect();
                expected.add_row(y, &row, 0.5);
            }
            assert_eq!((bounds.area, bounds.bbox()), (expected.area, expected.bbox()), "{width} pixels wide");
        }
    }
}
