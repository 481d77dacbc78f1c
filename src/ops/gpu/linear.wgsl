// activation(x · weight + bias); depth and columns divisible by 4.
//
// A thread keeps TILE_ROWS rows × TILE_COLUMNS vec4 columns of the output in registers and reads its operands straight
// from the buffers: a software adapter pays for every load, but nothing for registers.
// Before the placeholders are filled, a line with `$r` is repeated for every row of the tile and one with `$c` for every
// vec4 column (with both: for every pair).
@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>; // [batch, ROWS, K]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [1 or batch, K, N], transposed [.., N, K]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<vec4<f32>>; // [batch, ROWS, N]

const ROWS: u32 = {{rows}}u;
// K / 4 and N / 4.
const K4: u32 = {{k}}u / 4u;
const N4: u32 = {{n}}u / 4u;
// 0 where all batches share one weight, else K4 · N.
const WEIGHT_BATCH_STRIDE: u32 = {{weight_batched}}u * K4 * N4 * 4u;
const TRANSPOSED: bool = {{transposed}};
const TILE_ROWS: u32 = {{tile_rows}}u;
const TILE_COLUMNS: u32 = {{tile_columns}}u;

// A 4 × 4 block of the weight lies in four vec4: where it begins, how far apart they are, how far the next is along K.
const BLOCK: u32 = select(1u, 4u * K4, TRANSPOSED);
const STRIDE: u32 = select(N4, K4, TRANSPOSED);
const STEP: u32 = select(4u * N4, 1u, TRANSPOSED);

fn bias_at(column: u32) -> vec4<f32> {
  return {{bias_at}};
}

@compute @workgroup_size({{workgroup_x}}, {{workgroup_y}})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x * TILE_COLUMNS;
  let row = id.y * TILE_ROWS;
  if (row >= ROWS || column >= N4) {
    return;
  }
  // Rows and columns beyond the edge compute the last one again and store nothing.
  let x_$r = (id.z * ROWS + min(row + $ru, ROWS - 1u)) * K4;
  var w_$c = id.z * WEIGHT_BATCH_STRIDE + min(column + $cu, N4 - 1u) * BLOCK;
  var sum_$r_$c = vec4<f32>();
  for (var k = 0u; k < K4; k++) {
    let block_$c = mat4x4<f32>(weight[w_$c], weight[w_$c + STRIDE], weight[w_$c + 2u * STRIDE], weight[w_$c + 3u * STRIDE]);
    let v_$r = x[x_$r + k];
    sum_$r_$c += {{product}};
    w_$c += STEP;
  }
  // A loop, not repeated lines: these would be most of the code, and of the time to compile it.
  var sums: array<vec4<f32>, TILE_ROWS * TILE_COLUMNS>;
  sums[$ru * TILE_COLUMNS + $cu] = sum_$r_$c;
  for (var i = 0u; i < TILE_ROWS * TILE_COLUMNS; i++) {
    let r = row + i / TILE_COLUMNS;
    let c = column + i % TILE_COLUMNS;
    if (r < ROWS && c < N4) {
      out[(id.z * ROWS + r) * N4 + c] = activate(sums[i] + bias_at(c));
    }
  }
}
