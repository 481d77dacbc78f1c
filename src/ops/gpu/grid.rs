//! Grids of workgroups cut into dispatches, and dispatches into submissions.
//!
//! A submission keeps the adapter from everything else: the page is not drawn while it runs, and an operating system resets
//! a GPU that takes seconds over one. So none has more work than an adapter of its class does in a fraction of a second.

use std::sync::atomic::{AtomicU64, Ordering};

use super::is_software;

/// Operations of a submission on a GPU: half a second for the slowest that computers have had in these ten years. The tests'
/// products are smaller, and some of them are to be cut, too.
const GPU_OPERATIONS: u64 = if cfg!(test) { 20_000_000 } else { 20_000_000_000 };
/// Operations of a submission on an adapter that computes on the CPU, at some 2 billion a second.
const SOFTWARE_OPERATIONS: u64 = 800_000_000;
/// Workgroups along one axis of a dispatch, by WebGPU's default limits.
const MAX_WORKGROUPS: usize = 65_535;

/// Operations launched since the last submission.
static PENDING: AtomicU64 = AtomicU64::new(0);

/// A product of sizes: a usize has 32 bits in a browser.
pub(super) fn operations<const N: usize>(factors: [usize; N]) -> u64 {
    factors.into_iter().map(|n| n as u64).product()
}

/// A block of a grid: one dispatch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Its first workgroup.
    pub first: [u32; 3],
    /// Its number of workgroups along each axis.
    pub workgroups: [u32; 3],
    /// Its share of the operations.
    operations: u64,
}

/// Workgroups along each axis, and what they compute in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub workgroups: [usize; 3],
    /// Additions and multiplications, roughly.
    pub operations: u64,
}

impl Grid {
    /// Cut into parts that can be dispatched, each no more than a submission may have: through z first, then y, then x.
    pub(super) fn parts(&self) -> Vec<Part> {
        cut(self.workgroups, self.operations, limit())
    }
}

fn limit() -> u64 {
    if is_software() { SOFTWARE_OPERATIONS } else { GPU_OPERATIONS }
}

fn cut(workgroups: [usize; 3], operations: u64, limit: u64) -> Vec<Part> {
    let [x, y, z] = workgroups;
    let all = workgroups.into_iter().map(|count| count as u64).product::<u64>().max(1);
    // Workgroups of a part.
    let most = usize::try_from((u128::from(limit) * u128::from(all) / u128::from(operations.max(1))).min(1 << 31));
    let most = most.unwrap_or(1 << 31).max(1);
    let size_x = even(x, most);
    let size_y = if size_x < x { 1 } else { even(y, most / size_x) };
    let size_z = if size_x < x || size_y < y { 1 } else { even(z, most / (size_x * size_y)) };
    let sizes = [size_x, size_y, size_z];
    let steps = |axis: usize| (0..workgroups[axis]).step_by(sizes[axis]);
    let firsts = steps(2).flat_map(|z| steps(1).flat_map(move |y| steps(0).map(move |x| [x, y, z])));
    firsts
        .map(|first| {
            let count = |axis: usize| sizes[axis].min(workgroups[axis] - first[axis]) as u32;
            let workgroups = [count(0), count(1), count(2)];
            let share = workgroups.into_iter().map(u128::from).product::<u128>();
            let operations = (u128::from(operations) * share / u128::from(all)) as u64;
            Part { first: first.map(|first| first as u32), workgroups, operations }
        })
        .collect()
}

/// The size of the parts, at most `most`, into which `count` falls most evenly; at least 1.
fn even(count: usize, most: usize) -> usize {
    let parts = count.div_ceil(most.clamp(1, MAX_WORKGROUPS));
    count.div_ceil(parts.max(1)).max(1)
}

impl Part {
    /// Whether what was launched before must be submitted before this part is.
    pub(super) fn begins_a_submission(&self) -> bool {
        let pending = PENDING.load(Ordering::Relaxed);
        let full = pending > 0 && pending + self.operations > limit();
        PENDING.store(if full { self.operations } else { pending + self.operations }, Ordering::Relaxed);
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every workgroup is in one part, and no part is too large.
    #[test]
    fn parts_cover_the_grid() {
        for workgroups in [[1, 1, 1], [7, 5, 3], [1, 1, 70_000], [140_000, 1, 2], [512, 12, 1]] {
            let all = workgroups.iter().product::<usize>() as u64;
            for (operations, limit) in [(0, 10), (all, all), (10 * all, 10), (10 * all, 25), (10 * all, 7 * all)] {
                let parts = cut(workgroups, operations, limit);
                let count = |part: &Part| part.workgroups.iter().map(|count| u64::from(*count)).product::<u64>();
                assert_eq!(parts.iter().map(count).sum::<u64>(), all);
                let mut firsts: Vec<_> = parts.iter().map(|part| part.first).collect();
                firsts.sort_unstable();
                firsts.dedup();
                assert_eq!(firsts.len(), parts.len());
                for part in &parts {
                    assert!(part.operations <= limit || count(part) == 1, "{part:?}");
                    let within = |axis: usize| part.first[axis] + part.workgroups[axis] <= workgroups[axis] as u32;
                    assert!(part.workgroups.iter().all(|count| (1..=65_535).contains(count)) && (0..3).all(within));
                }
            }
        }
    }

    /// A workgroup is not divided, however long it takes.
    #[test]
    fn a_part_has_a_workgroup() {
        assert_eq!(cut([3, 1, 1], 300, 10).len(), 3);
    }

    #[test]
    fn parts_are_even() {
        let sizes: Vec<u32> = cut([10, 1, 1], 10, 4).iter().map(|part| part.workgroups[0]).collect();
        assert_eq!(sizes, [4, 4, 2]);
    }
}
