#!/usr/bin/env python3
"""Makes the fixtures of the four neural modules with PyTorch: Tests/Fixtures/modules/CASE.{case,weights}.safetensors.

    python3 Tests/Fixtures/make_module_fixtures.py        (PyTorch)

CASE.weights.safetensors is the module's state_dict(); CASE.case.safetensors holds the tensors `input` and `output`, and in its
metadata the module's name and the arguments of its initializer. Weights and inputs come from a generator with a fixed seed, so
that a second run writes the same bytes with the same PyTorch.
"""

import json
import pathlib
import struct
import sys

import torch

ROOT = pathlib.Path(__file__).parent
sys.path.insert(0, str(ROOT.parent.parent / "Training"))
from training.modules import ACTIVATIONS, AdaptiveAttentionModule, AttentionModule, DepthwiseSeparableConv2d, Generator  # noqa: E402

OUT = ROOT / "modules"

# (stage, arguments, height, width)
CASES = [
    ("separable_conv", dict(in_channels=3, out_channels=8), 16, 16),
    ("separable_conv", dict(in_channels=3, out_channels=8), 17, 23),
    ("separable_conv", dict(in_channels=1, out_channels=3, kernel_size=1, padding=0), 9, 12),
    ("separable_conv", dict(in_channels=4, out_channels=1, kernel_size=5, padding=2), 13, 8),
    ("separable_conv", dict(in_channels=3, out_channels=5, kernel_size=3, padding=0), 11, 14),
    ("separable_conv", dict(in_channels=3, out_channels=6, kernel_size=3, stride=2), 16, 21),
    ("separable_conv", dict(in_channels=2, out_channels=7, kernel_size=5, stride=3, padding=1), 22, 19),
    ("separable_conv", dict(in_channels=3, out_channels=4, kernel_size=3, padding=4), 6, 5),
    ("separable_conv", dict(in_channels=16, out_channels=32), 8, 8),
    ("separable_conv", dict(in_channels=3, out_channels=3), 1, 1),
    ("separable_conv", dict(in_channels=3, out_channels=4, activation="relu"), 10, 9),
    ("separable_conv", dict(in_channels=3, out_channels=4, activation="leaky_relu"), 10, 9),
    ("separable_conv", dict(in_channels=3, out_channels=4, activation="sigmoid"), 9, 10),
    ("separable_conv", dict(in_channels=3, out_channels=4, activation="tanh"), 9, 10),
    ("attention", dict(in_channels=3, out_channels=4), 8, 8),
    ("attention", dict(in_channels=3, out_channels=8), 13, 17),
    ("attention", dict(in_channels=1, out_channels=1), 5, 6),
    ("attention", dict(in_channels=16, out_channels=16, scale=0.25), 12, 9),
    ("attention", dict(in_channels=3, out_channels=5, scale=2.5), 7, 1),
    ("attention", dict(in_channels=3, out_channels=4), 1, 1),
    ("attention", dict(in_channels=3, out_channels=8, window=4), 16, 12),
    ("attention", dict(in_channels=3, out_channels=8, window=4), 13, 18),
    ("attention", dict(in_channels=2, out_channels=5, window=7, scale=0.5), 20, 33),
    ("attention", dict(in_channels=3, out_channels=3, window=8), 3, 5),
    ("attention", dict(in_channels=3, out_channels=4, window=1), 6, 5),
    ("attention", dict(in_channels=3, out_channels=4, window=5, scale=0.001), 11, 11),
    ("adaptive_attention", dict(in_channels=3, out_channels=3), 11, 14),
    ("adaptive_attention", dict(in_channels=8, out_channels=8, scale=0.35355), 10, 10),
    ("adaptive_attention", dict(in_channels=3, out_channels=1), 9, 16),
    ("adaptive_attention", dict(in_channels=4, out_channels=4, window=5), 12, 21),
    ("adaptive_attention", dict(in_channels=4, out_channels=1, window=4), 8, 9),
    ("adaptive_attention", dict(in_channels=1, out_channels=1), 7, 6),
    ("generator", dict(in_channels=3, out_channels=3), 12, 12),
    ("generator", dict(in_channels=3, out_channels=3, hidden_channels=16), 15, 22),
    ("generator", dict(in_channels=1, out_channels=3, hidden_channels=8), 9, 7),
    ("generator", dict(in_channels=3, out_channels=1, hidden_channels=5), 10, 17),
    ("generator", dict(in_channels=4, out_channels=6), 3, 2),
    ("generator", dict(in_channels=3, out_channels=3, hidden_channels=8), 1, 1),
]

MODULES = {"separable_conv": DepthwiseSeparableConv2d, "attention": AttentionModule,
           "adaptive_attention": AdaptiveAttentionModule, "generator": Generator}


def save_safetensors(path, tensors, metadata):
    """Writes float tensors as safetensors: a length, a JSON header, the data back to back."""
    header, offset = {"__metadata__": metadata}, 0
    for name, tensor in tensors.items():
        size = tensor.numel() * 4
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.contiguous().numpy().astype("<f4").tobytes())


def main():
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.safetensors"):
        old.unlink()
    counters = {}
    for seed, (stage, arguments, height, width) in enumerate(CASES):
        torch.manual_seed(seed)
        values = dict(arguments)
        activation = values.pop("activation", "none")
        module = MODULES[stage](**values)
        with torch.no_grad():
            # PyTorch's initial weights are so small that a wrong softmax or a dead Tanh would hardly show.
            for parameter in module.parameters():
                parameter.mul_(2)
            x = torch.randn(1, arguments["in_channels"], height, width)
            # In double: the fixture is the definition, and is no runtime's rounding.
            y = ACTIVATIONS[activation]()(module.double()(x.double())).float()
        number = counters[stage] = counters.get(stage, -1) + 1
        name = f"{stage}-{number:02}"
        save_safetensors(OUT / f"{name}.weights.safetensors", {k: v.float() for k, v in module.state_dict().items()}, {})
        save_safetensors(OUT / f"{name}.case.safetensors", {"input": x, "output": y},
                         {"stage": stage, **{k: str(v) for k, v in arguments.items()}})
    total = sum(path.stat().st_size for path in OUT.glob("*.safetensors"))
    print(f"{len(CASES)} cases, {total} bytes")


if __name__ == "__main__":
    main()
