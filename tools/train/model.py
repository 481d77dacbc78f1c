"""The small SAM that is trained: the reference's modules at the sizes of burn-sam's `config`.

Image encoder: TinyViT (https://arxiv.org/abs/2207.10666) as MobileSAM uses it (https://arxiv.org/abs/2306.14289).
Prompt encoder and mask decoder: those of https://arxiv.org/abs/2304.02643. All come from the package mobilesam-mirror;
what is our own is how they are called: several prompts for each encoded image, prompts padded to one length.
"""

import json
import math
import warnings

import torch
from safetensors import safe_open
from torch import nn
from torch.nn import functional as F

warnings.filterwarnings("ignore", module="timm|mobile_sam")

from mobile_sam.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer  # noqa: E402
from mobile_sam.modeling.tiny_vit_sam import LayerNorm2d, TinyViT  # noqa: E402

PIXEL_MEAN = [123.675, 116.28, 103.53]
PIXEL_STD = [58.395, 57.12, 57.375]

CONFIG = {
    "format": 1,
    "encoder": {
        "kind": "tiny_vit",
        "image_size": 512,
        "dims": [32, 64, 128, 192],
        "depths": [1, 2, 4, 2],
        "heads": [1, 2, 4, 6],
        "windows": [8, 8, 16, 16],
        "strides": [2, 2, 1],
        "mbconv_expansion": 4,
        "mlp_ratio": 4,
    },
    "decoder": {"dim": 128, "heads": 4, "mlp_dim": 512, "depth": 2},
}


