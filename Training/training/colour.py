"""Luma, as the host computes it (full range, for networks) and as the literature measures it (16 to 235)."""
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
