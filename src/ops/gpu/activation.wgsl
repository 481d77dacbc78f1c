
// Appended to every kernel that ends in an activation.
const ACTIVATION: u32 = {{activation}}u; // 0 none, 1 GELU, 2 ReLU

// Exact GELU; erf after Abramowitz and Stegun 7.1.26 (error below 1.5e-7).
fn gelu(x: {{element}}) -> {{element}} {
  let z = abs(x) * 0.70710678;
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let tail = 0.5 * ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * exp(-z * z);
  return x * select(tail, 1.0 - tail, x > {{element}}());
}

fn activate(y: {{element}}) -> {{element}} {
  if (ACTIVATION == 1u) {
    return gelu(y);
  }
  if (ACTIVATION == 2u) {
    return max(y, {{element}}());
  }
  return y;
}
