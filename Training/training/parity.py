"""Whether `aquatint run` makes of weights what PyTorch makes of them: whole, in tiles, and in the precision that it chooses itself."""
import pathlib
import subprocess
import tempfile

import torch
from PIL import Image

from . import metrics
from .pictures import as_array, as_batch, load
from .trainer import applied

# (name, precision, tiling, how many dB the mean figure may differ)
RUNS = [("f32 whole", "f32", "whole", 0.01), ("f32 tiles", "f32", "{tile: 192}", 0.01), ("auto", "auto", "auto", 0.05)]


@torch.no_grad()
def compare(aquatint, weights, network, channels, pairs, scale, border):
    """Rows of (way, mean PSNR in dB, its difference to PyTorch's, what is allowed), PyTorch's first.

    The PSNR is that of luma for a luma network, whose chroma is resampled by each host in its own way, and of colour otherwise.
    """
    measure = metrics.psnr_y if channels == "luma" else metrics.psnr
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "in").mkdir()
        originals, reference = {}, []
        for name, seen, original in pairs:
            # What a file holds: 8 bits.
            array = as_array(seen)
            Image.fromarray(array).save(scratch / "in" / f"{name}.png")
            result = (applied(network, as_batch(array), channels, scale).clamp(0, 1) * 255).round() / 255
            originals[name] = original
            reference.append(measure(result, original, border))
        if not reference:
            raise SystemExit("there is no picture to compare")
        mean = sum(reference) / len(reference)
        rows = [("PyTorch", mean, 0.0, 0.0)]
        for way, precision, tiling, allowed in RUNS:
            (scratch / "p.yaml").write_text(f"version: 1\nstages:\n  - network: {{weights: '{pathlib.Path(weights).resolve()}', precision: {precision}, tiling: {tiling}}}\n"
                                            "output: '{stem}.png'\n")
            done = subprocess.run([aquatint, "run", scratch / "p.yaml", scratch / "in", "-o", scratch / way, "-q"], capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"aquatint run failed:\n{done.stderr}")
            figures = [measure(as_batch(load(scratch / way / f"{name}.png")), original, border) for name, original in originals.items()]
            ours = sum(figures) / len(figures)
            rows.append((way, ours, ours - mean, allowed))
    return rows