class ImageEncoder(TinyViT):
    """TinyViT with the image size and the neck's width as parameters: [B, 3, S, S] → [B, D, S/16, S/16]."""

    def __init__(self, encoder, dim):
        super().__init__(
            img_size=encoder["image_size"],
            num_classes=1,
            embed_dims=encoder["dims"],
            depths=encoder["depths"],
            num_heads=encoder["heads"],
            window_sizes=encoder["windows"],
            mlp_ratio=encoder["mlp_ratio"],
            mbconv_expand_ratio=encoder["mbconv_expansion"],
            drop_path_rate=0.0,
        )
        assert encoder["strides"] == [2, 2, 1], "the class computes its resolutions for these strides"
        for layer, stride in zip(self.layers, encoder["strides"]):
            layer.downsample.conv2.c.stride = (stride, stride)
        del self.norm_head, self.head
        self.neck = nn.Sequential(
            nn.Conv2d(encoder["dims"][-1], dim, kernel_size=1, bias=False),
            LayerNorm2d(dim),
            nn.Conv2d(dim, dim, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(dim),
        )

    def forward(self, image):
        x = self.patch_embed(image)
        for layer in self.layers:
            x = layer(x)
        side = self.img_size // 16
        return self.neck(x.view(x.shape[0], side, side, -1).permute(0, 3, 1, 2))


class TinySam(nn.Module):
    """Encoder and decoder with the parameter names of MobileSAM's checkpoints."""

    def __init__(self, config=CONFIG):
        super().__init__()
        self.config = config
        self.size = config["encoder"]["image_size"]
        decoder = config["decoder"]
        dim, grid = decoder["dim"], self.size // 16
        self.image_encoder = ImageEncoder(config["encoder"], dim)
        self.prompt_encoder = PromptEncoder(
            embed_dim=dim, image_embedding_size=(grid, grid), input_image_size=(self.size, self.size), mask_in_chans=16
        )
        self.mask_decoder = MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=decoder["depth"], embedding_dim=dim, mlp_dim=decoder["mlp_dim"], num_heads=decoder["heads"]
            ),
            transformer_dim=dim,
            iou_head_depth=3,
            iou_head_hidden_dim=dim,
        )
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(PIXEL_STD).view(1, 3, 1, 1), persistent=False)

    def encode(self, image):
        """RGB 0–255 [B, 3, S, S] → embedding [B, D, S/16, S/16]."""
        image = ((image - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return self.image_encoder(image)

    def prompt_tokens(self, points, labels):
        """Points [P, N, 2] in pixels of the input, labels [P, N] → [P, N, D].

        Labels: 0 background, 1 foreground, 2 and 3 a box's corners, −1 padding. SAM appends one padding point to
        prompts without a box; the caller does it.
        """
        encoder = self.prompt_encoder
        tokens = encoder.pe_layer.forward_with_coords(points + 0.5, (self.size, self.size))
        tokens = tokens * (labels != -1).unsqueeze(-1)
        kinds = torch.cat([encoder.not_a_point_embed.weight] + [e.weight for e in encoder.point_embeddings])
        return tokens + kinds[labels + 1]

    def decode(self, embedding, owner, points, labels, mask=None, dense=None):
        """Prompts for encoded images → mask logits [P, 4, S/4, S/4] and predicted IoU [P, 4].

        embedding [B, D, S/16, S/16]; owner [P]: each prompt's image; points [P, N, 2], labels [P, N];
        mask: logits [P, 1, S/4, S/4] of an earlier round, or None; dense: its embedding, where the caller made it.
        """
        decoder, encoder = self.mask_decoder, self.prompt_encoder
        tokens = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        tokens = torch.cat([tokens.expand(len(owner), -1, -1), self.prompt_tokens(points, labels)], dim=1)
        if dense is None:
            dense = encoder.no_mask_embed.weight.view(1, -1, 1, 1) if mask is None else encoder.mask_downscaling(mask)
        source = embedding[owner] + dense
        queries, keys = decoder.transformer(source, encoder.get_dense_pe().expand_as(source), tokens)
        upscaled = decoder.output_upscaling(keys.transpose(1, 2).reshape(source.shape))
        weights = torch.stack([mlp(queries[:, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], dim=1)
        logits = (weights @ upscaled.flatten(2)).unflatten(2, upscaled.shape[-2:])
        return logits, decoder.iou_prediction_head(queries[:, 0])

    def full_size(self, logits):
        """[P, M, S/4, S/4] → [P, M, S, S], as SAM enlarges them."""
        return F.interpolate(logits.float(), (self.size, self.size), mode="bilinear", align_corners=False)


def offsets(window):
    """{(|dy|, |dx|): its place in a TinyViT table of position biases} for windows of that side."""
    tokens = [(y, x) for y in range(window) for x in range(window)]
    pairs = ((abs(a[0] - b[0]), abs(a[1] - b[1])) for a in tokens for b in tokens)
    return {offset: place for place, offset in enumerate(dict.fromkeys(pairs))}


def resized(biases, count):
    """A table of position biases [heads, offsets] for another window, of `count` offsets; new offsets get the farthest's bias."""
    old, new = (offsets(math.isqrt(n)) for n in (biases.shape[1], count))
    last = math.isqrt(biases.shape[1]) - 1
    return biases[:, [old[min(dy, last), min(dx, last)] for dy, dx in new]]


def load(name, config=None):
    """A model in f32, in eval mode, from a burn-sam checkpoint (.safetensors, `config` in its metadata) or a training state.

    Of a state (last.pt) the averaged weights are taken; last.pt:net takes the others. With `config` the weights are put into
    a model of another input size or other windows.
    """
    path, _, which = str(name).partition(":")
    if path.endswith(".safetensors"):
        with safe_open(path, "pt") as file:
            own = json.loads(file.metadata()["config"])
            weights = {key: file.get_tensor(key).float() for key in file.keys()}
    else:
        state = torch.load(path, map_location="cpu")
        own, weights = state["config"], state[which or "average"]
    net = TinySam(config or own)
    weights = {key: value for key, value in weights.items() if not key.endswith("attention_bias_idxs")}
    for key, value in net.state_dict().items():
        if key.endswith("attention_biases") and weights[key].shape != value.shape:
            weights[key] = resized(weights[key], value.shape[1])
    missing, unexpected = net.load_state_dict(weights, strict=False)
    assert not unexpected, unexpected
    assert all(key.endswith(("num_batches_tracked", "attention_bias_idxs")) for key in missing), missing
    return net.eval()
