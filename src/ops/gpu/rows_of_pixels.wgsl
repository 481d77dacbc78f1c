// Appended to shared_product.wgsl: x is [batch, height, width, K], and a row is the neighbourhood of an output pixel.
// sizes.x: height and width of the input, then of the output.
const PARTS: u32 = 9u;

fn x_begin(product: u32, pixel: u32, tap: u32) -> u32 {
  let height = sizes.x.x;
  let width = sizes.x.y;
  let out_height = sizes.x.z;
  let out_width = sizes.x.w;
  // One more than the row and the column that are read: unsigned numbers cannot go below 0.
  let at_y = pixel / out_width % out_height * sizes.stride + tap / 3u;
  let at_x = pixel % out_width * sizes.stride + tap % 3u;
  let inside = at_y >= 1u && at_y <= height && at_x >= 1u && at_x <= width;
  let image = pixel / (out_height * out_width);
  return select(NOWHERE, ((image * height + at_y - 1u) * width + at_x - 1u) * sizes.k, inside);
}
