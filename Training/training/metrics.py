"""How near a result is to the original."""
import math

import torch
import torch.nn.functional as F

from . import colour


def psnr(a, b, border=0):
    """10 log10(1 / mean squared error) in dB of two batches in 0..1, leaving out `border` pixels on each side."""
    if border:
        a, b = (x[..., border:-border, border:-border] for x in (a, b))
    error = torch.mean((a.double() - b.double()) ** 2).item()
    return math.inf if error == 0 else 10 * math.log10(1 / error)


def psnr_y(a, b, border=0):
    """PSNR of the luma (16 to 235) of two RGB batches, as published figures of super-resolution are taken."""
    return psnr(colour.measured_luma(a), colour.measured_luma(b), border)


def flat_difference(a, b):
    """Mean colour difference (CIE 1976) of two RGB batches where the second is flat: luma deviates less than 2.5 of 255 within 9 x 9 pixels. NaN where it nowhere is."""
    y = colour.luma(b.double())
    mean, square = (F.avg_pool2d(F.pad(t, (4,) * 4, mode="reflect"), 9, 1) for t in (y, y * y))
    flat = (square - mean * mean).clamp(min=0).sqrt() < 2.5 / 255
    difference = (colour.to_lab(a) - colour.to_lab(b)).norm(dim=1, keepdim=True)
    return difference[flat].mean().item()
