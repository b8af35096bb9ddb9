#!/usr/bin/env python3
"""Makes pictures with edges that few photographs have: `python data/leaves.py PHOTOGRAPHS FOLDER`.

Shapes that cover one another ("dead leaves": Lee, Mumford and Huang 2001; as training data: Achddou, Gousseau and Ladjal 2021),
of all sizes alike, in colours and with texture of the photographs, with veins, dots, stripes and letters on them. Each picture is
drawn three times as large and then reduced, so that its edges are as sharp as a picture's can be: files NUMBER.png of 512 x 512
pixels in FOLDER. The same photographs and seed make the same pictures.
"""
import argparse
import math
import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE, FINER = 512, 3
CANVAS = SIDE * FINER
SMALLEST, LARGEST = 8, 420          # radii on the canvas
LEAVES = 1200          # a picture is covered some three times over
FINEST = 14          # the shortest period of stripes on the canvas: some that vanish at half the size teach a network to invent others


def radius(random):
    """Of a density of r^-2: more of the large ones than in nature (r^-3), whose small ones make mere speckles."""
    low, high = 1 / SMALLEST, 1 / LARGEST
    return 1 / (low - random.random() * (low - high))


def outline(random, x, y, r):
    """The corners of an ellipse, a polygon, or a closed wavy line about a centre."""
    kind, turn, flat = random.random(), random.random() * 2 * math.pi, random.uniform(0.3, 1)
    if kind < 0.4:
        angles, radii = np.linspace(0, 2 * math.pi, 48, endpoint=False), np.ones(48)
    elif kind < 0.7:
        angles = np.sort(random.uniform(0, 2 * math.pi, int(random.integers(3, 8))))
        radii = np.ones(len(angles))
    else:
        angles = np.linspace(0, 2 * math.pi, 64, endpoint=False)
        radii = 1 + sum(random.uniform(0, 0.5 / n) * np.cos(n * angles + random.uniform(0, 6.28)) for n in range(2, 7))
    u, v = r * radii * np.cos(angles), flat * r * radii * np.sin(angles)
    return list(zip((x + u * math.cos(turn) - v * math.sin(turn)).tolist(), (y + u * math.sin(turn) + v * math.cos(turn)).tolist()))


def curve(random, x, y, length):
    """A quadratic Bezier curve as a line of 24 pieces."""
    ends = np.array([[x, y], [x, y], [x, y]]) + np.concatenate([np.zeros((1, 2)), random.normal(0, length, (2, 2))])
    t = np.linspace(0, 1, 25)[:, None]
    return [tuple(p) for p in ((1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * ends[1] + t ** 2 * ends[2]).tolist()]


class Leaves:
    """One picture in the making."""

    def __init__(self, photographs, random):
        self.random, self.photographs = random, photographs
        self.palette = photographs[int(random.integers(len(photographs)))]
        self.canvas = Image.new("RGB", (CANVAS, CANVAS), self.colour())
        self.draw = ImageDraw.Draw(self.canvas)

    def colour(self):
        """A photograph's colour; now and then nearly black or nearly white."""
        chance = self.random.random()
        if chance < 0.12:
            return (int(self.random.integers(0, 30)),) * 3
        if chance < 0.2:
            return (int(self.random.integers(225, 256)),) * 3
        height, width = self.palette.shape[:2]
        return tuple(int(v) for v in self.palette[int(self.random.integers(height)), int(self.random.integers(width))])

    def texture(self, width, height):
        """Part of a photograph; stripes; or a gradient."""
        random, kind = self.random, self.random.random()
        if kind < 0.5:
            source = self.photographs[int(random.integers(len(self.photographs)))]
            if source.shape[0] > height and source.shape[1] > width:
                y, x = int(random.integers(source.shape[0] - height)), int(random.integers(source.shape[1] - width))
                return Image.fromarray(source[y:y + height, x:x + width])
        turn = random.random() * math.pi
        y, x = np.mgrid[:height, :width].astype(np.float32)
        along = x * math.cos(turn) + y * math.sin(turn)
        if kind < 0.75:
            wave = np.sin(along * (2 * math.pi / math.exp(random.uniform(math.log(FINEST), math.log(80)))))
            mix = wave * 0.5 + 0.5 if random.random() < 0.4 else (wave > random.uniform(-0.7, 0.7)).astype(np.float32)
        else:
            mix = (along - along.min()) / max(np.ptp(along), 1)
        first, second = np.array(self.colour(), np.float32), np.array(self.colour(), np.float32)
        return Image.fromarray((first + mix[..., None] * (second - first)).astype(np.uint8))

    def leaf(self):
        random = self.random
        x, y, r = random.uniform(0, CANVAS), random.uniform(0, CANVAS), radius(random)
        corners = outline(random, x, y, r)
        if r < 25 or random.random() < 0.4:
            self.draw.polygon(corners, fill=self.colour())
        else:
            left, top = (int(min(c[i] for c in corners)) for i in (0, 1))
            width, height = (int(max(c[i] for c in corners)) - (left, top)[i] + 1 for i in (0, 1))
            mask = Image.new("L", (width, height))
            ImageDraw.Draw(mask).polygon([(u - left, v - top) for u, v in corners], fill=255)
            self.canvas.paste(self.texture(width, height), (left, top), mask)
        if r > 12 and random.random() < 0.3:
            self.draw.line([*corners, *corners[:2]], fill=self.colour(), width=int(random.uniform(1, min(24, r / 3) + 1)), joint="curve")
        if r > 40 and random.random() < 0.35:
            self.veins(x, y, r)
        if r > 30 and random.random() < 0.1:
            self.draw.text((x, y), self.letters(), fill=self.colour(), font=ImageFont.load_default(random.uniform(18, 20 + r / 2)), anchor="mm")

    def veins(self, x, y, r):
        random, colour, wide = self.random, self.colour(), self.random.uniform(1, 18)
        for _ in range(int(random.integers(1, 9))):
            if random.random() < 0.7:
                self.draw.line(curve(random, x, y, r), fill=colour, width=max(1, round(wide * random.uniform(0.3, 1))), joint="curve")
            else:
                u, v, dot = x + random.normal(0, r / 2), y + random.normal(0, r / 2), random.uniform(1.5, 12)
                self.draw.ellipse((u - dot, v - dot, u + dot, v + dot), fill=colour)

    def letters(self):
        return "".join(chr(int(self.random.integers(48, 123))) for _ in range(int(self.random.integers(1, 9))))

    def picture(self):
        for _ in range(LEAVES):
            self.leaf()
        drawn = self.canvas.filter(ImageFilter.GaussianBlur(self.random.uniform(0, 1.4)))
        return drawn.resize((SIDE, SIDE), (Image.LANCZOS, Image.BICUBIC, Image.BOX)[int(self.random.integers(3))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], metavar="NAME", help="photographs that nothing is to be taken from: those held out")
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.photographs.glob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png") and p.name not in arguments.without)
    if not files:
        sys.exit(f"{arguments.photographs}: no photograph there; `python data/fetch.py {arguments.photographs}` fetches some")
    photographs = [np.asarray(Image.open(path).convert("RGB")) for path in files]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.count):
        picture = Leaves(photographs, np.random.default_rng((arguments.seed, number))).picture()
        picture.save(arguments.folder / f"{number:04}.png")
    print(f"{arguments.count} pictures in {arguments.folder}")


if __name__ == "__main__":
    main()
