"""A recipe: one YAML file that says all there is to say about a training run. docs/training.md describes its keys."""
import pathlib

import yaml

DEFAULTS = {
    "summary": None, "seed": 1, "channels": "rgb", "degradation": [], "losses": {"l1": 1}, "steps": 20000, "batch": 16, "patch": 40,
    "rate": 1e-3, "schedule": "one_cycle", "average": 0.999, "precision": "auto", "threads": 2, "start": None, "adversary": None,
    "data": {}, "output": None, "report_every": 100, "save_every": 500, "look_every": 2000, "card": {},
}
DATA = {"folder": None, "targets": None, "longest_sides": [1600, 1100, 700], "hold_out": 3, "detail": 1}
ADVERSARY = {"channels": 32, "weight": 0.005, "rate": 1e-4, "loss": "relativistic", "begin": 0}
REQUIRED = ("name", "network")


class RecipeError(ValueError):
    """What is wrong with a recipe."""


def _filled(given, defaults, where):
    if unknown := [key for key in given if key not in defaults and key not in REQUIRED]:
        raise RecipeError(f"{where}: there is no {', '.join(unknown)}; there are {', '.join([*REQUIRED, *defaults])}")
    return {**defaults, **given}


def read(path):
    """The recipe as a dictionary with every default filled in; folders in it are relative to the file."""
    path = pathlib.Path(path)
    recipe = yaml.safe_load(path.read_text())
    if missing := [key for key in REQUIRED if key not in recipe]:
        raise RecipeError(f"{path}: {', '.join(missing)} is missing")
    recipe = _filled(recipe, DEFAULTS, path)
    recipe["data"] = _filled(recipe["data"], DATA, f"{path}: data")
    if recipe["adversary"] is not None:
        recipe["adversary"] = _filled(recipe["adversary"], ADVERSARY, f"{path}: adversary")
    if recipe["channels"] not in ("rgb", "luma"):
        raise RecipeError(f"{path}: channels is rgb or luma, not {recipe['channels']}")
    if recipe["data"]["folder"] is None:
        raise RecipeError(f"{path}: data.folder is missing: the folder with the photographs")
    recipe["data"]["folder"] = path.parent / recipe["data"]["folder"]
    if recipe["data"]["targets"]:
        recipe["data"]["targets"] = path.parent / recipe["data"]["targets"]
    recipe["output"] = path.parent / (recipe["output"] or f"runs/{recipe['name']}")
    if recipe["start"]:
        recipe["start"] = path.parent / recipe["start"]
    return recipe
