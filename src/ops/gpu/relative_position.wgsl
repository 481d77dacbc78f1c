// Products of queries with the tables of decomposed relative position (<https://arxiv.org/abs/2112.01526>): for the query
// at row y, column x of the grid q · vertical[y − row + height − 1] for every row, then q · horizontal[x − column + width − 1]
// for every column. attention.wgsl adds them to its scores.
//
// A thread takes TILE_QUERIES queries that share a row (or, for the horizontal table, a column), and so what they load.
// Before the placeholders are filled, a line with `$r` is repeated for every query of the tile and one with `$c` for every
// vec4 of the head's width (with both: for every pair).
{{bindings}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<f32>; // [batch · heads, height · width, height + width]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  heads: u32,
  height: u32,
  width: u32,
  unused: vec2<u32>,
  // Of queries in vec4s: from one batch, one head, one token to the next, and where they begin.
  q: vec4<u32>,
}

const WIDTH4: u32 = {{head_dim}}u / 4u;
const TILE_QUERIES: u32 = {{tile_queries}}u;
const WORKGROUP = vec3<u32>({{workgroup}}u, 1u, 1u);

fn table_at(horizontal: bool, i: u32) -> vec4<f32> {
  if (horizontal) {
    return horizontal_table[i];
  }
  return vertical_table[i];
}

@compute @workgroup_size({{workgroup}})
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let id = sizes.first * WORKGROUP + invocation;
  let height = sizes.height;
  let width = sizes.width;
  let horizontal = id.z == 1u;
  // Places along the table's own axis, and lines of queries that share a place.
  let places = select(height, width, horizontal);
  let line_length = select(width, height, horizontal);
  let tiles = (line_length + TILE_QUERIES - 1u) / TILE_QUERIES;
  let place = id.x / tiles;
  let along = id.x % tiles * TILE_QUERIES;
  if (place >= places) {
    return;
  }
  let batch = id.y / sizes.heads;
  let head = id.y % sizes.heads;
  // Queries beyond the edge compute the last one again and store nothing.
  let along_$r = min(along + $ru, line_length - 1u);
  let query_$r = select(place * width + along_$r, along_$r * width + place, horizontal);
  let q_$r = sizes.q.w + batch * sizes.q.x + head * sizes.q.y + query_$r * sizes.q.z;
  let q_$r_$c = qkv[q_$r + $cu];
  let out_$r = (id.y * height * width + query_$r) * (height + width) + select(0u, height, horizontal);
  for (var i = 0u; i < places; i++) {
    let at = (place + places - 1u - i) * WIDTH4;
    let t_$c = table_at(horizontal, at + $cu);
    var product_$r = 0.0;
    product_$r += dot(q_$r_$c, t_$c);
    if (along + $ru < line_length) { out[out_$r + i] = product_$r; }
  }
}
