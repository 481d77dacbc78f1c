"""Writes what `cargo xtask bench` compares: the reference models as ONNX, and the same weights for burn-sam.

    python benches/onnx/export.py [OUT_DIR] [--models tiny,mobile-sam,sam-vit-b]

OUT_DIR defaults to target/bench. Each model becomes three files: NAME.safetensors, NAME.encoder.onnx (the preprocessed
image [1, 3, S, S] → the embedding [1, D, S/16, S/16]) and NAME.decoder.onnx (a prompt → low-res logits and scores). The
full-size models get the seeded random weights of tools/fixtures/fullsize.py. The files in graphs/ are graphs of one operation
each. bench.json lists it all.

The decoder's graph follows `SamOnnxModel`, without its upsampling:
https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/utils/onnx.py
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "fixtures"))

import mobile_sam  # noqa: E402
import models  # noqa: E402
import segment_anything  # noqa: E402
from segment_anything.modeling.image_encoder import Attention  # noqa: E402
from segment_anything.utils.onnx import SamOnnxModel  # noqa: E402

TINY = ROOT / "pkg" / "models" / "tiny.safetensors"
OPSET = 17
# Operations and their shapes, which benches/ops/subjects.rs explains: those of ViT-B, of its neck, of TinyViT and of the
# decoder.
OPS = [
    ("matmul", [4096, 768, 768]),
    ("matmul", [1024, 256, 1024]),
    ("linear", [4096, 768, 768]),
    ("linear", [1024, 256, 1024]),
    ("linear-gelu", [4096, 768, 3072]),
    ("attention", [25, 12, 14, 64]),
    ("attention", [1, 2, 64, 64]),
    ("layer-norm", [4096, 768]),
    ("conv3x3", [64, 256, 256]),
    ("depthwise-conv3x3", [64, 640]),
    ("conv-transpose2x2", [64, 256, 64]),
]
# The largest difference between PyTorch and onnxruntime that is believed to be rounding, of the largest value.
TOLERANCE = 1e-3


class Decoder(SamOnnxModel):
    """A prompt in the input frame → the three candidates' logits [1, 3, S/4, S/4] and scores [1, 3].

    As in the reference's graph, a prompt without a box is completed by a point of label -1.
    """

    def __init__(self, sam):
        super().__init__(sam, return_single_mask=False)

    def forward(self, embedding, point_coords, point_labels, mask_input, has_mask_input):
        return self.model.mask_decoder(
            image_embeddings=embedding,
            image_pe=self.model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=self._embed_points(point_coords, point_labels),
            dense_prompt_embeddings=self._embed_masks(mask_input, has_mask_input),
            multimask_output=True,
        )


def tiny():
    return models.load_checkpoint(TINY)


def mobile_sam_full_size():
    return with_random_weights(mobile_sam.sam_model_registry["vit_t"](), 11)


def sam_vit_b():
    return with_random_weights(segment_anything.sam_model_registry["vit_b"](), 12)


def with_random_weights(sam, seed):
    models.randomise(sam, seed)
    size = sam.image_encoder.img_size
    image = torch.from_numpy(np.random.default_rng(seed).standard_normal((1, 3, size, size), dtype=np.float32))
    with torch.no_grad():
        models.calibrate_masks(sam, sam.image_encoder(image))
    return sam


MODELS = {"tiny": tiny, "mobile-sam": mobile_sam_full_size, "sam-vit-b": sam_vit_b}


def export_model(name, out):
    sam = MODELS[name]()
    weights = out / f"{name}.safetensors"
    if name == "tiny":
        shutil.copyfile(TINY, weights)
    else:
        models.save_checkpoint(sam, weights)
    size = sam.image_encoder.img_size
    dim = sam.mask_decoder.transformer_dim
    grid, low = size // 16, size // 4

    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    encoder = out / f"{name}.encoder.onnx"
    (embedding,) = export(encoder, sam.image_encoder, {"image": image}, ["embedding"])
    assert embedding.shape == (1, dim, grid, grid)

    prompt = {
        "embedding": embedding,
        "point_coords": torch.tensor([[[0.4 * size, 0.6 * size], [0.0, 0.0]]]),
        "point_labels": torch.tensor([[1.0, -1.0]]),
        "mask_input": torch.zeros(1, 1, low, low),
        "has_mask_input": torch.zeros(1),
    }
    decoder = out / f"{name}.decoder.onnx"
    logits, scores = export(decoder, Decoder(sam).eval(), prompt, ["logits", "scores"])
    assert logits.shape == (1, 3, low, low) and scores.shape == (1, 3)
    return {
        "name": name,
        "imageSize": size,
        "dim": dim,
        "parameters": sum(parameter.numel() for parameter in sam.parameters()),
        "seed": {"mobile-sam": 11, "sam-vit-b": 12}.get(name),
        "weights": weights.name,
        "encoder": encoder.name,
        "decoder": decoder.name,
    }


@torch.no_grad()
def export(path, module, inputs, output_names):
    """Writes a graph of fixed shapes, with constants folded, and compares it with the module. Returns its outputs."""
    arguments = tuple(inputs.values())
    expected = module(*arguments)
    expected = expected if isinstance(expected, tuple) else (expected,)
    torch.onnx.export(
        module,
        arguments,
        str(path),
        input_names=list(inputs),
        output_names=output_names,
        opset_version=OPSET,
        do_constant_folding=True,
        # The exporter by tracing: the other one does not know every operation of TinyViT's windows.
        dynamo=False,
    )
    onnx.checker.check_model(str(path))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    used = {entry.name for entry in session.get_inputs()}
    actual = session.run(output_names, {key: value.numpy() for key, value in inputs.items() if key in used})
    assert used == set(inputs), used
    for name, values, wanted in zip(output_names, actual, expected):
        error = np.abs(values - wanted.numpy()).max() / wanted.abs().max().item()
        print(f"{path.name}: {name} {list(values.shape)}, largest difference from PyTorch {error:.1e} of the scale")
        assert error < TOLERANCE
    return expected


class Product(nn.Module):
    def forward(self, a, b):
        return a @ b


class Weight(nn.Module):
    """A product by a constant, which onnxruntime packs once."""

    def __init__(self, inner, columns):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inner, columns))

    def forward(self, x):
        return x @ self.weight


def attention(heads, side, head_dim):
    """The reference's attention with relative position, without the linear layers before and after it."""
    module = Attention(heads * head_dim, heads, use_rel_pos=True, input_size=(side, side))
    for table in (module.rel_pos_h, module.rel_pos_w):
        nn.init.normal_(table, std=0.1)
    module.qkv = module.proj = nn.Identity()
    return module


