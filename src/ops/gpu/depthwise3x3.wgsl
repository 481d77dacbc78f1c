// activation(3×3 convolution of every channel by itself + bias), padding 1, channels last.
//
// A thread makes TILE_COLUMNS neighbours of one output row for one vec4 of channels (one channel where their number is not
// divisible by 4: `element` is then f32), so that neighbours share what they load.
// Before the placeholders are filled, a line with `$c` is repeated for every column of the tile, one with `$r` for every
// input column that it needs, (TILE_COLUMNS − 1) · STRIDE + 3 of them.
@group(0) @binding(0) var<storage, read_write> x: array<{{element}}>; // [batch, HEIGHT, WIDTH, channels]
@group(0) @binding(1) var<storage, read_write> weight: array<f32>; // [channels, 3, 3]
{{bias_binding}}
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<{{element}}>; // [batch, OUT_HEIGHT, OUT_WIDTH, channels]

const HEIGHT: u32 = {{height}}u;
const WIDTH: u32 = {{width}}u;
// Elements of channels: their number, or a quarter of it.
const CHANNELS: u32 = {{elements}}u;
const STRIDE: u32 = {{stride}}u;
const OUT_HEIGHT: u32 = (HEIGHT + STRIDE - 1u) / STRIDE;
const OUT_WIDTH: u32 = (WIDTH + STRIDE - 1u) / STRIDE;
const TILE_COLUMNS: u32 = {{tile_columns}}u;

fn weight_at(channel: u32, tap: u32) -> {{element}} {
  return {{weight_at}};
}

@compute @workgroup_size({{workgroup_x}}, {{workgroup_y}})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let channel = id.x;
  let column = id.y * TILE_COLUMNS;
  let row = id.z % OUT_HEIGHT;
  let batch = id.z / OUT_HEIGHT;
  if (channel >= CHANNELS || column >= OUT_WIDTH) {
    return;
  }
  let bias = {{bias_at}};
  var sum_$c = bias;
  for (var i = 0u; i < 3u; i++) {
    // One less than the row and the column that are read: unsigned numbers cannot go below 0.
    let y = row * STRIDE + i;
    if (y >= 1u && y <= HEIGHT) {
      let line = (batch * HEIGHT + y - 1u) * WIDTH;
      let w0 = weight_at(channel, 3u * i);
      let w1 = weight_at(channel, 3u * i + 1u);
      let w2 = weight_at(channel, 3u * i + 2u);
      var v: array<{{element}}, (TILE_COLUMNS - 1u) * STRIDE + 3u>;
      let x_$r = column * STRIDE + $ru;
      v[$ru] = select({{element}}(), x[(line + clamp(x_$r, 1u, WIDTH) - 1u) * CHANNELS + channel], x_$r >= 1u && x_$r <= WIDTH);
      sum_$c += w0 * v[$cu * STRIDE] + w1 * v[$cu * STRIDE + 1u] + w2 * v[$cu * STRIDE + 2u];
    }
  }
  let begin = ((batch * OUT_HEIGHT + row) * OUT_WIDTH + column) * CHANNELS + channel;
  if (column + $cu < OUT_WIDTH) { out[begin + $cu * CHANNELS] = activate(sum_$c); }
}
