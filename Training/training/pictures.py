"""A folder of pictures as patches to train on."""
import pathlib
import sys

import numpy as np
import torch
from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


def load(path):
    """An 8-bit RGB picture as an array [H, W, 3]. Raises what Pillow raises for a file that is no whole picture."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def as_batch(array):
    """[H, W, 3] of 0..255 as a batch [1, 3, H, W] of 0..1."""
    return torch.from_numpy(np.array(array)).permute(2, 0, 1)[None].float() / 255


def as_array(batch):
    """The first picture of a batch as 8-bit [H, W, 3]."""
    picture = (batch[0].detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return picture if picture.shape[2] == 3 else np.repeat(picture, 3, 2)


class Pictures:
    """All pictures below a folder, in memory as 8-bit RGB, each at several sizes.

    `longest_sides`: a picture is taken once for each, reduced (never enlarged) so that its longer side is that long. Reducing makes
    soft photographs sharp, and gives detail of several scales. Files that are no whole picture are listed in `left_out` with the reason.
    """

    def __init__(self, folder, longest_sides, smallest, log=lambda text: print(text, file=sys.stderr)):
        self.arrays, self.owners, self.left_out, self.files = [], [], [], []
        for path in sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES):
            try:
                with Image.open(path) as opened:
                    picture = opened.convert("RGB")
            except Exception as error:                         # Pillow raises many kinds for broken files
                self.left_out.append((path, str(error) or type(error).__name__))
                continue
            sizes = set()
            for side in longest_sides:
                factor = min(1, side / max(picture.size))
                size = tuple(max(1, round(extent * factor)) for extent in picture.size)
                if size in sizes or min(size) < smallest:
                    continue
                sizes.add(size)
                self.arrays.append(np.asarray(picture.resize(size, Image.LANCZOS) if factor < 1 else picture))
                self.owners.append(path)
            if sizes:
                self.files.append(path)
            else:
                self.left_out.append((path, f"smaller than a patch of {smallest} pixels"))
        for path, reason in self.left_out:
            log(f"left out: {path}: {reason}")
        if not self.files:
            raise SystemExit(f"{folder}: no picture of at least {smallest} pixels; put photographs there, or name another folder in the recipe")
        self.leave_out([])

    def leave_out(self, paths):
        """Takes pictures away, for judging by them."""
        kept = [i for i, owner in enumerate(self.owners) if owner not in paths]
        self.arrays, self.owners = [self.arrays[i] for i in kept], [self.owners[i] for i in kept]
        self.files = [path for path in self.files if path not in paths]
        areas = np.array([a.shape[0] * a.shape[1] for a in self.arrays], float)
        self.cumulative = np.cumsum(areas / areas.sum())

    def patches(self, count, size, random):
        """A batch [count, 3, size, size] of 0..1, each patch turned and mirrored at random. Large pictures are drawn more often."""
        batch = np.empty((count, size, size, 3), np.uint8)
        for i in range(count):
            array = self.arrays[min(int(np.searchsorted(self.cumulative, random.random())), len(self.arrays) - 1)]
            y, x = (int(random.integers(0, extent - size + 1)) for extent in array.shape[:2])
            patch = np.rot90(array[y:y + size, x:x + size], int(random.integers(4)))
            batch[i] = patch[:, ::-1] if random.random() < 0.5 else patch
        return torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255
