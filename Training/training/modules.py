"""The modules of Sources/Networks, in PyTorch: the same names, the same arguments, the same `state_dict`.

Layout N x C x H x W. Where a module is torch's own (Conv2d, ReLU ...), it is used as it is.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

ACTIVATIONS = {"none": nn.Identity, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class DepthwiseSeparableConv2d(nn.Module):
    """A convolution over space for each channel by itself, then one over the channels at each pixel."""

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=1):
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel_size, stride, padding, groups=in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class AttentionModule(nn.Module):
    """softmax(scale * Q Kt) V over all positions, or (`window` > 0) within window x window blocks from the top left."""

    def __init__(self, in_channels, out_channels, window=0, scale=1.0):
        super().__init__()
        self.query_conv = nn.Conv2d(in_channels, out_channels, 1)
        self.key_conv = nn.Conv2d(in_channels, out_channels, 1)
        self.value_conv = nn.Conv2d(in_channels, out_channels, 1)
        self.window, self.scale = window, scale

    def forward(self, x):
        height, width = x.shape[-2:]
        rows, columns = (self.window, self.window) if self.window else (height, width)
        right, bottom = -width % columns, -height % rows

        def blocks(t):
            """[N, C, H, W] as [N, blocks, positions, C]."""
            t = F.pad(t, (0, right, 0, bottom))
            n, c, h, w = t.shape
            t = t.reshape(n, c, h // rows, rows, w // columns, columns)
            return t.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, rows * columns, c)

        q, k, v = (blocks(conv(x)) for conv in (self.query_conv, self.key_conv, self.value_conv))
        logits = self.scale * q @ k.transpose(-1, -2)
        if right or bottom:                                    # the positions that were added attract nothing
            outside = blocks(x.new_zeros(1, 1, height, width) + 1).transpose(-1, -2) == 0
            logits = logits.masked_fill(outside, float("-inf"))
        y = torch.softmax(logits, -1) @ v
        n, c = y.shape[0], y.shape[-1]
        h, w = height + bottom, width + right
        y = y.reshape(n, h // rows, w // columns, rows, columns, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)
        return y[..., :height, :width]


class AdaptiveAttentionModule(nn.Module):
    """x * attention(x): each channel has its gate (out_channels = in_channels), or all share one (out_channels = 1)."""

    def __init__(self, in_channels, out_channels, window=0, scale=1.0):
        super().__init__()
        if out_channels not in (in_channels, 1):
            raise ValueError(f"out_channels must be in_channels ({in_channels}) or 1, not {out_channels}")
        self.attention = AttentionModule(in_channels, out_channels, window, scale)

    def forward(self, x):
        return x * self.attention(x)


class Generator(nn.Module):
    """Four 3 x 3 convolutions, ReLU between them, Tanh at the end."""

    def __init__(self, in_channels, out_channels, hidden_channels=None):
        super().__init__()
        h = hidden_channels or out_channels
        self.model = nn.Sequential(
            nn.Conv2d(in_channels, h, 3, padding=1), nn.ReLU(), nn.Conv2d(h, h, 3, padding=1), nn.ReLU(),
            nn.Conv2d(h, h, 3, padding=1), nn.ReLU(), nn.Conv2d(h, out_channels, 3, padding=1), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class ResidualBlock(nn.Module):
    """x + conv2(activation(conv1(x))), both convolutions keeping channels and size; `separable`: of depthwise separable ones.

    Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution (2017).
    """

    def __init__(self, channels, kernel_size=3, activation="relu", separable=False):
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}, and must be odd: the block keeps the size")
        conv = DepthwiseSeparableConv2d if separable else nn.Conv2d
        self.conv1 = conv(channels, channels, kernel_size, padding=kernel_size // 2)
        self.activation = ACTIVATIONS[activation]()
        self.conv2 = conv(channels, channels, kernel_size, padding=kernel_size // 2)

    def forward(self, x):
        return x + self.conv2(self.activation(self.conv1(x)))


class ChannelScale(nn.Module):
    """Each channel times a learned number that begins at `initial`."""

    def __init__(self, channels, initial=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), float(initial)))

    def forward(self, x):
        return x * self.weight


class Add(nn.Module):
    """The sum of several maps."""

    def forward(self, *maps):
        return sum(maps[1:], maps[0])


class Multiply(nn.Module):
    """The product of several maps."""

    def forward(self, *maps):
        product = maps[0]
        for other in maps[1:]:
            product = product * other
        return product


class Concat(nn.Module):
    """The channels of several maps, one after the other."""

    def forward(self, *maps):
        return torch.cat(maps, 1)
