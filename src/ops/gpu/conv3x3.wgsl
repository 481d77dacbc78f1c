// activation(3×3 convolution + bias), padding 1, channels last.
//
// A thread keeps TILE_PIXELS output pixels × TILE_COLUMNS elements of output channels in registers, as linear.wgsl does.
// `element` is vec4<f32> where the number of output channels is divisible by 4, else f32; so is `x_element`, of VECTOR numbers,
// where that of input channels is, too (the image has three).
// Before the placeholders are filled, a line with `$r` is repeated for every pixel of the tile and one with `$c` for every
// column (with both: for every pair).
@group(0) @binding(0) var<storage, read_write> x: array<{{x_element}}>; // [batch, height, width, input]
@group(0) @binding(1) var<storage, read_write> weight: array<{{element}}>; // [3, 3, input, output]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<{{element}}>; // [batch, out_height, out_width, output]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  height: u32,
  width: u32,
  out_height: u32,
  out_width: u32,
  stride: u32,
  // Output pixels of all images.
  pixels: u32,
  // Elements of input and of output channels: their number, or a quarter of it.
  k: u32,
  n: u32,
}

const VECTOR: u32 = {{vector}}u;
const TILE_PIXELS: u32 = {{tile_pixels}}u;
const TILE_COLUMNS: u32 = {{tile_columns}}u;
const WORKGROUP = vec3<u32>({{workgroup_x}}u, {{workgroup_y}}u, 1u);

fn bias_at(column: u32) -> {{element}} {
  return {{bias_at}};
}

@compute @workgroup_size({{workgroup_x}}, {{workgroup_y}})
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let id = sizes.first * WORKGROUP + invocation;
  let out_width = sizes.out_width;
  let pixels_per_image = sizes.out_height * out_width;
  let depth = sizes.k;
  let n = sizes.n;
  let column = id.x * TILE_COLUMNS;
  let pixel = id.y * TILE_PIXELS;
  if (pixel >= sizes.pixels || column >= n) {
    return;
  }
  // Pixels and columns beyond the edge compute the last one again and store nothing.
  // Of every pixel its image's first row, its row and its column in the input; then where a tap reads, and whether it may.
  var places: array<vec3<u32>, TILE_PIXELS>;
  for (var i = 0u; i < TILE_PIXELS; i++) {
    let p = min(pixel + i, sizes.pixels - 1u);
    places[i] = vec3<u32>(p / pixels_per_image * sizes.height, p / out_width % sizes.out_height * sizes.stride, p % out_width * sizes.stride);
  }
  var begins: array<u32, TILE_PIXELS>;
  var inside: array<bool, TILE_PIXELS>;
  var w_$c = min(column + $cu, n - 1u);
  var sum_$r_$c = {{element}}();
  for (var tap = 0u; tap < 9u; tap++) {
    for (var i = 0u; i < TILE_PIXELS; i++) {
      // One more than the row and the column that are read: unsigned numbers cannot go below 0.
      let at_y = places[i].y + tap / 3u;
      let at_x = places[i].z + tap % 3u;
      inside[i] = at_y >= 1u && at_y <= sizes.height && at_x >= 1u && at_x <= sizes.width;
      begins[i] = select(0u, ((places[i].x + at_y - 1u) * sizes.width + at_x - 1u) * depth, inside[i]);
    }
    for (var k = 0u; k < depth; k++) {
      let block_$c = {{block}};
      let v_$r = select({{x_element}}(), x[begins[$ru] + k], inside[$ru]);
      sum_$r_$c += block_$c * v_$r;
      w_$c += VECTOR * n;
    }
  }
  // A loop, not repeated lines: these would be most of the code, and of the time to compile it.
  var sums: array<{{element}}, TILE_PIXELS * TILE_COLUMNS>;
  sums[$ru * TILE_COLUMNS + $cu] = sum_$r_$c;
  for (var i = 0u; i < TILE_PIXELS * TILE_COLUMNS; i++) {
    let p = pixel + i / TILE_COLUMNS;
    let c = column + i % TILE_COLUMNS;
    if (p < sizes.pixels && c < n) {
      out[p * n + c] = activate(sums[i] + bias_at(c));
    }
  }
}
