// Appended to shared_product.wgsl: x is [batch, heads, rows, K], as it lies.
const PARTS: u32 = 1u;

fn x_begin(product: u32, row: u32, part: u32) -> u32 {
  return begin(sizes.x, product) + row * sizes.x.z;
}
