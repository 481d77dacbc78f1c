use burn::tensor::{
    Distribution, Tensor,
    activation::{gelu, softmax},
};
use burn_sam::{Device, ops};
fn t(name: &str, mut f: impl FnMut()) {
    f();
    let n = 5;
    let s = std::time::Instant::now();
    for _ in 0..n {
        f()
    }
    println!("{name}: {:.2} ms", s.elapsed().as_secs_f64() * 1e3 / n as f64);
}
fn main() {
    let d = Device::default();
    let r4 = |s: [usize; 4]| Tensor::<4>::random(s, Distribution::Default, &d);
    let q = r4([1, 4, 256, 32]);
    let bias = ops::Bias::Table(Tensor::random([4, 256, 256], Distribution::Default, &d));
    t("attention 4x256x32", || {
        ops::attention(q.clone(), q.clone(), q.clone(), 0.1, &bias);
    });
    let s = r4([1, 4, 256, 256]);
    t("softmax 4x256x256", || {
        softmax(s.clone(), 3);
    });
    t("add bias", || {
        let _ = s.clone() + s.clone();
    });
    t("qk", || {
        let _ = q.clone().matmul(q.clone().swap_dims(2, 3));
    });
    let sc = r4([1, 1, 256, 256]);
    let v = r4([1, 1, 256, 32]);
    t("av one head", || {
        let _ = sc.clone().matmul(v.clone());
    });
    let x = r4([1, 16, 16, 128]);
    let w = r4([128, 1, 3, 3]);
    t("depthwise 16x16x128", || {
        ops::depthwise_conv3x3(x.clone(), w.clone(), None, 1);
    });
    let xc = x.clone().permute([0, 3, 1, 2]);
    let g = r4([1, 16, 16, 512]);
    t("gelu 16x16x512", || {
        gelu(g.clone());
    });
    let wl = Tensor::<2>::random([128, 512], Distribution::Default, &d);
    t("linear 256x128x512", || {
        burn::tensor::module::linear(x.clone(), wl.clone(), None);
    });
    let wl = Tensor::<2>::random([512, 128], Distribution::Default, &d);
    t("linear 256x512x128", || {
        burn::tensor::module::linear(g.clone(), wl.clone(), None);
    });
    let ln = burn::nn::LayerNormConfig::new(128).init(&d);
    t("layernorm", || {
        ln.forward(x.clone());
    });
    t("reshape permuted", || {
        let _ = xc.clone().reshape([128 * 256]);
    });
    let x = r4([1, 64, 64, 128]);
    let w = r4([128, 1, 3, 3]);
    t("depthwise 64x64x128", || {
        ops::depthwise_conv3x3(x.clone(), w.clone(), None, 1);
    });
    t("gelu 64x64x128", || {
        gelu(x.clone());
    });
    let wl = Tensor::<2>::random([128, 32], Distribution::Default, &d);
    t("linear 4096x128x32", || {
        burn::tensor::module::linear(x.clone(), wl.clone(), None);
    });
    let x = r4([1, 256, 256, 3]);
    let w = r4([16, 3, 3, 3]);
    t("conv 3->16 s2", || {
        ops::conv3x3(x.clone(), w.clone(), None, 2);
    });
    let x = r4([1, 128, 128, 16]);
    let w = r4([32, 16, 3, 3]);
    t("conv 16->32 s2", || {
        ops::conv3x3(x.clone(), w.clone(), None, 2);
    });
    let x = r4([1, 16, 16, 128]);
    let w = r4([128, 128, 3, 3]);
    t("conv 128->128", || {
        ops::conv3x3(x.clone(), w.clone(), None, 1);
    });
    let x = r4([1, 32, 32, 64]);
    t("window partition", || {
        ops::window_partition(x.clone(), 8);
    });
}
