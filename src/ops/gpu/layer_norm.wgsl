// activation((x − mean) / √(variance + epsilon) · gamma + beta) over each row of x, or of x + residual.
// `element` is vec4<f32> where the width is divisible by 4, else f32.
@group(0) @binding(0) var<storage, read_write> x: array<{{element}}>; // [rows, width]
@group(0) @binding(1) var<storage, read_write> gamma: array<{{element}}>; // [width]
@group(0) @binding(2) var<storage, read_write> beta: array<{{element}}>; // [width]
{{residual_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<{{element}}>; // [rows, width]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  rows: u32,
  // Elements in a row, and the width of a row.
  elements: u32,
  width: f32,
  epsilon: f32,
}

fn x_at(i: u32) -> {{element}} {
  return {{x_at}};
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
  let elements = sizes.elements;
  let begin = row * elements;
  var sum = {{element}}();
  for (var i = first_of(thread); i < elements; i += THREADS) {
    sum += x_at(begin + i);
  }
  let mean = sum_of_all(total(sum), thread) / sizes.width;
  // What the rounded mean leaves over is taken out of both.
  var rest = {{element}}();
  var squares = {{element}}();
  for (var i = first_of(thread); i < elements; i += THREADS) {
    let d = x_at(begin + i) - mean;
    rest += d;
    squares += d * d;
  }
  let correction = sum_of_all(total(rest), thread) / sizes.width;
  let variance = sum_of_all(total(squares), thread) / sizes.width - correction * correction;
  let scale = 1.0 / sqrt(max(variance, 0.0) + sizes.epsilon);
  for (var i = first_of(thread); i < elements; i += THREADS) {
    out[begin + i] = activate((x_at(begin + i) - mean - correction) * scale * gamma[i] + beta[i]);
  }
}
