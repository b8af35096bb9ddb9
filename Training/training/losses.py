"""What training makes small. None of them needs a network that was trained elsewhere."""
import torch
import torch.nn.functional as F


def l1(result, original):
    return (result - original).abs().mean()


def mse(result, original):
    """The mean squared error: what PSNR is of. Small numbers: its weight is best some hundreds of that of `l1`."""
    return F.mse_loss(result, original)


def charbonnier(result, original):
    """A smooth L1: sqrt(d^2 + 0.001^2)."""
    return torch.sqrt((result - original) ** 2 + 1e-6).mean()


def gradient(result, original):
    """L1 of the differences between neighbours: edges in the same places."""
    return sum(((result.diff(dim=d)) - original.diff(dim=d)).abs().mean() for d in (-1, -2))


def frequency(result, original):
    """L1 of the Fourier coefficients, scaled by 1 / sqrt(positions) (Jiang et al., Focal Frequency Loss, 2021, unweighted)."""
    difference = torch.fft.rfft2(result, norm="ortho") - torch.fft.rfft2(original, norm="ortho")
    return difference.abs().mean()


def low_frequency(result, original):
    """L1 of 8 x 8 means: no colour shift, whatever the texture is."""
    return (F.avg_pool2d(result, 8) - F.avg_pool2d(original, 8)).abs().mean()


LOSSES = {"l1": l1, "mse": mse, "charbonnier": charbonnier, "gradient": gradient, "frequency": frequency, "low_frequency": low_frequency}


def weighted(weights):
    """The sum of losses by name, each times its weight: a function of (result, original)."""
    if unknown := [name for name in weights if name not in LOSSES]:
        raise ValueError(f"there is no loss {', '.join(unknown)}; there are {', '.join(LOSSES)}")
    return lambda result, original: sum(w * LOSSES[name](result, original) for name, w in weights.items())
