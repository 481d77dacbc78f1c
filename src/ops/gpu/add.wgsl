// activation(x + y), y repeated.
//
// A thread makes one `element`: a vec4<f32>, or an f32 where the number of y's is not divisible by 4.
@group(0) @binding(0) var<storage, read_write> x: array<{{element}}>; // [..., period]
@group(0) @binding(1) var<storage, read_write> y: array<{{element}}>; // [period]
@group(0) @binding({{out_binding}}) var<storage, read_write> out: array<{{element}}>; // [..., period]
@group(0) @binding({{sizes_binding}}) var<uniform> sizes: Sizes;

struct Sizes {
  // The grid's first workgroup.
  first: vec3<u32>,
  count: u32,
  period: u32,
}

@compute @workgroup_size({{workgroup}})
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let i = sizes.first.x * {{workgroup}}u + invocation.x;
  if (i < sizes.count) {
    out[i] = activate(x[i] + y[i % sizes.period]);
  }
}

