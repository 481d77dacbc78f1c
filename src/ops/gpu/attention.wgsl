// softmax(q · kᵀ · scale + bias) · v with a running softmax: scores are never stored. Width of a head divisible by 4.
//
// A thread makes TILE_QUERIES queries of one head and walks over all keys, four at a time, its queries and sums in registers.
// Before the placeholders are filled, a line with `$r` is repeated for every query of the tile and one with `$c` for every
// vec4 of the head's width (with both: for every pair).
//
// Queries, keys and values are views of one tensor.
{{bindings}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<vec4<f32>>; // [batch, QUERIES, HEADS, width]

const HEADS: u32 = {{heads}}u;
const QUERIES: u32 = {{queries}}u;
// The keys as a grid; one row of all where no position bias needs rows.
const KEY_ROWS: u32 = {{key_rows}}u;
const KEY_COLUMNS: u32 = {{key_columns}}u;
const WIDTH4: u32 = {{head_dim}}u / 4u;
const SCALE: f32 = {{scale}};
const TILE_QUERIES: u32 = {{tile_queries}}u;
// Of q, k, v in vec4s: where they begin, from one batch, one head, one token to the next.
const Q = vec4<u32>({{q_layout}});
const K = vec4<u32>({{k_layout}});
const V = vec4<u32>({{v_layout}});

const LOWEST: f32 = -3.0e38;

fn begin(lies: vec4<u32>, batch: u32, head: u32) -> u32 {
  return lies.x + batch * lies.y + head * lies.z;
}

// What the scores of a query with all keys of a row gain.
fn row_bias(head: u32, query: u32, row: u32) -> f32 {
  return {{row_bias}};
}

// What the scores of a query with four keys gain, whatever their row.
fn column_bias(head: u32, query: u32, i: vec4<u32>) -> vec4<f32> {
  return {{column_bias}};
}

@compute @workgroup_size({{workgroup}})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let query = id.x * TILE_QUERIES;
  let head_of_batch = id.y;
  let batch = head_of_batch / HEADS;
  let head = head_of_batch % HEADS;
  if (query >= QUERIES) {
    return;
  }
  // Queries beyond the edge compute the last one again and store nothing.
  let query_$r = min(query + $ru, QUERIES - 1u);
  var queries: array<vec4<f32>, TILE_QUERIES * WIDTH4>;
  for (var i = 0u; i < TILE_QUERIES * WIDTH4; i++) {
    let r = min(query + i / WIDTH4, QUERIES - 1u);
    queries[i] = qkv[begin(Q, batch, head) + r * Q.w + i % WIDTH4] * SCALE;
  }
  var sum_$r_$c = vec4<f32>();
  var highest_$r = LOWEST;
  var weight_$r = 0.0;
  for (var row = 0u; row < KEY_ROWS; row++) {
    let row_bias_$r = row_bias({{bias_head}}, query_$r, row);
    for (var column = 0u; column < KEY_COLUMNS; column += 4u) {
      // Keys beyond the edge are the row's last one again, with a weight of 0.
      let columns = column + vec4<u32>(0u, 1u, 2u, 3u);
      let keys = row * KEY_COLUMNS + min(columns, vec4<u32>(KEY_COLUMNS - 1u));
      let k_at = begin(K, batch, head) + keys * K.w;
      let v_at = begin(V, batch, head) + keys * V.w;
      let i = min(columns, vec4<u32>(KEY_COLUMNS - 1u));
      var score_$r = row_bias_$r + column_bias({{bias_head}}, query_$r, i);
      let k_$c = mat4x4<f32>(qkv[k_at.x + $cu], qkv[k_at.y + $cu], qkv[k_at.z + $cu], qkv[k_at.w + $cu]);
      score_$r += queries[$ru * WIDTH4 + $cu] * k_$c;
      let masked_$r = select(vec4<f32>(LOWEST), score_$r, columns < vec4<u32>(KEY_COLUMNS));
      let high_$r = max(highest_$r, max(max(masked_$r.x, masked_$r.y), max(masked_$r.z, masked_$r.w)));
      let shrink_$r = exp(highest_$r - high_$r);
      let p_$r = exp(masked_$r - high_$r);
      highest_$r = high_$r;
      weight_$r = weight_$r * shrink_$r + dot(p_$r, vec4<f32>(1.0));
      let v_$c = mat4x4<f32>(qkv[v_at.x + $cu], qkv[v_at.y + $cu], qkv[v_at.z + $cu], qkv[v_at.w + $cu]);
      sum_$r_$c = sum_$r_$c * shrink_$r + v_$c * p_$r;
    }
  }
  // Loops, not repeated lines, at both ends: these would be half of the code, and of the time to compile it.
  var sums: array<vec4<f32>, TILE_QUERIES * WIDTH4>;
  sums[$ru * WIDTH4 + $cu] = sum_$r_$c / weight_$r;
  for (var i = 0u; i < TILE_QUERIES * WIDTH4; i++) {
    let r = query + i / WIDTH4;
    if (r < QUERIES) {
      out[((batch * QUERIES + r) * HEADS + head) * WIDTH4 + i % WIDTH4] = sums[i];
    }
  }
}
