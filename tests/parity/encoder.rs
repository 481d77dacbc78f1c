//! Image encoders, step by step and module by module.

use burn::tensor::Tensor;
use burn::tensor::activation::gelu;

use super::fixtures::{Fixture, Values, predictor};
use super::{MODULE, assert_close, channels_first, channels_last, device, tensor};
use crate::model::image_encoder::ImageEncoderVit;
use crate::model::sam::ImageEncoder;
use crate::model::tiny_vit::TinyVit;
use crate::ops::{self, Activation};
use crate::predictor::Predictor;

const IMAGES: [&str; 2] = ["landscape", "portrait"];

fn open(name: &str) -> (Fixture, Predictor) {
    (Fixture::open(&format!("{name}_cases")), predictor(&format!("tests/fixtures/{name}.safetensors")))
}

fn vit(predictor: &Predictor) -> &ImageEncoderVit {
    match predictor.model().sam.image_encoder() {
        ImageEncoder::Vit(vit) => vit,
        ImageEncoder::TinyVit(_) => panic!("a ViT was expected"),
    }
}

fn tiny_vit(predictor: &Predictor) -> &TinyVit {
    match predictor.model().sam.image_encoder() {
        ImageEncoder::TinyVit(tiny) => tiny,
        ImageEncoder::Vit(_) => panic!("a TinyViT was expected"),
    }
}

#[test]
fn vit_steps() {
    let (fixture, predictor) = open("vit");
    let encoder = predictor.model().sam.image_encoder();
    for image in IMAGES {
        let get = |name: &str| fixture.get(&format!("image/{image}/{name}"));
        let mut x = encoder.forward_step(0, channels_last(&get("input")));
        assert_close("patch_embed + pos_embed", x.clone(), &get("positioned"), MODULE);
        for block in 0..encoder.steps() - 2 {
            x = encoder.forward_step(block + 1, x);
            assert_close(&format!("block {block}"), x.clone(), &get(&format!("block/{block}")), MODULE);
        }
        let embedding = encoder.forward_step(encoder.steps() - 1, x);
        assert_close("embedding", channels_first(embedding), &get("embedding"), MODULE);
    }
}

#[test]
fn tiny_vit_steps() {
    let (fixture, predictor) = open("tiny_vit");
    let (encoder, tiny) = (predictor.model().sam.image_encoder(), tiny_vit(&predictor));
    for image in IMAGES {
        let get = |name: &str| fixture.get(&format!("image/{image}/{name}"));
        let mut x = encoder.forward_step(0, channels_last(&get("input")));
        assert_close("patch_embed", channels_first(x.clone()), &get("patch_embed"), MODULE);
        x = encoder.forward_step(1, x);
        assert_close("layer 0", flat(x.clone()), &get("layer/0"), MODULE);
        let mut step = 2;
        for (index, layer) in tiny.layers.iter().enumerate() {
            for _ in &layer.blocks {
                x = encoder.forward_step(step, x);
                step += 1;
            }
            let name = format!("layer/{}", index + 1);
            assert_close(&name, flat(x.clone()), &get(&name), MODULE);
        }
        assert_eq!(step + 1, encoder.steps());
        assert_close("embedding", channels_first(encoder.forward_step(step, x)), &get("embedding"), MODULE);
    }
}

#[test]
fn vit_modules() {
    let (fixture, predictor) = open("vit");
    let vit = vit(&predictor);
    let check = |name: &str, run: &dyn Fn(Tensor<4>) -> Tensor<4>| {
        let output = run(tensor(&fixture.get(&format!("module/{name}/input"))));
        assert_close(name, output, &fixture.get(&format!("module/{name}/output")), MODULE);
    };
    let nchw = |x: Tensor<4>| x.permute([0, 2, 3, 1]);
    check("layer_norm", &|x| vit.blocks[0].norm1.forward(x));
    check("layer_norm_2d", &|x| channels_first(vit.neck.layer_norm1.forward(nchw(x))));
    check("attention_window", &|x| vit.blocks[0].attn.forward(x));
    check("attention_global", &|x| vit.blocks[1].attn.forward(x));
    check("block_window", &|x| vit.blocks[0].forward(x));
    check("block_global", &|x| vit.blocks[1].forward(x));
    check("mlp", &|x| vit.blocks[0].mlp.forward(x));
    check("neck", &|x| channels_first(vit.neck.forward(nchw(x))));
}

