"""Pictures to look at while training: before, after, original; and the loss curve."""
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from .pictures import as_array, load


def centre(path, side, multiple=8):
    """The middle of a picture, at most side x side, in whole multiples."""
    array = load(path)
    height, width = (min(side, extent) // multiple * multiple for extent in array.shape[:2])
    y, x = (array.shape[0] - height) // 2, (array.shape[1] - width) // 2
    return array[y:y + height, x:x + width]


def enlarged(batch, scale):
    return F.interpolate(batch, scale_factor=scale, mode="bicubic", antialias=True).clamp(0, 1) if scale > 1 else batch.clamp(0, 1)


def write(path, rows):
    """One row per picture; each row's pictures side by side."""
    arrays = [np.concatenate([as_array(batch) for batch in row], 1) for row in rows]
    width = max(a.shape[1] for a in arrays)
    arrays = [np.pad(a, ((0, 4), (0, width - a.shape[1]), (0, 0))) for a in arrays]
    Image.fromarray(np.concatenate(arrays)).save(path)


def plot(path, history, looks, size=(900, 420)):
    """Losses on a logarithmic axis from the left, PSNR of held-out pictures on a linear one."""
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    if not history:
        return
    left, top, right, bottom = 60, 20, size[0] - 60, size[1] - 30
    last = max(entry["step"] for entry in history)
    draw.rectangle((left, top, right, bottom), outline="#999999")
    draw.text((left, bottom + 8), "0")
    draw.text((right - 40, bottom + 8), str(last), fill="black")
    series = [(name, [(e["step"], math.log10(max(e[name], 1e-9))) for e in history if name in e])
              for name in history[-1] if name != "step"]
    if looks:
        series.append(("psnr", [(e["step"], e["psnr"]) for e in looks]))
    for (name, points), ink in zip(series, ("#1f5fbf", "#bf5f1f", "#7f3fbf", "#1f9f5f", "#555555", "#bf1f5f")):
        low, high = min(v for _, v in points), max(v for _, v in points)
        span = (high - low) or 1
        at = [(left + (right - left) * step / last, bottom - 10 - (bottom - top - 20) * (value - low) / span) for step, value in points]
        if len(at) > 1:
            draw.line(at, fill=ink, width=2)
        now = points[-1][1] if name == "psnr" else 10 ** points[-1][1]
        draw.text((left + 8 + 200 * ([n for n, _ in series].index(name)), 4), f"{name}: {now:.5g}", fill=ink)
    picture.save(path)