def op_module(op, shape):
    """A module, and the shapes of its inputs by name."""
    match op, shape:
        case "matmul", [rows, inner, columns]:
            return Product(), {"a": [rows, inner], "b": [inner, columns]}
        case "linear", [rows, inner, columns]:
            return Weight(inner, columns), {"x": [rows, inner]}
        case "linear-gelu", [rows, inner, columns]:
            return nn.Sequential(nn.Linear(inner, columns), nn.GELU()), {"x": [1, rows, inner]}
        case "attention", [batch, heads, side, head_dim]:
            return attention(heads, side, head_dim), {"qkv": [batch, side, side, 3 * heads * head_dim]}
        case "layer-norm", [rows, dim]:
            return nn.LayerNorm(dim, eps=1e-6), {"x": [rows, dim]}
        case "conv3x3", [side, channels, output]:
            return nn.Conv2d(channels, output, 3, padding=1, bias=False), {"x": [1, channels, side, side]}
        case "depthwise-conv3x3", [side, channels]:
            module = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
            return module, {"x": [1, channels, side, side]}
        case "conv-transpose2x2", [side, channels, output]:
            return nn.ConvTranspose2d(channels, output, 2, stride=2), {"x": [1, channels, side, side]}
    raise ValueError(f"no operation {op} {shape}")


def export_op(op, shape, out):
    torch.manual_seed(0)
    module, inputs = op_module(op, shape)
    path = out / "graphs" / f"{op}_{'x'.join(map(str, shape))}.onnx"
    path.parent.mkdir(exist_ok=True)
    export(path, module.eval(), {name: torch.randn(size) for name, size in inputs.items()}, ["y"])
    return {"op": op, "shape": shape, "file": str(path.relative_to(out)), "inputs": inputs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "target" / "bench")
    parser.add_argument("--models", default=",".join(MODELS), help="names with commas between them (default: all)")
    options = parser.parse_args()
    names = options.models.split(",")
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        parser.error(f"unknown models {unknown}: there are {list(MODELS)}")
    options.out.mkdir(parents=True, exist_ok=True)

    listed = options.out / "bench.json"
    # A run for some of the models leaves the others as they are.
    before = json.loads(listed.read_text())["models"] if listed.exists() else []
    kept = [entry for entry in before if entry["name"] not in names]
    index = {
        "versions": {"torch": torch.__version__, "onnx": onnx.__version__, "opset": OPSET},
        "models": kept,
        "ops": [export_op(op, shape, options.out) for op, shape in OPS],
    }
    for name in names:
        index["models"].append(export_model(name, options.out))
        index["models"].sort(key=lambda entry: list(MODELS).index(entry["name"]))
        listed.write_text(json.dumps(index, indent=2) + "\n")
    total = sum(file.stat().st_size for file in options.out.iterdir() if file.is_file())
    print(f"{options.out}: {total / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
