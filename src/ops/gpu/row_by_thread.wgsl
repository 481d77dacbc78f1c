
// Appended to kernels that go over rows: a thread has a row to itself. For short rows, and for software adapters, which pay
// for barriers.
const THREADS: u32 = {{threads}}u;
const WORKGROUP: u32 = {{workgroup}}u;

fn row_of(group: u32, thread: u32) -> u32 {
  return (sizes.first.x + group) * WORKGROUP + thread;
}

// The first of the row's elements that a thread looks at; the next is THREADS further on.
fn first_of(thread: u32) -> u32 {
  return 0u;
}

fn sum_of_all(value: f32, thread: u32) -> f32 {
  return value;
}

fn greatest_of_all(value: f32, thread: u32) -> f32 {
  return value;
}
