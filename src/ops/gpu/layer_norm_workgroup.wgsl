// (x − mean) / √(variance + epsilon) · gamma + beta over each row, one workgroup per row: for a GPU.
// `element` is vec4<f32> where the width is divisible by 4, else f32.
@group(0) @binding(0) var<storage, read_write> x: array<{{element}}>; // [ROWS, width]
@group(0) @binding(1) var<storage, read_write> gamma: array<{{element}}>; // [width]
@group(0) @binding(2) var<storage, read_write> beta: array<{{element}}>; // [width]
@group(0) @binding(3) var<storage, read_write> out: array<{{element}}>; // [ROWS, width]

const ROWS: u32 = {{rows}}u;
const WIDTH: f32 = {{width}};
// Elements in a row.
const ELEMENTS: u32 = {{elements}}u;
const EPSILON: f32 = {{epsilon}};
// Workgroups across the dispatch.
const ACROSS: u32 = {{groups_x}}u;
const THREADS: u32 = 64u;

var<workgroup> partial: array<f32, THREADS>;

fn total(v: {{element}}) -> f32 {
  return {{total}};
}

// The sum over the workgroup, in every thread.
fn sum_of_all(value: f32, thread: u32) -> f32 {
  partial[thread] = value;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) {
      partial[thread] += partial[thread + half];
    }
  }
  let sum = workgroupUniformLoad(&partial[0]);
  return sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.y * ACROSS + group.x;
  if (row >= ROWS) {
    return;
  }
  let begin = row * ELEMENTS;
  var sum = {{element}}();
  for (var i = thread; i < ELEMENTS; i += THREADS) {
    sum += x[begin + i];
  }
  let mean = sum_of_all(total(sum), thread) / WIDTH;
  // What the rounded mean leaves over is taken out of both.
  var rest = {{element}}();
  var squares = {{element}}();
  for (var i = thread; i < ELEMENTS; i += THREADS) {
    let d = x[begin + i] - mean;
    rest += d;
    squares += d * d;
  }
  let correction = sum_of_all(total(rest), thread) / WIDTH;
  let variance = sum_of_all(total(squares), thread) / WIDTH - correction * correction;
  let scale = 1.0 / sqrt(max(variance, 0.0) + EPSILON);
  for (var i = thread; i < ELEMENTS; i += THREADS) {
    out[begin + i] = (x[begin + i] - mean - correction) * scale * gamma[i] + beta[i];
  }
}
