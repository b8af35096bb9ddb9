"""Checkpoints that a kill at any moment leaves whole: written aside, synced, renamed."""
import os
import pathlib

import torch


def save(path, state):
    part = pathlib.Path(f"{path}.part")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(path):
    """The state last saved there, or None."""
    return torch.load(path, weights_only=True) if pathlib.Path(path).exists() else None
