//! Grids of workgroups larger than one dispatch may be.

/// Workgroups along one axis of a dispatch, by WebGPU's default limits.
const MAX_WORKGROUPS: usize = 65_535;

/// A block of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Its first workgroup.
    pub first: [u32; 3],
    /// Its number of workgroups along each axis.
    pub workgroups: [u32; 3],
}

/// Cuts a grid into parts that can be dispatched.
pub(super) fn parts(workgroups: [usize; 3]) -> Vec<Part> {
    let sizes = workgroups.map(|count| even(count, MAX_WORKGROUPS));
    let steps = |axis: usize| (0..workgroups[axis]).step_by(sizes[axis]);
    let firsts = steps(2).flat_map(|z| steps(1).flat_map(move |y| steps(0).map(move |x| [x, y, z])));
    firsts
        .map(|first| {
            let count = |axis: usize| sizes[axis].min(workgroups[axis] - first[axis]) as u32;
            Part { first: first.map(|first| first as u32), workgroups: [count(0), count(1), count(2)] }
        })
        .collect()
}

/// The size of parts of at most `most` that `count` divides into most evenly; at least 1.
fn even(count: usize, most: usize) -> usize {
    count.div_ceil(count.div_ceil(most).max(1)).max(1)
}
