"""A training state → a checkpoint that burn-sam reads: `python export.py last.pt OUT.safetensors [net|average]`.

f16 but for the positional matrix and BatchNorm's statistics; keys in MobileSAM's layout; `config` in the metadata.
"""

import json
import sys

import torch
from safetensors.torch import save_file

F32 = ("gaussian_matrix", "running_mean", "running_var")
LEFT_OUT = ("num_batches_tracked", "attention_bias_idxs")


def export(state, out, which="average"):
    tensors = {
        key: (value if key.endswith(F32) else value.half()).contiguous()
        for key, value in state[which].items()
        if not key.endswith(LEFT_OUT)
    }
    largest = max(value.abs().max().item() for value in tensors.values())
    assert largest < 60000, f"{largest} does not fit f16"
    save_file(tensors, out, metadata={"config": json.dumps(state["config"])})
    print(len(tensors), "tensors,", sum(value.numel() for value in tensors.values()), "parameters, largest", round(largest, 2))


if __name__ == "__main__":
    export(torch.load(sys.argv[1], map_location="cpu"), *sys.argv[2:])
