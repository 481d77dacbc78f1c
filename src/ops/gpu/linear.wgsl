// activation(x · weight + bias); depth and columns divisible by 4.
//
// A thread keeps TILE_ROWS rows × TILE_COLUMNS vec4 columns of the output in registers and reads its operands straight
// from the buffers: a software adapter pays for every load, but nothing for registers.
// Before the placeholders are filled, a line with `$r` is repeated for every row of the tile and one with `$c` for every
// vec4 column (with both: for every pair).
@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>; // [batch, rows, K]
@group(0) @binding(1) var<storage, read_write> weight: array<{{weight_element}}>; // [1 or batch, K, N], transposed [.., N, K]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<vec4<f32>>; // [batch, rows, N]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  rows: u32,
  // K / 4 and N / 4.
  k4: u32,
  n4: u32,
  // From the weight of one batch to the next: 0 where all share one.
  weight_stride: u32,
}

const TRANSPOSED: bool = {{transposed}};
const TILE_ROWS: u32 = {{tile_rows}}u;
const TILE_COLUMNS: u32 = {{tile_columns}}u;
const WORKGROUP = vec3<u32>({{workgroup_x}}u, {{workgroup_y}}u, 1u);

// Weights of 16 bits are widened when they are read: arithmetic is in f32.
fn weight_at(i: u32) -> vec4<f32> {
  return {{weight_at}};
}

fn bias_at(column: u32) -> vec4<f32> {
  return {{bias_at}};
}

@compute @workgroup_size({{workgroup_x}}, {{workgroup_y}})
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let id = sizes.first * WORKGROUP + invocation;
  let rows = sizes.rows;
  let k4 = sizes.k4;
  let n4 = sizes.n4;
  let column = id.x * TILE_COLUMNS;
  let row = id.y * TILE_ROWS;
  if (row >= rows || column >= n4) {
    return;
  }
  // A 4 × 4 block of the weight lies in four vec4: where it begins, how far apart they are, how far the next is along K.
  let block = select(1u, 4u * k4, TRANSPOSED);
  let stride = select(n4, k4, TRANSPOSED);
  let next = select(4u * n4, 1u, TRANSPOSED);
  // Rows and columns beyond the edge compute the last one again and store nothing.
  let x_$r = (id.z * rows + min(row + $ru, rows - 1u)) * k4;
  var w_$c = id.z * sizes.weight_stride + min(column + $cu, n4 - 1u) * block;
  var sum_$r_$c = vec4<f32>();
  for (var k = 0u; k < k4; k++) {
    let block_$c = mat4x4<f32>(weight_at(w_$c), weight_at(w_$c + stride), weight_at(w_$c + 2u * stride), weight_at(w_$c + 3u * stride));
    let v_$r = x[x_$r + k];
    sum_$r_$c += {{product}};
    w_$c += next;
  }
  // A loop, not repeated lines: these would be most of the code, and of the time to compile it.
  var sums: array<vec4<f32>, TILE_ROWS * TILE_COLUMNS>;
  sums[$ru * TILE_COLUMNS + $cu] = sum_$r_$c;
  for (var i = 0u; i < TILE_ROWS * TILE_COLUMNS; i++) {
    let r = row + i / TILE_COLUMNS;
    let c = column + i % TILE_COLUMNS;
    if (r < rows && c < n4) {
      out[(id.z * rows + r) * n4 + c] = activate(sums[i] + bias_at(c));
    }
  }
}
