#!/usr/bin/env python3
"""Makes the fixtures of networks that describe themselves, with PyTorch: Tests/Fixtures/networks/CASE.{case,weights}.safetensors.

    python3 Tests/Fixtures/make_network_fixtures.py        (PyTorch, numpy, PyYAML, Pillow)

CASE.weights.safetensors is what `python -m training export` writes: a state_dict() and, in the metadata, the architecture.
CASE.case.safetensors holds the tensors `input` and `output`. Each type of module is in at least one case.
"""
import json
import pathlib
import sys

import torch

ROOT = pathlib.Path(__file__).parent
sys.path.insert(0, str(ROOT.parent.parent / "Training"))
from training.architecture import ComposedNetwork  # noqa: E402
from training.safetensors import write  # noqa: E402


def conv(name, i, o, k=3, **others):
    return {"name": name, "type": "Conv2d", "in_channels": i, "out_channels": o, "kernel_size": k, **{"padding": k // 2, **others}}


def upscale(mode):
    return [conv("head", 1, 8), {"name": "block", "type": "ResidualBlock", "channels": 8, "repeat": 2}, {"name": "sum", "type": "Add", "inputs": ["block1", "head"]},
            conv("tail", 8, 4), {"name": "detail", "type": "PixelShuffle", "upscale_factor": 2},
            {"name": "skip", "type": "Upsample", "scale_factor": 2, "mode": mode, "inputs": ["input"]},
            {"name": "result", "type": "Add", "inputs": ["detail", "skip"]}]


# (name, in_channels, modules, height, width)
CASES = [
    ("upscale-nearest", 1, upscale("nearest"), 9, 12),
    ("upscale-bilinear", 1, upscale("bilinear"), 7, 10),
    ("upscale-bicubic", 1, upscale("bicubic"), 11, 8),
    ("upscale3-rgb", 3, [conv("head", 3, 27), {"name": "detail", "type": "PixelShuffle", "upscale_factor": 3}], 6, 5),
    ("activations", 3, [
        conv("a", 3, 6), {"name": "b", "type": "PReLU", "num_parameters": 6}, conv("c", 6, 6, 1), {"name": "d", "type": "PReLU"},
        conv("e", 6, 6, 1), {"name": "f", "type": "LeakyReLU", "negative_slope": 0.2}, conv("g", 6, 6, 1), {"name": "h", "type": "GELU"},
        conv("i", 6, 6, 1), {"name": "j", "type": "Sigmoid"}, conv("k", 6, 3, 1), {"name": "l", "type": "ReLU"}, {"name": "m", "type": "Tanh"}], 10, 13),
    ("joins", 3, [
        conv("a", 3, 4), conv("b", 3, 4, inputs=["input"]), {"name": "both", "type": "Concat", "inputs": ["a", "b", "input"]}, conv("gate", 11, 1, 1),
        {"name": "gated", "type": "Multiply", "inputs": ["both", "gate"]}, {"name": "scaled", "type": "ChannelScale", "channels": 11}, conv("c", 11, 3, 5),
        {"name": "result", "type": "Add", "inputs": ["c", "input", "gate"]}], 8, 11),
    ("separable", 3, [
        {"name": "head", "type": "DepthwiseSeparableConv2d", "in_channels": 3, "out_channels": 8, "kernel_size": 5, "padding": 2},
        {"name": "block", "type": "ResidualBlock", "channels": 8, "separable": True, "activation": "leaky_relu"},
        conv("grouped", 8, 8, groups=4), {"name": "generator", "type": "Generator", "in_channels": 8, "out_channels": 3, "hidden_channels": 5}], 12, 9),
    ("attention", 3, [
        conv("head", 3, 6), {"name": "local", "type": "AttentionModule", "in_channels": 6, "out_channels": 6, "window": 4, "scale": 0.4},
        {"name": "sum", "type": "Add", "inputs": ["local", "head"]},
        {"name": "gated", "type": "AdaptiveAttentionModule", "in_channels": 6, "out_channels": 1, "window": 4},
        conv("tail", 6, 3)], 10, 14),
    ("attention-strided", 3, [
        conv("head", 3, 8, k=4, stride=2, padding=1), {"name": "local", "type": "AttentionModule", "in_channels": 8, "out_channels": 8, "window": 4, "scale": 0.35},
        {"name": "sum", "type": "Add", "inputs": ["local", "head"]}, conv("tail", 8, 12), {"name": "up", "type": "PixelShuffle", "upscale_factor": 2},
        {"name": "result", "type": "Add", "inputs": ["up", "input"]}], 10, 14),
    ("attention-whole", 1, [
        conv("head", 1, 4), {"name": "far", "type": "AttentionModule", "in_channels": 4, "out_channels": 4},
        {"name": "gated", "type": "AdaptiveAttentionModule", "in_channels": 4, "out_channels": 4}, conv("tail", 4, 1)], 7, 6),
    ("down-up", 3, [
        conv("head", 3, 6, stride=2), {"name": "block", "type": "ResidualBlock", "channels": 6, "kernel_size": 5},
        conv("tail", 6, 12), {"name": "up", "type": "PixelShuffle", "upscale_factor": 2},
        {"name": "result", "type": "Add", "inputs": ["up", "input"]}], 8, 12),
]


def main():
    folder = ROOT / "networks"
    folder.mkdir(exist_ok=True)
    for at, (name, channels, modules, height, width) in enumerate(CASES):
        torch.manual_seed(at)
        network = ComposedNetwork({"in_channels": channels, "modules": modules}).eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
            x = torch.rand(1, channels, height, width)
            y = network(x)
        metadata = {"format": "pt", "aquatint.architecture": json.dumps(network.architecture, separators=(",", ":"))}
        write(folder / f"{name}.weights.safetensors", network.state_dict(), metadata)
        write(folder / f"{name}.case.safetensors", {"input": x, "output": y}, {})


main()
