// activation(3×3 convolution + bias), padding 1, channels last; input and output channels divisible by 4.
//
// A thread keeps TILE_PIXELS output pixels × TILE_COLUMNS vec4 of output channels in registers, as linear.wgsl does.
// Before the placeholders are filled, a line with `$r` is repeated for every pixel of the tile and one with `$c` for every
// column (with both: for every pair).
@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>; // [batch, HEIGHT, WIDTH, input]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [3, 3, input, output]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<vec4<f32>>; // [batch, OUT_HEIGHT, OUT_WIDTH, output]

const HEIGHT: u32 = {{height}}u;
const WIDTH: u32 = {{width}}u;
const STRIDE: u32 = {{stride}}u;
const OUT_HEIGHT: u32 = (HEIGHT + STRIDE - 1u) / STRIDE;
const OUT_WIDTH: u32 = (WIDTH + STRIDE - 1u) / STRIDE;
const PIXELS: u32 = {{batch}}u * OUT_HEIGHT * OUT_WIDTH;
// Input and output channels / 4.
const K4: u32 = {{input}}u / 4u;
const N4: u32 = {{output}}u / 4u;
const TILE_PIXELS: u32 = {{tile_pixels}}u;
const TILE_COLUMNS: u32 = {{tile_columns}}u;

fn bias_at(column: u32) -> vec4<f32> {
  return {{bias_at}};
}

@compute @workgroup_size({{workgroup_x}}, {{workgroup_y}})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x * TILE_COLUMNS;
  let pixel = id.y * TILE_PIXELS;
  if (pixel >= PIXELS || column >= N4) {
    return;
  }
  // Pixels and columns beyond the edge compute the last one again and store nothing.
  // Of every pixel its image's first row, its row and its column in the input; then where a tap reads, and whether it may.
  var places: array<vec3<u32>, TILE_PIXELS>;
  for (var i = 0u; i < TILE_PIXELS; i++) {
    let p = min(pixel + i, PIXELS - 1u);
    places[i] = vec3<u32>(p / (OUT_HEIGHT * OUT_WIDTH) * HEIGHT, p / OUT_WIDTH % OUT_HEIGHT * STRIDE, p % OUT_WIDTH * STRIDE);
  }
  var begins: array<u32, TILE_PIXELS>;
  var inside: array<bool, TILE_PIXELS>;
  var w_$c = min(column + $cu, N4 - 1u);
  var sum_$r_$c = vec4<f32>();
  for (var tap = 0u; tap < 9u; tap++) {
    for (var i = 0u; i < TILE_PIXELS; i++) {
      // One more than the row and the column that are read: unsigned numbers cannot go below 0.
      let at_y = places[i].y + tap / 3u;
      let at_x = places[i].z + tap % 3u;
      inside[i] = at_y >= 1u && at_y <= HEIGHT && at_x >= 1u && at_x <= WIDTH;
      begins[i] = select(0u, ((places[i].x + at_y - 1u) * WIDTH + at_x - 1u) * K4, inside[i]);
    }
    for (var k = 0u; k < K4; k++) {
      let block_$c = mat4x4<f32>(weight[w_$c], weight[w_$c + N4], weight[w_$c + 2u * N4], weight[w_$c + 3u * N4]);
      let v_$r = select(vec4<f32>(), x[begins[$ru] + k], inside[$ru]);
      sum_$r_$c += block_$c * v_$r;
      w_$c += 4u * N4;
    }
  }
  // A loop, not repeated lines: these would be most of the code, and of the time to compile it.
  var sums: array<vec4<f32>, TILE_PIXELS * TILE_COLUMNS>;
  sums[$ru * TILE_COLUMNS + $cu] = sum_$r_$c;
  for (var i = 0u; i < TILE_PIXELS * TILE_COLUMNS; i++) {
    let p = pixel + i / TILE_COLUMNS;
    let c = column + i % TILE_COLUMNS;
    if (p < PIXELS && c < N4) {
      out[p * N4 + c] = activate(sums[i] + bias_at(c));
    }
  }
}
