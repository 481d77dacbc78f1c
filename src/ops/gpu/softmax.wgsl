// softmax(x) over each row, one thread per row: for short rows, and for a software adapter, which pays for barriers.
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

fn greatest(v: {{element}}) -> f32 {
  return {{greatest}};
}

fn total(v: {{element}}) -> f32 {
  return {{total}};
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let row = sizes.first.x * 16u + invocation.x;
  if (row >= sizes.rows) {
    return;
  }
  let begin = row * sizes.elements;
  let end = begin + sizes.elements;
  var high = {{element}}(LOWEST);
  for (var i = begin; i < end; i++) {
    high = max(high, x[i]);
  }
  let highest = greatest(high);
  var sum = {{element}}();
  for (var i = begin; i < end; i++) {
    let value = exp(x[i] - highest);
    out[i] = value;
    sum += value;
  }
  let factor = 1.0 / total(sum);
  for (var i = begin; i < end; i++) {
    out[i] *= factor;
  }
}
