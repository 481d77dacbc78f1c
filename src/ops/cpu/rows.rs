//! What only moves or adds values.

use super::parallel;

/// Every value of `left` and the one of `right` in its place, `right` repeated.
pub fn add(left: &[f32], right: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; left.len()];
    parallel::rows(&mut out, 1, 1, 1, |first, out| {
        let mut done = 0;
        while done < out.len() {
            let begin = (first + done) % right.len();
            let count = (right.len() - begin).min(out.len() - done);
            let terms = left[first + done..].iter().zip(&right[begin..]);
            out[done..][..count].iter_mut().zip(terms).for_each(|(out, (left, right))| *out = left + right);
            done += count;
        }
    });
    out
}

/// How a grid of tokens falls into windows, those at its ends over them.
#[derive(Clone, Copy)]
pub struct Windows {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub dim: usize,
    pub window: usize,
}

impl Windows {
    /// How many there are.
    pub fn count(self) -> usize {
        self.batch * self.height.div_ceil(self.window) * self.width.div_ceil(self.window)
    }

    /// Calls `copy` for all values that lie side by side both in a window and in the grid: where they begin in the windows,
    /// where in the grid, and how many they are.
    pub fn runs(self, mut copy: impl FnMut(usize, usize, usize)) {
        let Self { batch, height, width, dim, window } = self;
        let (down, across) = (height.div_ceil(window), width.div_ceil(window));
        for row in 0..batch * height {
            let (image, y) = (row / height, row % height);
            for column in 0..across {
                let number = (image * down + y / window) * across + column;
                let x = column * window;
                let tokens = window.min(width - x);
                copy((number * window + y % window) * window * dim, (row * width + x) * dim, tokens * dim);
            }
        }
    }
}
