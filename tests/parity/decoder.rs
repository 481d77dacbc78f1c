//! Prompt encoder, two-way transformer, mask decoder: module by module, and for every form of prompt.

use burn::tensor::Tensor;

use super::fixtures::{Fixture, Values, predictor, text};
use super::{END_TO_END, MODELS, MODULE, assert_close, channels_first, channels_last, tensor};
use crate::model::Sam;
use crate::model::mask_decoder::in_place;
use crate::model::prompt_encoder::{PointEncoder, SparsePoint, TokenKind};
use crate::predictor::Predictor;

fn each(run: impl Fn(&Fixture, &Predictor)) {
    for model in MODELS {
        println!("== {model}");
        run(&Fixture::open(&format!("{model}_cases")), &predictor(&format!("tests/fixtures/{model}.safetensors")));
    }
}

#[test]
fn modules() {
    each(|fixture, predictor| {
        let sam = &predictor.model().sam;
        let (prompt, decoder) = (sam.prompt_encoder(), sam.mask_decoder());
        let module = |name: &str, part: &str| fixture.get(&format!("module/{name}/{part}"));
        let transformer = &decoder.transformer;

        for (name, attention) in [
            ("decoder_attention_self", &transformer.layers[1].self_attn),
            ("decoder_attention_cross", &transformer.layers[0].cross_attn_token_to_image),
        ] {
            let [q, k, v] = ["q", "k", "v"].map(|part| tensor::<3>(&module(name, part)));
            assert_close(name, attention.forward(q, k, v), &module(name, "output"), MODULE);
        }
        let x = tensor::<3>(&module("decoder_layer_norm", "input"));
        let output = transformer.layers[0].norm1.forward(x);
        assert_close("decoder_layer_norm", output, &module("decoder_layer_norm", "output"), MODULE);

        for (index, block) in transformer.layers.iter().enumerate() {
            let name = format!("two_way_block_{index}");
            let part = |part: &str| tensor::<3>(&module(&name, part));
            let (queries, keys) = block.forward(part("queries"), part("keys"), part("query_pe"), part("key_pe"));
            assert_close(&format!("{name} queries"), queries, &module(&name, "queries_out"), MODULE);
            assert_close(&format!("{name} keys"), keys, &module(&name, "keys_out"), MODULE);
        }
        let name = "two_way_transformer";
        let image = |part: &str| channels_last(&module(name, part)).flatten::<3>(1, 2);
        let tokens = tensor::<3>(&module(name, "point_embedding"));
        let (queries, keys) = transformer.forward(image("image_embedding"), image("image_pe"), tokens);
        assert_close("two_way_transformer queries", queries, &module(name, "queries_out"), MODULE);
        assert_close("two_way_transformer keys", keys, &module(name, "keys_out"), MODULE);

        let input = channels_last(&module("output_upscaling", "input"));
        let [batch, h, w, dim] = input.dims();
        let output = decoder.output_upscaling.forward(input.reshape([batch, h * w, dim]));
        let output = in_place(output, [h, w]);
        assert_close("output_upscaling", channels_first(output), &module("output_upscaling", "output"), MODULE);
        let output = decoder.output_hypernetworks_mlps[2].forward(tensor::<2>(&module("hypernetwork_2", "input")));
        assert_close("hypernetwork_2", output, &module("hypernetwork_2", "output"), MODULE);
        let output = decoder.iou_prediction_head.forward(tensor::<2>(&module("iou_head", "input")));
        assert_close("iou_head", output, &module("iou_head", "output"), MODULE);
        let output = prompt.encode_masks(channels_last(&module("mask_downscaling", "input")));
        assert_close("mask_downscaling", channels_first(output), &module("mask_downscaling", "output"), MODULE);
        assert_close("dense_pe", channels_first(dense_pe(sam)), &module("dense_pe", "output"), MODULE);
    });
}

/// Every form of prompt, from positions in the input frame to four masks and scores.
#[test]
fn prompts() {
    each(|fixture, predictor| check_prompts(fixture, predictor, END_TO_END));
}

