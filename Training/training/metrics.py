"""How near a result is to the original."""
import math

import torch

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
