"""Before and after, to look at: a part of each picture, enlarged so that single pixels can be judged."""
import torch
import torch.nn.functional as F

from . import sheets
from .trainer import applied


@torch.no_grad()
def sheet(path, network, channels, pairs, scale, side, zoom):
    """One row per picture: what the network sees (enlarged bicubically), what it makes of it, the original.

    The middle of each picture, `side` pixels of the original wide and high, `zoom` times as large.
    """
    rows = []
    for _, seen, original in pairs:
        height, width = original.shape[-2:]
        top, left = (max(0, (extent - side) // 2) // scale * scale for extent in (height, width))
        result = applied(network, seen, channels, scale).clamp(0, 1)
        parts = [picture[..., top:top + side, left:left + side] for picture in (sheets.enlarged(seen, scale), result, original)]
        rows.append([F.interpolate(part, scale_factor=zoom, mode="nearest") for part in parts])
    sheets.write(path, rows)
