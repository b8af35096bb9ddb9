#!/usr/bin/env python3
"""Trains the small weights that the example pipelines use, from photographs, on a CPU, in minutes.

    python3 train.py PHOTOGRAPHS OUT [--minutes 10] [--only chain|upscale]

needs PyTorch 2.1 or newer and numpy, and the `vips` command to decode the photographs.

chain-*.safetensors   The four modules in a row, trained end to end to take noise and softness out of a photograph:
                      separable_conv 3 -> 16, attention 16 in windows of 8 at strength 0.5, adaptive_attention 16, generator 16 -> 3.
upscale2x-small.onnx  A network of five 3x3 convolutions and a pixel shuffle on top of the nearest-neighbour enlargement.

Shipped weights: trained on the 13 photographs of Debian's package lomiri-wallpapers-16.04 (CC BY 4.0, CC BY-SA 4.0 and
CC0; authors in that package's copyright file), with the default seed.
"""
import argparse, json, pathlib, struct, subprocess, sys, tempfile, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent.parent / "Training"))
from training.modules import AdaptiveAttentionModule, AttentionModule, DepthwiseSeparableConv2d, Generator  # noqa: E402


class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.separable_conv = DepthwiseSeparableConv2d(3, 16)
        self.attention = AttentionModule(16, 16, window=8)
        self.adaptive_attention = AdaptiveAttentionModule(16, 16, window=8)
        self.generator = Generator(16, 3, hidden_channels=24)
        self.start_at_identity()

    @torch.no_grad()
    def start_at_identity(self):
        """The first three channels carry the picture through the chain from the first step on; the others start small.
        A chain this narrow, without skip connections, otherwise spends its training on finding the picture again."""
        def through(conv, gain=1.0, bias=0.0):
            conv.weight.mul_(0.3); conv.bias.zero_()
            k = conv.kernel_size[0] // 2
            for c in range(min(3, conv.out_channels)):
                conv.weight[c] *= 0.1
                conv.weight[c, c if conv.groups == 1 else 0, k, k] = gain
                conv.bias[c] = bias
        separable, attention, adaptive = self.separable_conv, self.attention, self.adaptive_attention.attention
        through(separable.depthwise); through(separable.pointwise)
        attention.value_conv.weight.mul_(0.1); attention.value_conv.bias.zero_()
        adaptive.value_conv.weight.mul_(0.05); adaptive.value_conv.bias.fill_(1)   # x * attention(x) passes x on
        first, second, third, last = (self.generator.model[i] for i in (0, 2, 4, 6))
        through(first, gain=2); through(second); through(third)                    # strength 0.5 halved it
        through(last, gain=2.6, bias=-1.3)                                         # tanh(2.6 v - 1.3) is near 2 v - 1

    def forward(self, x):
        y = F.relu(self.separable_conv(x))
        y = 0.5 * y + 0.5 * self.attention(y)                        # strength: 0.5 in the pipeline
        return (self.generator(self.adaptive_attention(y)) + 1) / 2


class Upscale(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x):
        return self.body(x) + F.interpolate(x, scale_factor=2, mode="nearest")


def load(folder):
    pictures = []
    for path in sorted(pathlib.Path(folder).glob("*.jpg")):
        with tempfile.NamedTemporaryFile(suffix=".ppm") as ppm:
            subprocess.run(["vips", "thumbnail", str(path), ppm.name, "1600"], check=True)
            data = open(ppm.name, "rb").read()
        header, fields = 0, []
        while len(fields) < 4:                                   # P6 width height 255, comments between
            end = data.index(b"\n", header)
            fields += data[header:end].split(b"#")[0].split()
            header = end + 1
        width, height = int(fields[1]), int(fields[2])
        pixels = np.frombuffer(data, np.uint8, width * height * 3, header).reshape(height, width, 3)
        pictures.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1))
    return pictures


def crops(pictures, count, size):
    batch = []
    for _ in range(count):
        p = pictures[np.random.randint(len(pictures))]
        y, x = np.random.randint(p.shape[1] - size), np.random.randint(p.shape[2] - size)
        c = p[:, y:y + size, x:x + size].float() / 255
        if np.random.rand() < 0.5: c = c.flip(2)
        batch.append(c)
    return torch.stack(batch)


def soften(x):
    """Light blur and noise, the same for a batch."""
    sigma = np.random.uniform(0.3, 0.9)
    t = torch.arange(-3, 4).float()
    k = torch.exp(-t * t / (2 * sigma * sigma)); k /= k.sum()
    x = F.pad(x, (3, 3, 3, 3), mode="reflect")
    x = F.conv2d(x, k.view(1, 1, 1, 7).repeat(3, 1, 1, 1), groups=3)
    x = F.conv2d(x, k.view(1, 1, 7, 1).repeat(3, 1, 1, 1), groups=3)
    return (x + torch.randn_like(x) * np.random.uniform(0, 12) / 255).clamp(0, 1)


def shrink(x):
    return F.interpolate(x, scale_factor=0.5, mode="bicubic", antialias=True).clamp(0, 1)


def train(net, degrade, pictures, minutes, size):
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    start, step, mean = time.time(), 0, 0.0
    while (done := (time.time() - start) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * (min(1, step / 50)) * (1 + np.cos(np.pi * done)) / 2 + 1e-5
        y = crops(pictures, 4, size)
        loss = (net(degrade(y)) - y).abs().mean()
        optimiser.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimiser.step()
        step += 1
        mean = loss.item() if step == 1 else 0.99 * mean + 0.01 * loss.item()
        if step % 100 == 0: print(f"{100 * done:5.1f} %  step {step}  L1 {255 * mean:.3f} codes", flush=True)


def save_safetensors(path, module, metadata):
    tensors = {name: t.detach().numpy().astype("<f4") for name, t in module.state_dict().items()}
    header, offset = {"__metadata__": metadata}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [offset, offset + t.nbytes]}
        offset += t.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values(): f.write(t.tobytes())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("photographs"); parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=10); parser.add_argument("--only", choices=["chain", "upscale"])
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed); np.random.seed(args.seed)
    pictures, out = load(args.photographs), pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.only != "upscale":
        net = Chain()
        train(net, soften, pictures, args.minutes, size=64)
        for name in ("separable_conv", "attention", "adaptive_attention", "generator"):
            save_safetensors(out / f"chain-{name}.safetensors", getattr(net, name), {"made_by": "Pipelines/weights/train.py"})
    if args.only != "chain":
        net = Upscale()
        train(net, shrink, pictures, args.minutes, size=96)
        torch.onnx.export(net.eval(), torch.rand(1, 3, 32, 32), str(out / "upscale2x-small.onnx"), opset_version=16, input_names=["image"],
                          output_names=["result"], dynamic_axes={"image": {2: "height", 3: "width"}, "result": {2: "height2", 3: "width2"}})


if __name__ == "__main__":
    main()
