// softmax(x · scale) over each row.
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
  scale: f32,
}

// As in attention.wgsl.
const LOWEST: f32 = -1.0e30;

fn greatest(v: {{element}}) -> f32 {
  return {{greatest}};
}

fn total(v: {{element}}) -> f32 {
  return {{total}};
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = row_of(group.x, thread);
  if (row >= sizes.rows) {
    return;
  }
  let begin = row * sizes.elements + first_of(thread);
  let end = (row + 1u) * sizes.elements;
  var high = {{element}}(LOWEST);
  for (var i = begin; i < end; i += THREADS) {
    high = max(high, x[i] * sizes.scale);
  }
  let highest = greatest_of_all(greatest(high), thread);
  var sum = {{element}}();
  for (var i = begin; i < end; i += THREADS) {
    let value = exp(x[i] * sizes.scale - highest);
    out[i] = value;
    sum += value;
  }
  let factor = 1.0 / sum_of_all(total(sum), thread);
  for (var i = begin; i < end; i += THREADS) {
    out[i] *= factor;
  }
}
