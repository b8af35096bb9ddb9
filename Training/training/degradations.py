"""What was done to a picture before the network sees it.

A recipe names steps in order; each takes numbers, or [low, high] for a random one per picture:

    degradation:
      - {type: bicubic, factor: 2}                  reduced as MATLAB's imresize does (antialiased, a = -0.5); `rounded: true`: as it does
                                                    with 8-bit pictures, columns and then rows, each rounded: benchmarks are made so
      - {type: blur, sigma: [0, 1.2]}               Gaussian, in pixels
      - {type: noise, sigma: [0, 50]}               Gaussian, of 255; `grey: 0.3`: as often the same in all channels
      - {type: jpeg, quality: [30, 95]}             with Pillow's usual chroma subsampling; `shifted: true`: its blocks begin anywhere
      - {type: round}                               to 8 bits
      - {type: one_of, steps: [...]}                one of them per batch
    A step with `probability: 0.5` is left out as often, per picture.

Pictures are batches [N, C, H, W] of 0..1. Noise is not clipped unless `round` or `jpeg` comes after it.
"""
import inspect
import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image


def _drawn(value, count, random):
    """`count` numbers: the given one, or uniform between the two given ones."""
    low, high = value if isinstance(value, (list, tuple)) else (value, value)
    return random.uniform(low, high, count)


def bicubic(batch, random, factor, rounded=False):
    height, width = batch.shape[-2:]
    if height % factor or width % factor:
        raise ValueError(f"{width} x {height} pixels cannot be reduced by {factor} exactly")
    sizes = [(height // factor, width), (height // factor, width // factor)] if rounded else [(height // factor, width // factor)]
    for size in sizes:
        batch = F.interpolate(batch, size=size, mode="bicubic", antialias=True)
        if rounded:          # halves up: the kernel's weights are multiples of 1/256, so that there are many
            batch = (batch.clamp(0, 1) * 255 + 0.5 + 1e-4).floor() / 255
    return batch


def blur(batch, random, sigma):
    results = []
    for picture, s in zip(batch, _drawn(sigma, len(batch), random)):
        if s < 0.05:
            results.append(picture)
            continue
        radius = max(1, int(np.ceil(3 * s)))
        kernel = torch.exp(-torch.arange(-radius, radius + 1).float() ** 2 / (2 * s * s)).to(batch.dtype)
        kernel /= kernel.sum()
        picture = F.pad(picture[:, None], (radius,) * 4, mode="reflect")
        results.append(F.conv2d(F.conv2d(picture, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))[:, 0])
    return torch.stack(results)


def noise(batch, random, sigma, grey=0.0):
    results = []
    for picture, s in zip(batch, _drawn(sigma, len(batch), random)):
        shape = (1, *picture.shape[1:]) if random.random() < grey else tuple(picture.shape)
        results.append(picture + torch.from_numpy(random.standard_normal(shape, np.float32)) * float(s / 255))
    return torch.stack(results)


def jpeg(batch, random, quality, shifted=False):
    results = []
    for picture, q in zip(batch, _drawn(quality, len(batch), random)):
        top, left = (int(random.integers(16)) if shifted else 0 for _ in range(2))        # 16: chroma's blocks, too
        picture = F.pad(picture[None], (left, 0, top, 0), mode="reflect")[0]
        array = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        buffer = io.BytesIO()
        Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(buffer, "jpeg", quality=int(round(q)))
        array = np.asarray(Image.open(buffer))
        array = array.reshape(*array.shape[:2], -1)[top:, left:]
        results.append(torch.from_numpy(array.copy()).permute(2, 0, 1).float() / 255)
    return torch.stack(results)


def round_(batch, random):
    return (batch.clamp(0, 1) * 255).round() / 255


def one_of(batch, random, steps):
    return apply(batch, [steps[int(random.integers(len(steps)))]], random)


STEPS = {"bicubic": bicubic, "blur": blur, "noise": noise, "jpeg": jpeg, "round": round_, "one_of": one_of}


def apply(batch, steps, random):
    """The batch after all steps."""
    check(steps)
    for step in steps:
        step = dict(step)
        kind, probability = step.pop("type"), step.pop("probability", 1)
        changed = STEPS[kind](batch, random, **step)
        if probability < 1:
            if changed.shape != batch.shape:
                raise ValueError(f"{kind} changes the size, so it cannot be left out at random")
            chosen = torch.from_numpy(random.random(len(batch)) < probability).view(-1, 1, 1, 1)
            changed = torch.where(chosen, changed, batch)
        batch = changed
    return batch


def check(steps):
    """Raises ValueError for a step that there is not, or one whose numbers are missing or unknown."""
    for step in steps:
        given = {key for key in step if key not in ("type", "probability")}
        if step.get("type") not in STEPS:
            raise ValueError(f"there is no degradation {step.get('type')}; there are {', '.join(STEPS)}")
        known = list(inspect.signature(STEPS[step["type"]]).parameters.values())[2:]
        needed = {p.name for p in known if p.default is p.empty}
        if wrong := (given - {p.name for p in known}) | (needed - given):
            raise ValueError(f"{step['type']}: {', '.join(sorted(wrong))} is missing or unknown; it takes {', '.join(p.name for p in known) or 'nothing'}")
        check(step.get("steps", []))


def scale(steps):
    """How many times larger the original is than what the network sees."""
    factor = 1
    for step in steps:
        factor *= step["factor"] if step["type"] == "bicubic" else 1
    return factor
