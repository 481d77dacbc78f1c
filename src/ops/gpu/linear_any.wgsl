// activation(x · weight + bias) of any depth and number of columns: linear.wgsl without vectors.
//
// Before the placeholders are filled, a line with `$r` is repeated for every row of a thread's tile and one with `$c` for
// every column (with both: for every pair).
@group(0) @binding(0) var<storage, read_write> x: array<f32>; // [batch, rows, K]
@group(0) @binding(1) var<storage, read_write> weight: array<{{weight_element}}>; // [1 or batch, K, N], transposed [.., N, K]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<f32>; // [batch, rows, N]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  rows: u32,
  k: u32,
  n: u32,
  // From the weight of one batch to the next: 0 where all share one.
  weight_stride: u32,
}

const TRANSPOSED: bool = {{transposed}};
const TILE_ROWS: u32 = {{tile_rows}}u;
const TILE_COLUMNS: u32 = {{tile_columns}}u;
const WORKGROUP = vec3<u32>({{workgroup_x}}u, {{workgroup_y}}u, 1u);

// Weights of 16 bits are widened when they are read: arithmetic is in f32.
fn weight_at(i: u32) -> f32 {
  return {{weight_at}};
}

fn bias_at(column: u32) -> f32 {
  return {{bias_at}};
}

@compute @workgroup_size({{workgroup_x}}, {{workgroup_y}})
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let id = sizes.first * WORKGROUP + invocation;
  let rows = sizes.rows;
  let n = sizes.n;
  let column = id.x * TILE_COLUMNS;
  let row = id.y * TILE_ROWS;
  if (row >= rows || column >= n) {
    return;
  }
  // How far apart weights are along N and along K.
  let stride = select(1u, sizes.k, TRANSPOSED);
  let next = select(n, 1u, TRANSPOSED);
  // Rows and columns beyond the edge compute the last one again and store nothing.
  let x_$r = (id.z * rows + min(row + $ru, rows - 1u)) * sizes.k;
  var w_$c = id.z * sizes.weight_stride + min(column + $cu, n - 1u) * stride;
  var sum_$r_$c = 0.0;
  for (var k = 0u; k < sizes.k; k++) {
    let u_$c = weight_at(w_$c);
    let v_$r = x[x_$r + k];
    sum_$r_$c += v_$r * u_$c;
    w_$c += next;
  }
  // A loop, not repeated lines: these would be most of the code, and of the time to compile it.
  var sums: array<f32, TILE_ROWS * TILE_COLUMNS>;
  sums[$ru * TILE_COLUMNS + $cu] = sum_$r_$c;
  for (var i = 0u; i < TILE_ROWS * TILE_COLUMNS; i++) {
    let r = row + i / TILE_COLUMNS;
    let c = column + i % TILE_COLUMNS;
    if (r < rows && c < n) {
      out[(id.z * rows + r) * n + c] = activate(sums[i] + bias_at(c));
    }
  }
}
