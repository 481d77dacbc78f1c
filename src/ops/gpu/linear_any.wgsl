// activation(x · weight + bias) of any depth and number of columns: linear.wgsl without vectors.
//
// Before the placeholders are filled, a line with `$r` is repeated for every row of a thread's tile and one with `$c` for
// every column (with both: for every pair).
@group(0) @binding(0) var<storage, read_write> x: array<f32>; // [batch, ROWS, K]
@group(0) @binding(1) var<storage, read_write> weight: array<f32>; // [1 or batch, K, N], transposed [.., N, K]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<f32>; // [batch, ROWS, N]

const ROWS: u32 = {{rows}}u;
const K: u32 = {{k}}u;
const N: u32 = {{n}}u;
// 0 where all batches share one weight, else K · N.
const WEIGHT_BATCH_STRIDE: u32 = {{weight_batched}}u * K * N;
const TRANSPOSED: bool = {{transposed}};
const TILE_ROWS: u32 = {{tile_rows}}u;
const TILE_COLUMNS: u32 = {{tile_columns}}u;

// How far apart weights are along N and along K.
const COLUMN_STRIDE: u32 = select(1u, K, TRANSPOSED);
const STEP: u32 = select(N, 1u, TRANSPOSED);

fn bias_at(column: u32) -> f32 {
  return {{bias_at}};
}

@compute @workgroup_size({{workgroup_x}}, {{workgroup_y}})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x * TILE_COLUMNS;
  let row = id.y * TILE_ROWS;
  if (row >= ROWS || column >= N) {
    return;
  }
  // Rows and columns beyond the edge compute the last one again and store nothing.
  let x_$r = (id.z * ROWS + min(row + $ru, ROWS - 1u)) * K;
  var w_$c = id.z * WEIGHT_BATCH_STRIDE + min(column + $cu, N - 1u) * COLUMN_STRIDE;
  var sum_$r_$c = 0.0;
  for (var k = 0u; k < K; k++) {
    let u_$c = weight[w_$c];
    let v_$r = x[x_$r + k];
    sum_$r_$c += v_$r * u_$c;
    w_$c += STEP;
  }
  // A loop, not repeated lines: these would be most of the code, and of the time to compile it.
  var sums: array<f32, TILE_ROWS * TILE_COLUMNS>;
  sums[$ru * TILE_COLUMNS + $cu] = sum_$r_$c;
  for (var i = 0u; i < TILE_ROWS * TILE_COLUMNS; i++) {
    let r = row + i / TILE_COLUMNS;
    let c = column + i % TILE_COLUMNS;
    if (r < ROWS && c < N) {
      out[(id.z * ROWS + r) * N + c] = activate(sums[i] + bias_at(c));
    }
  }
}
