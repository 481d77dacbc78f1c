// activation(3×3 convolution of every channel by itself + bias), padding 1, channels last.
//
// A thread makes TILE_COLUMNS neighbours of one output row for one vec4 of channels (one channel where their number is not
// divisible by 4: `element` is then f32), so that neighbours share what they load.
// Before the placeholders are filled, a line with `$c` is repeated for every column of the tile, one with `$r` for every
// input column that it needs, (TILE_COLUMNS − 1) · STRIDE + 3 of them.
@group(0) @binding(0) var<storage, read_write> x: array<{{element}}>; // [batch, height, width, channels]
@group(0) @binding(1) var<storage, read_write> weight: array<f32>; // [channels, 3, 3]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<{{element}}>; // [batch, out_height, out_width, channels]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  height: u32,
  width: u32,
  out_height: u32,
  out_width: u32,
  // Elements of channels: their number, or a quarter of it.
  channels: u32,
}

const STRIDE: u32 = {{stride}}u;
const TILE_COLUMNS: u32 = {{tile_columns}}u;
const WORKGROUP = vec3<u32>({{workgroup_x}}u, {{workgroup_y}}u, 1u);

fn weight_at(channel: u32, tap: u32) -> {{element}} {
  return {{weight_at}};
}

@compute @workgroup_size({{workgroup_x}}, {{workgroup_y}})
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let id = sizes.first * WORKGROUP + invocation;
  let width = sizes.width;
  let channels = sizes.channels;
  let channel = id.x;
  let column = id.y * TILE_COLUMNS;
  let row = id.z % sizes.out_height;
  let batch = id.z / sizes.out_height;
  if (channel >= channels || column >= sizes.out_width) {
    return;
  }
  let bias = {{bias_at}};
  var sum_$c = bias;
  for (var i = 0u; i < 3u; i++) {
    // One less than the row and the column that are read: unsigned numbers cannot go below 0.
    let y = row * STRIDE + i;
    if (y >= 1u && y <= sizes.height) {
      let line = (batch * sizes.height + y - 1u) * width;
      let w0 = weight_at(channel, 3u * i);
      let w1 = weight_at(channel, 3u * i + 1u);
      let w2 = weight_at(channel, 3u * i + 2u);
      var v: array<{{element}}, (TILE_COLUMNS - 1u) * STRIDE + 3u>;
      let x_$r = column * STRIDE + $ru;
      v[$ru] = select({{element}}(), x[(line + clamp(x_$r, 1u, width) - 1u) * channels + channel], x_$r >= 1u && x_$r <= width);
      sum_$c += w0 * v[$cu * STRIDE] + w1 * v[$cu * STRIDE + 1u] + w2 * v[$cu * STRIDE + 2u];
    }
  }
  let begin = ((batch * sizes.out_height + row) * sizes.out_width + column) * channels + channel;
  if (column + $cu < sizes.out_width) { out[begin + $cu * channels] = activate(sum_$c); }
}
