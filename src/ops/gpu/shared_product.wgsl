// activation(x · weight + bias) for every head of every batch: large products on a GPU. Depth and columns are divisible by 4.
//
// A workgroup makes ROWS × COLUMNS of the output, STEP vectors of the depth at a time: its threads put what all of them need of
// both sides into their shared memory, and each keeps TILE_ROWS × TILE_COLUMNS vectors of sums in registers. So a number is read
// from the buffers once for a workgroup and not once for a thread.
// Before the placeholders are filled, a line with `$r` is repeated for every row of a thread's tile and one with `$c` for every
// column (with both: for every pair). What is appended says where the rows of x lie.
@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> weight: array<{{weight_element}}>; // [1 or batch, heads, K, N], transposed [.., N, K]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<vec4<f32>>; // [batch, heads, rows, N]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  rows: u32,
  // Vectors of a part of the depth, and of N.
  k: u32,
  n: u32,
  heads: u32,
  // Of a convolution.
  stride: u32,
  // Where rows lie; of the others, from one batch, one head, one row to the next.
  x: vec4<u32>,
  weight: vec4<u32>,
  bias: vec4<u32>,
  out: vec4<u32>,
}

const TRANSPOSED: bool = {{transposed}};
const TILE_ROWS: u32 = {{tile_rows}}u;
const TILE_COLUMNS: u32 = {{tile_columns}}u;
const ACROSS: u32 = {{workgroup_x}}u;
const DOWN: u32 = {{workgroup_y}}u;
const THREADS: u32 = ACROSS * DOWN;
const ROWS: u32 = TILE_ROWS * DOWN;
const COLUMNS: u32 = TILE_COLUMNS * ACROSS;
const STEP: u32 = {{step}}u;
const X_LOADS: u32 = ROWS * STEP / THREADS;
const WEIGHT_LOADS: u32 = 4u * STEP * COLUMNS / THREADS;

// Shared memory has 32 banks of 4 bytes, 8 vectors wide: eight threads get theirs at once if no two of them are a multiple of 8
// apart. Neighbouring threads take neighbouring rows and columns, so both are stored side by side. Neighbours bring the vectors
// of one row, one after the other, for that is how they lie in the buffer: the padding puts these into banks of their own.
const X_STRIDE: u32 = ROWS + 8u / STEP;
var<workgroup> x_tile: array<vec4<f32>, STEP * X_STRIDE>; // [STEP, ROWS]
var<workgroup> weight_tile: array<vec4<f32>, 4u * STEP * COLUMNS>; // [STEP, 4, COLUMNS]

// Where there is nothing but zeros.
const NOWHERE: u32 = 0xffffffffu;

// Weights of 16 bits are widened on their way into shared memory: arithmetic is in f32.
fn weight_at(i: u32) -> vec4<f32> {
  return {{weight_at}};
}

fn bias_at(i: u32) -> vec4<f32> {
  return {{bias_at}};
}

// Where what belongs to a product begins.
fn begin(lies: vec4<u32>, product: u32) -> u32 {
  return product / sizes.heads * lies.x + product % sizes.heads * lies.y;
}

@compute @workgroup_size({{workgroup_x}}, {{workgroup_y}})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let id = sizes.first + group;
  let row = id.y * ROWS;
  let column = id.x * COLUMNS;
  let rows = sizes.rows;
  let depth = sizes.k;
  let n = sizes.n;
  // As in linear.wgsl: of a block of the weight, 4 × 4 numbers, how far its vectors are apart, the next column's and the next along K.
  let stride = sizes.weight.z;
  let block = select(1u, 4u * stride, TRANSPOSED);
  let next = select(4u * stride, 1u, TRANSPOSED);
  let weight_begin = begin(sizes.weight, id.z);
  var sum_$r_$c = vec4<f32>();
  // No thread leaves early, for all must come to the barriers: rows and columns beyond the edge compute the last one again and
  // store nothing. Beyond the depth are zeros.
  for (var part = 0u; part < PARTS; part++) {
    var begins: array<u32, X_LOADS>;
    for (var i = 0u; i < X_LOADS; i++) {
      begins[i] = x_begin(id.z, min(row + (thread + i * THREADS) / STEP, rows - 1u), part);
    }
    for (var k = 0u; k < depth; k += STEP) {
      // Everyone is done with the last step.
      workgroupBarrier();
      for (var i = 0u; i < X_LOADS; i++) {
        let to = thread + i * THREADS;
        let at = k + to % STEP;
        let is_there = at < depth && begins[i] != NOWHERE;
        let v = x[select(0u, begins[i] + at, is_there)];
        x_tile[to % STEP * X_STRIDE + to / STEP] = select(vec4<f32>(), v, is_there);
      }
      for (var i = 0u; i < WEIGHT_LOADS; i++) {
        let to = thread + i * THREADS;
        let at = part * depth + min(k + to / COLUMNS / 4u, depth - 1u);
        let c = min(column + to % COLUMNS, n - 1u);
        weight_tile[to] = weight_at(weight_begin + c * block + at * next + to / COLUMNS % 4u * stride);
      }
      workgroupBarrier();
      for (var j = 0u; j < STEP; j++) {
        let w_$c = 4u * j * COLUMNS + local.x + $cu * ACROSS;
        let block_$c = mat4x4<f32>(weight_tile[w_$c], weight_tile[w_$c + COLUMNS], weight_tile[w_$c + 2u * COLUMNS], weight_tile[w_$c + 3u * COLUMNS]);
        let v_$r = x_tile[j * X_STRIDE + local.y + $ru * DOWN];
        sum_$r_$c += {{product}};
      }
    }
  }
  let bias_begin = begin(sizes.bias, id.z);
  let out_begin = begin(sizes.out, id.z);
  // A loop, not repeated lines: these would be most of the code, and of the time to compile it.
  var sums: array<vec4<f32>, TILE_ROWS * TILE_COLUMNS>;
  sums[$ru * TILE_COLUMNS + $cu] = sum_$r_$c;
  for (var i = 0u; i < TILE_ROWS * TILE_COLUMNS; i++) {
    let r = row + local.y + i / TILE_COLUMNS * DOWN;
    let c = column + local.x + i % TILE_COLUMNS * ACROSS;
    if (r < rows && c < n) {
      out[out_begin + r * sizes.out.z + c] = activate(sums[i] + bias_at(bias_begin + c));
    }
  }
}
