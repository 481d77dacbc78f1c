// activation(x · weight + bias) for every head of every batch.
//
// `element` is vec4<f32> where depth and columns are divisible by 4, else f32: VECTOR numbers.
// A thread keeps TILE_ROWS rows × TILE_COLUMNS elements of the output in registers and reads its operands straight from the
// buffers: a software adapter pays for every load, but nothing for registers.
// Before the placeholders are filled, a line with `$r` is repeated for every row of the tile and one with `$c` for every
// column (with both: for every pair).
@group(0) @binding(0) var<storage, read_write> x: array<{{element}}>; // [batch, heads, rows, K]
@group(0) @binding(1) var<storage, read_write> weight: array<{{weight_element}}>; // [1 or batch, heads, K, N], transposed [.., N, K]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<{{element}}>; // [batch, heads, rows, N]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  rows: u32,
  // Elements of K and N: their number, or a quarter of it.
  k: u32,
  n: u32,
  heads: u32,
  unused: u32,
  // Of each from one batch, one head, one row to the next; the rows of a transposed weight are its columns.
  x: vec4<u32>,
  weight: vec4<u32>,
  bias: vec4<u32>,
  out: vec4<u32>,
}

const VECTOR: u32 = {{vector}}u;
const TRANSPOSED: bool = {{transposed}};
const TILE_ROWS: u32 = {{tile_rows}}u;
const TILE_COLUMNS: u32 = {{tile_columns}}u;
const WORKGROUP = vec3<u32>({{workgroup_x}}u, {{workgroup_y}}u, 1u);

// Weights of 16 bits are widened when they are read: arithmetic is in f32.
fn weight_at(i: u32) -> {{element}} {
  return {{weight_at}};
}

fn bias_at(i: u32) -> {{element}} {
  return {{bias_at}};
}

// Where what belongs to a product begins.
fn begin(lies: vec4<u32>, product: u32) -> u32 {
  return product / sizes.heads * lies.x + product % sizes.heads * lies.y;
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
  // A block of the weight, VECTOR × VECTOR numbers, lies in VECTOR elements: how far apart they are, where the block of a
  // column begins, how far the next is along K.
  let stride = sizes.weight.z;
  let block = select(1u, VECTOR * stride, TRANSPOSED);
  let next = select(VECTOR * stride, 1u, TRANSPOSED);
  let x_begin = begin(sizes.x, id.z);
  let weight_begin = begin(sizes.weight, id.z);
  // Rows and columns beyond the edge compute the last one again and store nothing.
  let x_$r = x_begin + min(row + $ru, rows - 1u) * sizes.x.z;
  var w_$c = weight_begin + min(column + $cu, n - 1u) * block;
  var sum_$r_$c = {{element}}();
  for (var k = 0u; k < sizes.k; k++) {
    let block_$c = {{block}};
    let v_$r = x[x_$r + k];
    sum_$r_$c += {{product}};
    w_$c += next;
  }
  let bias_begin = begin(sizes.bias, id.z);
  let out_begin = begin(sizes.out, id.z);
  // A loop, not repeated lines: these would be most of the code, and of the time to compile it.
  var sums: array<{{element}}, TILE_ROWS * TILE_COLUMNS>;
  sums[$ru * TILE_COLUMNS + $cu] = sum_$r_$c;
  for (var i = 0u; i < TILE_ROWS * TILE_COLUMNS; i++) {
    let r = row + i / TILE_COLUMNS;
    let c = column + i % TILE_COLUMNS;
    if (r < rows && c < n) {
      out[out_begin + r * sizes.out.z + c] = activate(sums[i] + bias_at(bias_begin + c));
    }
  }
}
