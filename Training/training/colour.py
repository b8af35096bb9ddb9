"""Luma, as the host computes it (full range, for networks) and as the literature measures it (16 to 235); CIELAB."""
import torch

_WEIGHTS = (0.299, 0.587, 0.114)


def luma(rgb):
    """Y of YCbCr, 0..1, of a batch [N, 3, H, W] in 0..1."""
    weights = torch.tensor(_WEIGHTS, dtype=rgb.dtype).view(1, 3, 1, 1)
    return (rgb * weights).sum(1, keepdim=True)


def measured_luma(rgb):
    """Y of BT.601 in 0..1 as MATLAB's `rgb2ycbcr` gives it: 16/255 to 235/255. Published PSNR figures are of this one."""
    return (16 + 219 * luma(rgb)) / 255


def to_ycc(rgb):
    """YCbCr with chroma around 0, each 0..1 or -0.5..0.5."""
    matrix = torch.tensor([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
    return torch.einsum("ij,njhw->nihw", matrix, rgb)


def to_rgb(ycc):
    matrix = torch.tensor([[1.0, 0.0, 1.402], [1.0, -0.344136286, -0.714136286], [1.0, 1.772, 0.0]])
    return torch.einsum("ij,njhw->nihw", matrix, ycc)


def to_lab(rgb):
    """CIELAB of D65 of sRGB in 0..1 (IEC 61966-2-1; CIE 15)."""
    rgb = rgb.double()
    light = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    matrix = torch.tensor([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]], dtype=torch.double)
    x, y, z = (torch.einsum("ij,njhw->nihw", matrix, light) / matrix.sum(1).view(1, 3, 1, 1)).unbind(1)
    x, y, z = (torch.where(t > (6 / 29) ** 3, t.clamp(min=1e-9) ** (1 / 3), t / (3 * (6 / 29) ** 2) + 4 / 29) for t in (x, y, z))
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)
