
// Appended to kernels that go over rows: a workgroup has a row. For long rows on a GPU.
const THREADS: u32 = {{threads}}u;
const WORKGROUP: u32 = {{workgroup}}u;

var<workgroup> partial: array<f32, THREADS>;

fn row_of(group: u32, thread: u32) -> u32 {
  return sizes.first.x + group;
}

// The first of the row's elements that a thread looks at; the next is THREADS further on.
fn first_of(thread: u32) -> u32 {
  return thread;
}

// The sum over the workgroup or the greatest value of it, in every thread.
fn of_all(value: f32, sums: bool, thread: u32) -> f32 {
  // The last result has been read by all.
  workgroupBarrier();
  partial[thread] = value;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) {
      let other = partial[thread + half];
      partial[thread] = select(max(partial[thread], other), partial[thread] + other, sums);
    }
  }
  return workgroupUniformLoad(&partial[0]);
}

fn sum_of_all(value: f32, thread: u32) -> f32 {
  return of_all(value, true, thread);
}

fn greatest_of_all(value: f32, thread: u32) -> f32 {
  return of_all(value, false, thread);
}
