"""A folder of pictures as patches to train on."""
import glob
import pathlib
import sys

import numpy as np
import torch
from PIL import Image, ImageOps

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


def opened(path):
    """An upright 8-bit RGB picture. Raises what Pillow raises for a file that is no whole picture."""
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


def load(path):
    """An upright 8-bit RGB picture as an array [H, W, 3]."""
    return np.asarray(opened(path))


def as_batch(array):
    """[H, W, 3] of 0..255 as a batch [1, 3, H, W] of 0..1."""
    return torch.from_numpy(np.array(array)).permute(2, 0, 1)[None].float() / 255


def as_array(batch):
    """The first picture of a batch as 8-bit [H, W, 3]."""
    picture = (batch[0].detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return picture if picture.shape[2] == 3 else np.repeat(picture, 3, 2)


class Pictures:
    """All pictures below some folders, in memory as 8-bit RGB, each at several sizes.

    `longest_sides`: a picture is taken once for each, reduced (never enlarged) so that its longer side is that long. Reducing makes
    soft photographs sharp, and gives detail of several scales. `targets`: a folder with what the network should make of each
    picture, under the same path before the suffix and of the same size; without it, that is the picture itself. Files that are no
    whole picture, or have no target, are listed in `left_out` with the reason.
    """

    def __init__(self, folders, longest_sides, smallest, log=lambda text: print(text, file=sys.stderr), targets=None):
        self.arrays, self.owners, self.left_out, self.files, self.targets = [], [], [], [], targets
        self.folders = [pathlib.Path(folder) for folder in folders]
        for path in sorted({p for folder in self.folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES}):
            try:
                layers = self._layers(path)
            except Exception as error:                         # Pillow raises many kinds for broken files
                self.left_out.append((path, str(error) or type(error).__name__))
                continue
            sizes = set()
            for side in longest_sides:
                factor = min(1, side / max(layers[0].size))
                size = tuple(max(1, round(extent * factor)) for extent in layers[0].size)
                if size in sizes or min(size) < smallest:
                    continue
                sizes.add(size)
                self.arrays.append(np.concatenate([np.asarray(p.resize(size, Image.LANCZOS) if factor < 1 else p) for p in layers], 2))
                self.owners.append(path)
            if sizes:
                self.files.append(path)
            else:
                self.left_out.append((path, f"smaller than a patch of {smallest} pixels"))
        for path, reason in self.left_out:
            log(f"left out: {path}: {reason}")
        if not self.files:
            named = ", ".join(map(str, self.folders))
            raise SystemExit(f"{named}: no picture of at least {smallest} pixels; put photographs there, or name another folder in the recipe")
        self.leave_out([])

    def target(self, path):
        """The file with what the network should make of a picture: itself, without `targets`."""
        if self.targets is None:
            return path
        folder = next(folder for folder in self.folders if path.is_relative_to(folder))
        place = pathlib.Path(self.targets) / path.relative_to(folder).parent
        found = sorted(p for p in place.glob(glob.escape(path.stem) + ".*") if p.suffix.lower() in SUFFIXES)
        if not found:
            raise ValueError(f"{place} has no picture of that name")
        return found[0]

    def _layers(self, path):
        """A picture and, where targets are other pictures, its target."""
        layers = [opened(file) for file in (path, self.target(path))[:1 if self.targets is None else 2]]
        if layers[0].size != layers[-1].size:
            raise ValueError("its target is {} x {} pixels, not {} x {}".format(*layers[-1].size, *layers[0].size))
        return layers

    def leave_out(self, paths):
        """Takes pictures away, for judging by them."""
        kept = [i for i, owner in enumerate(self.owners) if owner not in paths]
        self.arrays, self.owners = [self.arrays[i] for i in kept], [self.owners[i] for i in kept]
        self.files = [path for path in self.files if path not in paths]
        areas = np.array([a.shape[0] * a.shape[1] for a in self.arrays], float)
        self.cumulative = np.cumsum(areas / areas.sum())

    def patches(self, count, size, random, detail=1):
        """Batches [count, 3, size, size] of 0..1: pictures, and what the network should make of them (the same batch without `targets`).

        Each patch is turned and mirrored at random; large pictures are drawn more often. Of `detail` places drawn, the one with the
        largest differences between neighbours is taken.
        """
        batch = np.empty((count, size, size, self.arrays[0].shape[2]), np.uint8)
        for i in range(count):
            drawn = [self._patch(size, random) for _ in range(detail)]
            patch = max(drawn, key=_detail) if detail > 1 else drawn[0]
            patch = np.rot90(patch, int(random.integers(4)))
            batch[i] = patch[:, ::-1] if random.random() < 0.5 else patch
        tensor = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255
        return (tensor, tensor) if self.targets is None else (tensor[:, :3], tensor[:, 3:])

    def _patch(self, size, random):
        array = self.arrays[min(int(np.searchsorted(self.cumulative, random.random())), len(self.arrays) - 1)]
        y, x = (int(random.integers(0, extent - size + 1)) for extent in array.shape[:2])
        return array[y:y + size, x:x + size]


def _detail(patch):
    """How much neighbours differ on average (green, all it takes to compare)."""
    green = patch[..., 1].astype(np.int16)
    return np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean()