/// Decodes every case of a fixture from the reference's own embedding.
pub fn check_prompts(fixture: &Fixture, predictor: &Predictor, tolerance: f32) {
    let sam = &predictor.model().sam;
    for case in fixture.list("cases") {
        let name = text(case, "name");
        let batch = case["batch"].as_u64().unwrap() as usize;
        let get = |part: &str| fixture.find(&format!("case/{name}/{part}"));
        let points = sparse_points(get("points"), get("labels"), get("box"), batch);

        let encoder = point_encoder(sam);
        let (n, dim) = (points.first().map_or(0, Vec::len), encoder.dim());
        let points: Vec<f32> = points.iter().flat_map(|points| encoder.encode(points)).collect();
        let points = (n > 0).then(|| tensor::<3>(&Values { data: points, shape: vec![batch, n, dim] }));
        if let (Some(points), Some(expected)) = (&points, get("sparse")) {
            assert_close(&format!("{name} sparse"), points.clone(), &expected, MODULE);
        }
        let dense = match get("mask_input") {
            Some(mask) => sam.prompt_encoder().encode_masks(channels_last(&mask)),
            None => sam.prompt_encoder().no_mask(),
        };
        if let Some(expected) = get("dense") {
            let [.., h, w] = expected.shape[..] else { panic!("four axes") };
            let [n, dh, dw, dim] = dense.dims();
            let full = dense.clone().expand([n.max(batch), dh.max(h), dw.max(w), dim]);
            assert_close(&format!("{name} dense"), channels_first(full), &expected, MODULE);
        }
        let output_tokens = sam.mask_decoder().output_tokens().unsqueeze::<3>().repeat_dim(0, batch);
        let parts = [points, get("tokens").map(|tokens| tensor(&tokens))];
        let tokens = Tensor::cat(std::iter::once(output_tokens).chain(parts.into_iter().flatten()).collect(), 1);

        let image = fixture.get(&format!("image/{}/embedding", text(case, "image")));
        let (masks, scores) = sam.mask_decoder().forward(channels_last(&image), dense_pe(sam), tokens, dense);
        let expected = get("low_res").unwrap();
        assert_close(&format!("{name} masks"), masks.clone(), &expected, tolerance);
        assert_close(&format!("{name} scores"), scores, &get("iou").unwrap(), tolerance);
    }
}

fn point_encoder(sam: &Sam) -> PointEncoder {
    let table = sam.prompt_encoder().point_table().into_data().try_into_vec().unwrap();
    sam.prompt_encoder().point_encoder(table)
}

fn dense_pe(sam: &Sam) -> Tensor<4> {
    let encoder = point_encoder(sam);
    let (values, dim) = (encoder.dense_pe(), encoder.dim());
    let cells = (values.len() / dim).isqrt();
    tensor(&Values { data: values, shape: vec![1, cells, cells, dim] })
}

/// The tokens of a case as the predictor would make them: points, padding where there is no box, corners.
fn sparse_points(
    points: Option<Values>,
    labels: Option<Values>,
    boxes: Option<Values>,
    batch: usize,
) -> Vec<Vec<SparsePoint>> {
    let sparse = |position: &[f32], kind| SparsePoint { position_in_input: [position[0], position[1]], kind };
    let row = |values: &Values, i: usize| {
        let size = values.data.len() / batch;
        values.data[i * size..(i + 1) * size].to_vec()
    };
    (0..batch)
        .map(|i| {
            let mut tokens = Vec::new();
            if let (Some(points), Some(labels)) = (&points, &labels) {
                for (position, label) in row(points, i).chunks(2).zip(row(labels, i)) {
                    let kind = match label as i32 {
                        1 => TokenKind::Foreground,
                        0 => TokenKind::Background,
                        _ => TokenKind::NotAPoint,
                    };
                    tokens.push(sparse(position, kind));
                }
                if boxes.is_none() {
                    tokens.push(sparse(&[0.0, 0.0], TokenKind::NotAPoint));
                }
            }
            if let Some(boxes) = &boxes {
                let corners = row(boxes, i);
                tokens.push(sparse(&corners[..2], TokenKind::TopLeft));
                tokens.push(sparse(&corners[2..], TokenKind::BottomRight));
            }
            tokens
        })
        .collect()
}
