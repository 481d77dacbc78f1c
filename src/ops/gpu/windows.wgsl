// A grid of tokens cut into windows, with zeros beyond its right and its bottom, or windows put back into the grid.
//
// A thread moves one `element`: a vec4<f32> of a token, or an f32 where its width is not divisible by 4.
@group(0) @binding(0) var<storage, read_write> x: array<{{element}}>;
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<{{element}}>;
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  count: u32,
  // Elements of a token.
  dim: u32,
  // Of the grid.
  height: u32,
  width: u32,
  window: u32,
}

// The element's place in its token.
var<private> offset: u32;

// What a window has at its token: that of the grid, or the padding.
fn of_window(token: u32) -> {{element}} {
  let window = sizes.window;
  let across = (sizes.width + window - 1u) / window;
  let down = (sizes.height + window - 1u) / window;
  let number = token / (window * window);
  let column = number % across * window + token % window;
  let row = number / across % down * window + token / window % window;
  let image = number / (across * down);
  if (column >= sizes.width || row >= sizes.height) {
    return {{element}}();
  }
  return x[((image * sizes.height + row) * sizes.width + column) * sizes.dim + offset];
}

// What the grid has at its token: that of the window which it is in.
fn of_grid(token: u32) -> {{element}} {
  let window = sizes.window;
  let across = (sizes.width + window - 1u) / window;
  let down = (sizes.height + window - 1u) / window;
  let column = token % sizes.width;
  let row = token / sizes.width % sizes.height;
  let image = token / (sizes.width * sizes.height);
  let number = (image * down + row / window) * across + column / window;
  return x[((number * window + row % window) * window + column % window) * sizes.dim + offset];
}

@compute @workgroup_size({{workgroup}})
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let i = sizes.first.x * {{workgroup}}u + invocation.x;
  if (i < sizes.count) {
    let token = i / sizes.dim;
    offset = i % sizes.dim;
    out[i] = {{value}};
  }
}
