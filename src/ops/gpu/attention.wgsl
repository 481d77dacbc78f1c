// softmax(q · kᵀ · scale + bias) · v with a running softmax: scores are never stored. Width of a head divisible by 4.
//
// A thread makes TILE_QUERIES queries of one head and walks over all keys, four at a time, its queries and sums in registers.
// Before the placeholders are filled, a line with `$r` is repeated for every query of the tile and one with `$c` for every
// vec4 of the head's width (with both: for every pair).
//
// Queries, keys and values are tensors of their own, or views of one.
{{bindings}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<vec4<f32>>; // [batch, queries, heads, width]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  heads: u32,
  queries: u32,
  // The keys as a grid; one row of all where no position bias needs rows.
  key_rows: u32,
  key_columns: u32,
  scale: f32,
  // Of queries, keys and values in vec4s: from one batch, one head, one token to the next, and where they begin.
  q: vec4<u32>,
  k: vec4<u32>,
  v: vec4<u32>,
}

const WIDTH4: u32 = {{head_dim}}u / 4u;
const TILE_QUERIES: u32 = {{tile_queries}}u;
const WORKGROUP = vec3<u32>({{workgroup}}u, 1u, 1u);

// Nothing is as low, and its difference to a score, times log2(e), is still a number: on some GPUs no other may occur.
const LOWEST: f32 = -1.0e30;

fn begin(lies: vec4<u32>, batch: u32, head: u32) -> u32 {
  return lies.w + batch * lies.x + head * lies.y;
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
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let id = sizes.first * WORKGROUP + invocation;
  let last = sizes.queries - 1u;
  let key_columns = sizes.key_columns;
  let query = id.x * TILE_QUERIES;
  let head_of_batch = id.y;
  let batch = head_of_batch / sizes.heads;
  let head = head_of_batch % sizes.heads;
  if (query > last) {
    return;
  }
  let q_begin = begin(sizes.q, batch, head);
  let k_begin = begin(sizes.k, batch, head);
  let v_begin = begin(sizes.v, batch, head);
  let k_token = sizes.k.z;
  let v_token = sizes.v.z;
  // Queries beyond the edge compute the last one again and store nothing.
  let query_$r = min(query + $ru, last);
  var queries: array<vec4<f32>, TILE_QUERIES * WIDTH4>;
  for (var i = 0u; i < TILE_QUERIES * WIDTH4; i++) {
    let r = min(query + i / WIDTH4, last);
    queries[i] = {{q}}[q_begin + r * sizes.q.z + i % WIDTH4] * sizes.scale;
  }
  var sum_$r_$c = vec4<f32>();
  var highest_$r = LOWEST;
  var weight_$r = 0.0;
  for (var row = 0u; row < sizes.key_rows; row++) {
    let row_bias_$r = row_bias({{bias_head}}, query_$r, row);
    for (var column = 0u; column < key_columns; column += 4u) {
      // Keys beyond the edge are the row's last one again, with a weight of 0.
      let columns = column + vec4<u32>(0u, 1u, 2u, 3u);
      let keys = row * key_columns + min(columns, vec4<u32>(key_columns - 1u));
      let k_at = k_begin + keys * k_token;
      let v_at = v_begin + keys * v_token;
      let i = min(columns, vec4<u32>(key_columns - 1u));
      var score_$r = row_bias_$r + column_bias({{bias_head}}, query_$r, i);
      let k_$c = mat4x4<f32>({{k}}[k_at.x + $cu], {{k}}[k_at.y + $cu], {{k}}[k_at.z + $cu], {{k}}[k_at.w + $cu]);
      score_$r += queries[$ru * WIDTH4 + $cu] * k_$c;
      let masked_$r = select(vec4<f32>(LOWEST), score_$r, columns < vec4<u32>(key_columns));
      let high_$r = max(highest_$r, max(max(masked_$r.x, masked_$r.y), max(masked_$r.z, masked_$r.w)));
      let shrink_$r = exp(highest_$r - high_$r);
      let p_$r = exp(masked_$r - high_$r);
      highest_$r = high_$r;
      weight_$r = weight_$r * shrink_$r + dot(p_$r, vec4<f32>(1.0));
      let v_$c = mat4x4<f32>({{v}}[v_at.x + $cu], {{v}}[v_at.y + $cu], {{v}}[v_at.z + $cu], {{v}}[v_at.w + $cu]);
      sum_$r_$c = sum_$r_$c * shrink_$r + v_$c * p_$r;
    }
  }
  // Loops, not repeated lines, at both ends: these would be half of the code, and of the time to compile it.
  var sums: array<vec4<f32>, TILE_QUERIES * WIDTH4>;
  sums[$ru * WIDTH4 + $cu] = sum_$r_$c / weight_$r;
  for (var i = 0u; i < TILE_QUERIES * WIDTH4; i++) {
    let r = query + i / WIDTH4;
    if (r <= last) {
      out[((batch * sizes.queries + r) * sizes.heads + head) * WIDTH4 + i % WIDTH4] = sums[i];
    }
  }
}
