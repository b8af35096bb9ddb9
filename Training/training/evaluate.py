"""Figures of a weights file on pictures."""
import fnmatch
import json
import pathlib
import sys

import numpy as np
import torch

from . import degradations, metrics
from .architecture import ComposedNetwork
from .pictures import SUFFIXES, as_batch, load
from .safetensors import read
from .trainer import applied


def network_of(weights):
    """(the network of a weights file, its channels)."""
    tensors, metadata = read(weights)
    network = ComposedNetwork(json.loads(metadata["aquatint.architecture"]))
    network.load_state_dict(tensors)
    return network.eval(), "luma" if network.architecture["in_channels"] == 1 else "rgb"


def originals(folder, pattern="*"):
    """The pictures below a folder whose names match; ends the program where there is none."""
    found = sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES and fnmatch.fnmatch(p.name, pattern))
    if not found:
        raise SystemExit(f"{folder}: no picture there" + ("" if pattern == "*" else f" that is called {pattern}"))
    return found


@torch.no_grad()
def evaluated(network, channels, pairs, scale, border):
    """For (name, seen, original) batches, rows of the name, PSNR of luma and of colour, both of the input (enlarged bicubically), and the difference of colour on flat areas."""
    rows = []
    for name, seen, original in pairs:
        result = (applied(network, seen, channels, scale).clamp(0, 1) * 255).round() / 255
        plain = torch.nn.functional.interpolate(seen, scale_factor=scale, mode="bicubic", antialias=True).clamp(0, 1) if scale > 1 else seen.clamp(0, 1)
        rows.append((name, metrics.psnr_y(result, original, border), metrics.psnr(result, original, border),
                     metrics.psnr_y(plain, original, border), metrics.psnr(plain, original, border), metrics.flat_difference(result, original)))
    return rows


def pairs_of_files(folder, original_pattern, seen_pattern):
    """Pairs by order of names: originals and, beside them, what the network sees."""
    first, second = originals(folder, original_pattern), originals(folder, seen_pattern)
    if len(first) != len(second) or not first:
        raise SystemExit(f"{folder}: {len(first)} originals ({original_pattern}) and {len(second)} inputs ({seen_pattern})")
    for original, seen in zip(first, second):
        yield original.stem, as_batch(load(seen)), as_batch(load(original))


def degraded_pairs(folder, pattern, steps, seed=1):
    """Originals, cut to whole multiples of the scale, and their degraded versions, with seeded noise."""
    scale = degradations.scale(steps)
    for at, path in enumerate(originals(folder, pattern)):
        try:
            original = as_batch(load(path))
        except Exception as error:                             # Pillow raises many kinds for broken files
            print(f"left out: {path}: {error or type(error).__name__}", file=sys.stderr)
            continue
        height, width = (extent // scale * scale for extent in original.shape[-2:])
        original = original[..., :height, :width]
        yield path.stem, degradations.apply(original, steps, np.random.default_rng((seed, at))), original
