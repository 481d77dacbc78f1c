// softmax(x) over each row, one workgroup per row: for long rows on a GPU.
// `element` is vec4<f32> where the width is divisible by 4, else f32.
@group(0) @binding(0) var<storage, read_write> x: array<{{element}}>; // [rows, width]
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<{{element}}>; // [rows, width]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  rows: u32,
  // Elements in a row.
  elements: u32,
}

const LOWEST: f32 = -3.0e38;
const THREADS: u32 = 64u;

var<workgroup> partial: array<f32, THREADS>;

fn greatest(v: {{element}}) -> f32 {
  return {{greatest}};
}

fn total(v: {{element}}) -> f32 {
  return {{total}};
}

// The greatest value of the workgroup or, with `sums`, their sum; in every thread.
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

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let begin = (sizes.first.x + group.x) * sizes.elements;
  let end = begin + sizes.elements;
  var high = {{element}}(LOWEST);
  for (var i = begin + thread; i < end; i += THREADS) {
    high = max(high, x[i]);
  }
  let highest = of_all(greatest(high), false, thread);
  var sum = {{element}}();
  for (var i = begin + thread; i < end; i += THREADS) {
    let value = exp(x[i] - highest);
    out[i] = value;
    sum += value;
  }
  let factor = 1.0 / of_all(total(sum), true, thread);
  for (var i = begin + thread; i < end; i += THREADS) {
    out[i] *= factor;
  }
}
