//! Rows divided among threads, where the build has them: with the feature `threads`, and in unit tests.

/// Multiply-adds that are worth a part of their own: tens of microseconds, several times what it takes to wake a thread.
const LEAST: usize = 1 << 17;
/// What takes milliseconds is divided into more parts than there are threads, so that they end at about the same time.
const MOST: usize = 1 << 24;
const PARTS_PER_THREAD: usize = 4;

/// Calls `work` with parts of `out`, whose rows have `width` elements (the last one may have fewer), and with the number of
/// each part's first row. Parts begin at multiples of `unit` rows. `cost`: of a row, in multiply-adds or what takes as long.
///
/// What becomes of a row must not depend on its part: results are then the same on any number of threads.
pub fn rows<T: Send>(
    out: &mut [T],
    width: usize,
    unit: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    let rows = out.len().div_ceil(width.max(1));
    let part = rows.div_ceil(parts(rows.saturating_mul(cost), threads())).next_multiple_of(unit);
    if part >= rows {
        work(0, out);
    } else {
        chunks(out, part * width, |i, out| work(i * part, out));
    }
}

/// Into how many parts work of this cost is divided.
fn parts(cost: usize, threads: usize) -> usize {
    if threads == 1 {
        return 1;
    }
    (cost / MOST).clamp(threads, threads * PARTS_PER_THREAD).min(cost / LEAST).max(1)
}

#[cfg(any(feature = "threads", test))]
fn threads() -> usize {
    rayon::current_num_threads()
}

#[cfg(not(any(feature = "threads", test)))]
fn threads() -> usize {
    1
}

#[cfg(any(feature = "threads", test))]
fn chunks<T: Send>(out: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Sync + Send) {
    use rayon::iter::{IndexedParallelIterator, ParallelIterator};
    use rayon::slice::ParallelSliceMut;

    out.par_chunks_mut(size).enumerate().for_each(|(i, out)| work(i, out));
}

#[cfg(not(any(feature = "threads", test)))]
fn chunks<T>(out: &mut [T], size: usize, work: impl Fn(usize, &mut [T])) {
    out.chunks_mut(size).enumerate().for_each(|(i, out)| work(i, out));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::ops::testing::random;
    use crate::ops::{self, Activation, Bias, Order};

    fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    fn assert_same<const D: usize>(name: &str, work: impl Fn() -> Tensor<D> + Sync) {
        let bits = |threads| -> Vec<u32> {
            let values = on(threads, &work).into_data().try_to_vec::<f32>().unwrap();
            values.into_iter().map(f32::to_bits).collect()
        };
        assert!(bits(1) == bits(4), "{name}");
    }

    #[test]
    fn parts_cover_all_rows_and_begin_at_their_unit() {
        // 1003 rows of 3, of which the last has one element only.
        let mut out = vec![0; 1002 * 3 + 1];
        let seen = Mutex::new(Vec::new());
        on(4, || {
            rows(&mut out, 3, 8, LEAST, |first, out| {
                out.iter_mut().for_each(|value| *value += 1);
                seen.lock().unwrap().push((first, out.len()));
            });
        });
        assert!(out.iter().all(|value| *value == 1));
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert!(seen.len() > 4);
        for pair in seen.windows(2) {
            assert!(pair[0].0 % 8 == 0 && pair[0].0 * 3 + pair[0].1 == pair[1].0 * 3, "{pair:?}");
        }
    }

    #[test]
    fn little_work_stays_where_it_is() {
        assert_eq!([parts(LEAST, 4), parts(2 * LEAST, 4), parts(MOST, 4), parts(100 * MOST, 4)], [1, 2, 4, 16]);
        assert_eq!(parts(usize::MAX, 1), 1);
    }

    #[test]
    fn results_are_the_same_on_any_number_of_threads() {
        let device = Device::flex();
        let (x, weight, bias) = (random([2, 131, 777], &device), random([777, 203], &device), random([203], &device));
        for activation in [Activation::None, Activation::Gelu] {
            assert_same("linear", || ops::linear(x.clone(), weight.clone(), Some(bias.clone()), activation));
            assert_same("add", || ops::add(x.clone(), x.clone(), activation));
        }
        let (left, right) = (random([2, 3, 67, 401], &device), random([2, 3, 93, 401], &device).swap_dims(2, 3));
        for order in [Order::ByHead, Order::ByRow] {
            assert_same("matmul", || ops::matmul(left.clone(), right.clone(), None, Activation::None, order));
        }
        let [q, k, v] = [0; 3].map(|_| random([3, 2, 15 * 13, 24], &device));
        for bias in [
            Bias::None,
            Bias::Table(random([2, 195, 195], &device)),
            Bias::Decomposed {
                vertical: random([2 * 15 - 1, 24], &device),
                horizontal: random([2 * 13 - 1, 24], &device),
                grid: [15, 13],
            },
        ] {
            assert_same("attention", || ops::attention(q.clone(), k.clone(), v.clone(), 0.3, &bias));
            let first = |x: &Tensor<4>| x.clone().slice([0..1, 0..2, 0..195, 0..24]);
            assert_same("attention of one batch", || ops::attention(first(&q), first(&k), first(&v), 0.3, &bias));
        }
        for stride in [1, 2] {
            let (x, weight) = (random([1, 61, 67, 13], &device), random([19, 13, 3, 3], &device));
            assert_same("conv3x3", || ops::conv3x3(x.clone(), weight.clone(), None, stride, Activation::Relu));
            let (x, weight) = (random([1, 91, 97, 13], &device), random([13, 1, 3, 3], &device));
            assert_same("depthwise", || {
                ops::depthwise_conv3x3(x.clone(), weight.clone(), None, stride, Activation::None)
            });
        }
        let (x, sum) = (random([1777, 203], &device), random([1777, 203], &device));
        assert_same("softmax", || ops::softmax(x.clone(), 0.7));
        assert_same("layer_norm", || {
            ops::layer_norm(x.clone(), Some(sum.clone()), bias.clone(), bias.clone(), 1e-5, Activation::None)
        });
    }
}
