// Where an image is above a threshold once it has been resampled twice, bilinearly: 32 pixels of a row in a word, the first
// one in its lowest bit.
//
// A thread makes a word. No image of any size between is stored: a column of the larger square is made where it is needed,
// for two rows of it, and neighbours that lie between the same two columns share them.
@group(0) @binding(0) var<storage, read_write> x: array<f32>; // [images, side, side]
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<u32>; // [images, height, words]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  side: u32,
  // Of the larger square, the part that is resampled again.
  part_width: u32,
  part_height: u32,
  width: u32,
  height: u32,
  // How far samples of the result lie apart in what they are made of: in x, then in the part along a row and down a column.
  to_larger: f32,
  across: f32,
  down: f32,
  threshold: f32,
}

const WORKGROUP = vec3<u32>(1u, {{workgroup}}u, 1u);

// The two samples that a sample is made of, and the weight of the second.
struct Tap {
  first: u32,
  second: u32,
  weight: f32,
}

fn tap(i: u32, scale: f32, count: u32) -> Tap {
  let position = max((f32(i) + 0.5) * scale - 0.5, 0.0);
  let first = min(u32(position), count - 1u);
  return Tap(first, min(first + 1u, count - 1u), position - f32(first));
}

fn blend(a: f32, b: f32, weight: f32) -> f32 {
  return a + (b - a) * weight;
}

// A sample of the larger square, of its row `row`.
fn larger_at(image: u32, row: Tap, column: Tap) -> f32 {
  let above = image + row.first * sizes.side;
  let below = image + row.second * sizes.side;
  let left = blend(x[above + column.first], x[below + column.first], row.weight);
  let right = blend(x[above + column.second], x[below + column.second], row.weight);
  return blend(left, right, column.weight);
}

@compute @workgroup_size(1, {{workgroup}})
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let id = sizes.first * WORKGROUP + invocation;
  let begin = 32u * id.x;
  if (begin >= sizes.width || id.y >= sizes.height) {
    return;
  }
  let image = id.z * sizes.side * sizes.side;
  let rows = tap(id.y, sizes.down, sizes.part_height);
  let above = tap(rows.first, sizes.to_larger, sizes.side);
  let below = tap(rows.second, sizes.to_larger, sizes.side);
  // The columns of the part to the left and to the right of a pixel.
  var columns = vec2<u32>(0xffffffffu);
  var values = vec2<f32>();
  var word = 0u;
  for (var i = 0u; i < min(32u, sizes.width - begin); i++) {
    let pixel = tap(begin + i, sizes.across, sizes.part_width);
    if (pixel.first != columns.x) {
      values.x = values.y;
      if (pixel.first != columns.y) {
        let column = tap(pixel.first, sizes.to_larger, sizes.side);
        values.x = blend(larger_at(image, above, column), larger_at(image, below, column), rows.weight);
      }
      let column = tap(pixel.second, sizes.to_larger, sizes.side);
      values.y = blend(larger_at(image, above, column), larger_at(image, below, column), rows.weight);
      columns = vec2<u32>(pixel.first, pixel.second);
    }
    word |= select(0u, 1u << i, blend(values.x, values.y, pixel.weight) > sizes.threshold);
  }
  let words = (sizes.width + 31u) / 32u;
  out[(id.z * sizes.height + id.y) * words + id.x] = word;
}