/// A grid that is not square, with weights of its own: rows and columns must not be confused.
#[test]
fn vit_attention_on_an_oblong_grid() {
    let fixture = Fixture::open("vit_cases");
    let weight = |name: &str| fixture.get(&format!("module/attention_oblong/weights/{name}"));
    let heads = fixture.list("modules").iter().find(|m| m["name"] == "attention_oblong").unwrap()["heads"].as_u64();
    let heads = heads.unwrap() as usize;
    let x = fixture.get("module/attention_oblong/input");
    let [batch, height, width, dim] = x.shape[..] else { panic!("four axes") };
    let linear = |x: Tensor<3>, name: &str| {
        let matrix: Tensor<2> = tensor(&weight(&format!("{name}.weight")));
        x.matmul(matrix.transpose().unsqueeze()) + tensor::<1>(&weight(&format!("{name}.bias"))).unsqueeze()
    };
    let tokens = height * width;
    let qkv = linear(tensor::<4>(&x).reshape([batch, tokens, dim]), "qkv");
    let qkv = qkv.reshape([batch, tokens, 3, heads, dim / heads]).permute([2, 0, 3, 1, 4]);
    let [q, k, v] = [0, 1, 2].map(|i| qkv.clone().slice(i..i + 1).squeeze_dim::<4>(0));
    let bias = ops::Bias::Decomposed {
        vertical: tensor(&weight("rel_pos_h")),
        horizontal: tensor(&weight("rel_pos_w")),
        grid: [height, width],
    };
    let out = ops::attention(q, k, v, ((dim / heads) as f64).powf(-0.5), &bias);
    let out = linear(out.swap_dims(1, 2).reshape([batch, tokens, dim]), "proj").reshape([batch, height, width, dim]);
    assert_close("attention_oblong", out, &fixture.get("module/attention_oblong/output"), MODULE);
}

#[test]
fn tiny_vit_modules() {
    let (fixture, predictor) = open("tiny_vit");
    let tiny = tiny_vit(&predictor);
    let io = |name: &str| (fixture.get(&format!("module/{name}/input")), fixture.get(&format!("module/{name}/output")));
    let images = |name: &str, run: &dyn Fn(Tensor<4>) -> Tensor<4>| {
        let (input, output) = io(name);
        assert_close(name, channels_first(run(channels_last(&input))), &output, MODULE);
    };
    images("conv_bn", &|x| tiny.patch_embed.conv1.forward(x, Activation::None));
    images("patch_embed", &|x| tiny.patch_embed.forward(x));
    images("mb_conv", &|x| tiny.conv_layer.blocks[0].forward(x));
    images("neck", &|x| tiny.neck.forward(x));

    let (input, output) = io("conv_layer");
    assert_close("conv_layer", flat(tiny.conv_layer.forward(channels_last(&input))), &output, MODULE);
    let (input, output) = io("patch_merging_stride_2");
    let merge = tiny.conv_layer.downsample.as_ref().unwrap();
    assert_close("patch_merging_stride_2", flat(merge.forward(channels_last(&input))), &output, MODULE);

    let (input, output) = io("layer_norm");
    let attn = &tiny.layers[0].blocks[0].attn;
    assert_close("layer_norm", attn.norm.forward(tensor::<3>(&input)), &output, MODULE);
    let (input, output) = io("attention");
    assert_close("attention", attn.forward(tensor(&input)), &output, MODULE);
    let (input, output) = io("mlp");
    let x = tensor::<3>(&input).unsqueeze::<4>();
    let x = tiny.layers[0].blocks[0].mlp.forward(x).squeeze_dim::<3>(0);
    assert_close("mlp", x, &output, MODULE);

    // Tokens in a row, as the reference has them between its blocks.
    let tokens = |name: &str, run: &dyn Fn(Tensor<4>) -> Tensor<4>| {
        let (input, output) = io(name);
        assert_close(name, flat(run(grid(&input))), &output, MODULE);
    };
    let merge = tiny.layers[1].downsample.as_ref().unwrap();
    tokens("patch_merging_stride_1", &|x| merge.forward(x));
    tokens("block_partitioned", &|x| tiny.layers[0].blocks[0].forward(x));
    tokens("block_whole", &|x| tiny.layers[1].blocks[0].forward(x));
    tokens("block_padded", &|x| tiny.layers[2].blocks[0].forward(x));
    tokens("layer_1", &|x| (0..tiny.layers[0].blocks.len()).fold(x, |x, i| tiny.layers[0].forward_block(i, x)));
}

/// burn's GELU is the exact one, not its tanh approximation: they differ by up to 5e-4.
#[test]
fn gelu_is_exact() {
    // torch.nn.functional.gelu(torch.tensor([-3., -1., -0.1, 0., 0.5, 2.]))
    let expected = [-0.004_049_69, -0.158_655_26, -0.046_017_22, 0.0, 0.345_731_23, 1.954_499_7];
    let x = Tensor::<1>::from_floats([-3.0, -1.0, -0.1, 0.0, 0.5, 2.0], &device());
    let expected = Values { data: expected.to_vec(), shape: vec![6] };
    assert_close("gelu", gelu(x), &expected, 1e-6);
}

fn flat(x: Tensor<4>) -> Tensor<3> {
    x.flatten(1, 2)
}

/// A square grid of tokens from a row of them.
fn grid(values: &Values) -> Tensor<4> {
    let [batch, tokens, dim] = values.shape[..] else { panic!("three axes") };
    tensor::<3>(values).reshape([batch, tokens.isqrt(), tokens.isqrt(), dim])
}
