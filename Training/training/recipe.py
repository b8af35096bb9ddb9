"""A recipe: one YAML file that says all there is to say about a training run. docs/training.md describes its keys."""
import pathlib

import yaml

from . import degradations, losses

DEFAULTS = {
    "summary": None, "seed": 1, "channels": "rgb", "degradation": [], "losses": {"l1": 1}, "steps": 20000, "batch": 16, "patch": 40,
    "optimizer": "adam", "rate": 1e-3, "schedule": "one_cycle", "average": 0.999, "precision": "auto", "threads": 2, "start": None, "adversary": None,
    "data": {}, "output": None, "report_every": 100, "save_every": 500, "look_every": 2000, "card": {},
}
DATA = {"folder": None, "targets": None, "longest_sides": [1600, 1100, 700], "hold_out": 3, "detail": 1}
ADVERSARY = {"channels": 32, "weight": 0.005, "rate": 1e-4, "loss": "relativistic", "begin": 0}
REQUIRED = ("name", "network")
CHOICES = {"channels": ("rgb", "luma"), "optimizer": ("adam", "muon"), "schedule": ("one_cycle", "cosine", "constant"), "precision": ("auto", "bf16", "f32")}
# What later keys were before there were such keys, as `substance` puts it: for older checkpoints.
BEFORE = {"optimizer": repr("adam")}
# What does not change the weights that come out.
ASIDE = ("summary", "threads", "report_every", "save_every", "look_every", "output", "card", "start")


class RecipeError(ValueError):
    """What is wrong with a recipe."""


def _filled(given, defaults, where, required=()):
    if not isinstance(given, dict):
        raise RecipeError(f"{where} is no list of keys and values")
    if unknown := [key for key in given if key not in defaults and key not in required]:
        raise RecipeError(f"{where}: there is no {', '.join(unknown)}; there are {', '.join([*required, *defaults])}")
    return {**defaults, **given}


def _written(path, above=()):
    """What a recipe's file says, over what the recipe beside it that `base` names says."""
    try:
        recipe = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path}: {error}") from error
    if not isinstance(recipe, dict):
        raise RecipeError(f"{path} is no list of keys and values")
    if (base := recipe.pop("base", None)) is None:
        return recipe
    if not isinstance(base, str) or pathlib.Path(base).name != base:
        raise RecipeError(f"{path}: base is the name of a recipe in the same folder, not {base}")
    if path.parent / base in (path, *above):
        raise RecipeError(f"{path}: its base {base} goes back to itself")
    return {**_written(path.parent / base, (path, *above)), **recipe}


def read(path):
    """The recipe as a dictionary with every default filled in; folders in it are relative to the file."""
    path = pathlib.Path(path)
    recipe = _written(path)
    if missing := [key for key in REQUIRED if key not in recipe]:
        raise RecipeError(f"{path}: {', '.join(missing)} is missing")
    recipe = _filled(recipe, DEFAULTS, path, REQUIRED)
    recipe["data"] = _filled(recipe["data"], DATA, f"{path}: data")
    if recipe["adversary"] is not None:
        recipe["adversary"] = _filled(recipe["adversary"], ADVERSARY, f"{path}: adversary")
    for key, choices in CHOICES.items():
        if recipe[key] not in choices:
            raise RecipeError(f"{path}: {key} is {' or '.join(choices)}, not {recipe[key]}")
    try:
        degradations.check(recipe["degradation"])
        losses.weighted(recipe["losses"])
    except ValueError as error:
        raise RecipeError(f"{path}: {error}") from error
    if recipe["data"]["folder"] is None:
        raise RecipeError(f"{path}: data.folder is missing: the folder with the photographs")
    folders = recipe["data"]["folder"]
    recipe["data"]["folder"] = [path.parent / folder for folder in (folders if isinstance(folders, list) else [folders])]
    if recipe["data"]["targets"]:
        recipe["data"]["targets"] = path.parent / recipe["data"]["targets"]
    recipe["output"] = path.parent / (recipe["output"] or f"runs/{recipe['name']}")
    if recipe["start"]:
        recipe["start"] = path.parent / recipe["start"]
    return recipe


def substance(recipe, held):
    """What decides the weights, as text by key: a checkpoint keeps it, so that a run does not go on under another recipe unnoticed."""
    data = {key: value for key, value in recipe["data"].items() if key not in ("folder", "targets", "hold_out")}
    kept = {key: value for key, value in recipe.items() if key not in (*ASIDE, "data")}
    return {key: repr(value) for key, value in {**kept, "data": data, "hold_out": sorted(held)}.items()}
