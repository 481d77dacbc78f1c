// Products of queries with the tables of decomposed relative position (<https://arxiv.org/abs/2112.01526>): for the query
// at row y, column x of the grid q · vertical[y − row + HEIGHT − 1] for every row, then q · horizontal[x − column + WIDTH − 1]
// for every column. attention.wgsl adds them to its scores.
//
// A thread takes TILE_QUERIES queries that share a row (or, for the horizontal table, a column), and so what they load.
// Before the placeholders are filled, a line with `$r` is repeated for every query of the tile and one with `$c` for every
// vec4 of the head's width (with both: for every pair).
{{bindings}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<f32>; // [batch · HEADS, HEIGHT · WIDTH, HEIGHT + WIDTH]

const HEADS: u32 = {{heads}}u;
const HEIGHT: u32 = {{height}}u;
const WIDTH: u32 = {{width}}u;
const WIDTH4: u32 = {{head_dim}}u / 4u;
const TILE_QUERIES: u32 = {{tile_queries}}u;
// Of q in vec4s: where it begins, from one batch, one head, one token to the next.
const Q = vec4<u32>({{q_layout}});

fn table_at(horizontal: bool, i: u32) -> vec4<f32> {
  if (horizontal) {
    return horizontal_table[i];
  }
  return vertical_table[i];
}

@compute @workgroup_size({{workgroup}})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(global_invocation_id) id: vec3<u32>) {
  let horizontal = group.z == 1u;
  // Places along the table's own axis, and lines of queries that share a place.
  let places = select(HEIGHT, WIDTH, horizontal);
  let line_length = select(WIDTH, HEIGHT, horizontal);
  let tiles = (line_length + TILE_QUERIES - 1u) / TILE_QUERIES;
  let place = id.x / tiles;
  let along = id.x % tiles * TILE_QUERIES;
  if (place >= places) {
    return;
  }
  let batch = group.y / HEADS;
  let head = group.y % HEADS;
  // Queries beyond the edge compute the last one again and store nothing.
  let along_$r = min(along + $ru, line_length - 1u);
  let query_$r = select(place * WIDTH + along_$r, along_$r * WIDTH + place, horizontal);
  let q_$r = Q.x + batch * Q.y + head * Q.z + query_$r * Q.w;
  let q_$r_$c = qkv[q_$r + $cu];
  let out_$r = (group.y * HEIGHT * WIDTH + query_$r) * (HEIGHT + WIDTH) + select(0u, HEIGHT, horizontal);
  for (var i = 0u; i < places; i++) {
    let at = (place + places - 1u - i) * WIDTH4;
    let t_$c = table_at(horizontal, at + $cu);
    var product_$r = 0.0;
    product_$r += dot(q_$r_$c, t_$c);
    if (along + $ru < line_length) { out[out_$r + i] = product_$r; }
  }
}
