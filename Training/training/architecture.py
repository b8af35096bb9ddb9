"""Networks as data: the list of named modules that a weights file carries, and that Python and Swift build alike.

    {"version": 1, "in_channels": 1, "modules": [
        {"name": "head", "type": "Conv2d", "in_channels": 1, "out_channels": 48, "kernel_size": 3, "padding": 1},
        {"name": "block0", "type": "ResidualBlock", "channels": 48},
        {"name": "sum", "type": "Add", "inputs": ["block0", "head"]}]}

A module's input is the one before it (`input`, the picture, for the first), or what `inputs` names: modules earlier in the
list. The last module's result is the network's. A module `head` owns the tensors `head.weight`, `head.bias` ...

A recipe may write `repeat: 5`, which stands for `block0` ... `block4`; files hold the list written out.
Plugins/network/README.md has the table of all types; Sources/Networks/Architecture is the other reader, and takes the same arguments.
"""
import functools
import re

import torch
import torch.nn as nn

from . import modules

VERSION = 1
BEGINNINGS = {"ChannelScale": ("initial",), "PReLU": ("init",)}            # arguments that say where training begins: no part of the network
# Each type and the arguments that both readers know: torch's own modules take more.
_ATTENTION = ("in_channels", "out_channels", "window", "scale")
TYPES = {
    "Conv2d": (nn.Conv2d, ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups")),
    "DepthwiseSeparableConv2d": (modules.DepthwiseSeparableConv2d, ("in_channels", "out_channels", "kernel_size", "stride", "padding")),
    "AttentionModule": (modules.AttentionModule, _ATTENTION), "AdaptiveAttentionModule": (modules.AdaptiveAttentionModule, _ATTENTION),
    "Generator": (modules.Generator, ("in_channels", "out_channels", "hidden_channels")),
    "ResidualBlock": (modules.ResidualBlock, ("channels", "kernel_size", "activation", "separable")),
    "ChannelScale": (modules.ChannelScale, ("channels", "initial")),
    "ReLU": (nn.ReLU, ()), "LeakyReLU": (nn.LeakyReLU, ("negative_slope",)), "PReLU": (nn.PReLU, ("num_parameters", "init")),
    "GELU": (nn.GELU, ()), "Sigmoid": (nn.Sigmoid, ()), "Tanh": (nn.Tanh, ()),
    "PixelShuffle": (nn.PixelShuffle, ("upscale_factor",)), "Upsample": (nn.Upsample, ("scale_factor", "mode")),
    "Add": (modules.Add, ()), "Multiply": (modules.Multiply, ()), "Concat": (modules.Concat, ()),
}
JOINS = ("Add", "Multiply", "Concat")


class ArchitectureError(ValueError):
    """What is wrong with a list of modules, and where."""


def expanded(description):
    """The architecture with every `repeat` written out."""
    entries = []
    for entry in description["modules"]:
        entry = dict(entry)
        count = entry.pop("repeat", None)
        if count is None:
            entries.append(entry)
        else:
            entries += [{**entry, "name": f"{entry['name']}{i}"} for i in range(count)]
    return {"version": VERSION, "in_channels": description["in_channels"], "modules": entries}


def shipped(description):
    """The architecture as a weights file holds it: written out, without what only training reads."""
    written = expanded(description)
    entries = [{k: v for k, v in entry.items() if k not in BEGINNINGS.get(entry["type"], ())} for entry in written["modules"]]
    return {**written, "modules": entries}


class ComposedNetwork(nn.Module):
    """The network of an architecture; its `state_dict` has the modules' names."""

    def __init__(self, architecture):
        super().__init__()
        if architecture.get("version", VERSION) != VERSION:
            raise ArchitectureError(f"architecture version {architecture['version']}; this package reads {VERSION}")
        architecture = expanded(architecture)
        self.architecture = architecture
        self.steps = []
        known, before = {"input"}, "input"
        for entry in architecture["modules"]:
            entry = dict(entry)
            name, kind, inputs = entry.pop("name"), entry.pop("type"), entry.pop("inputs", [before])
            if not re.fullmatch("[a-z][a-z0-9_]{0,62}", name) or name in known:
                raise ArchitectureError(f"{name!r} is taken already, or no name of lower-case letters, digits and _")
            if kind not in TYPES:
                raise ArchitectureError(f"{name}: there is no module {kind}; there are {', '.join(TYPES)}")
            if unknown := [i for i in inputs if i not in known]:
                raise ArchitectureError(f"{name}: inputs {unknown} are not before it in the list")
            if (len(inputs) < 2) == (kind in JOINS):
                raise ArchitectureError(f"{name}: {kind} takes {'two inputs or more' if kind in JOINS else 'one input'}")
            build, arguments = TYPES[kind]
            if surplus := [a for a in entry if a not in arguments]:
                raise ArchitectureError(f"{name}: {kind} has no {', '.join(surplus)}; it has {', '.join(arguments) or 'no arguments'}")
            # `__setattr__` would do, but a name such as `type` must not hide a method of nn.Module.
            try:
                self.add_module(name, build(**entry))
            except (TypeError, ValueError, RuntimeError, KeyError) as error:
                raise ArchitectureError(f"{name}: {kind} cannot be made of {entry}: {error}") from error
            self.steps.append((name, inputs))
            known.add(name)
            before = name
        self.last_use = {i: at for at, (_, inputs) in enumerate(self.steps) for i in inputs}

    def forward(self, x):
        results = {"input": x}
        for at, (name, inputs) in enumerate(self.steps):
            results[name] = self._modules[name](*(results[i] for i in inputs))
            for i in inputs:
                if self.last_use[i] == at:
                    results.pop(i, None)
        return results[name]

    def whole(self, x):
        """The result for a picture of any size, which is extended by its reflection to sides that the network takes, as `aquatint run` does."""
        height, width = x.shape[-2:]
        result = self(nn.functional.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode="reflect"))
        extended = width + -width % self.multiple
        return result[..., :result.shape[-2] * height // (height + -height % self.multiple), :result.shape[-1] * width // extended]

    @functools.cached_property
    @torch.no_grad()
    def multiple(self):
        """What the sides of a picture must be multiples of: found by trying."""
        side = 64
        usual = self(torch.zeros(1, self.architecture["in_channels"], side, side)).shape[-1]
        for multiple in (1, 2, 4, 8, 16, 32):
            try:
                odd = self(torch.zeros(1, self.architecture["in_channels"], side + multiple, side + multiple)).shape[-1]
            except RuntimeError:
                continue
            if odd * side == usual * (side + multiple):
                return multiple
        return side

    @property
    def parameter_count(self):
        return sum(p.numel() for p in self.parameters())
