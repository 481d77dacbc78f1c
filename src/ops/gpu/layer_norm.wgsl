// (x − mean) / √(variance + epsilon) · gamma + beta over each row, one thread per row: for a software adapter, which pays
// for barriers. `element` is vec4<f32> where the width is divisible by 4, else f32.
@group(0) @binding(0) var<storage, read_write> x: array<{{element}}>; // [ROWS, width]
@group(0) @binding(1) var<storage, read_write> gamma: array<{{element}}>; // [width]
@group(0) @binding(2) var<storage, read_write> beta: array<{{element}}>; // [width]
@group(0) @binding(3) var<storage, read_write> out: array<{{element}}>; // [ROWS, width]

const ROWS: u32 = {{rows}}u;
const WIDTH: f32 = {{width}};
// Elements in a row.
const ELEMENTS: u32 = {{elements}}u;
const EPSILON: f32 = {{epsilon}};
// Threads across the dispatch.
const ACROSS: u32 = {{groups_x}}u * 16u;

fn total(v: {{element}}) -> f32 {
  return {{total}};
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * ACROSS + id.x;
  if (row >= ROWS) {
    return;
  }
  let begin = row * ELEMENTS;
  var sum = {{element}}();
  for (var i = 0u; i < ELEMENTS; i++) {
    sum += x[begin + i];
  }
  let mean = total(sum) / WIDTH;
  // What the rounded mean leaves over is taken out of both.
  var rest = {{element}}();
  var squares = {{element}}();
  for (var i = 0u; i < ELEMENTS; i++) {
    let d = x[begin + i] - mean;
    rest += d;
    squares += d * d;
  }
  let correction = total(rest) / WIDTH;
  let variance = total(squares) / WIDTH - correction * correction;
  let scale = 1.0 / sqrt(max(variance, 0.0) + EPSILON);
  for (var i = 0u; i < ELEMENTS; i++) {
    out[begin + i] = (x[begin + i] - mean - correction) * scale * gamma[i] + beta[i];
  }
}
