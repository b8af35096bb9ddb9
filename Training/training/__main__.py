"""The commands: train, export, list, evaluate, sheet, parity."""
import argparse
import json
import math
import signal
import statistics
import sys

import yaml

from . import evaluate, parity, recipe as recipes
from .architecture import ArchitectureError
from .export import export
from .gan import GanTrainer
from .sheet import sheet
from .ship import ship
from .trainer import Trainer


def train(arguments):
    recipe = recipes.read(arguments.recipe)
    recipe["threads"] = arguments.threads or recipe["threads"]
    trainer = GanTrainer(recipe) if recipe["adversary"] else Trainer(recipe)

    def stop(number, frame):
        if trainer.stopping:
            raise KeyboardInterrupt                            # the second time: at once, as the last checkpoint is
        trainer.stopping = True

    # Also where the shell that started it in the background had it ignore Ctrl-C.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    trainer.run(until=arguments.until, changed=arguments.changed)
    if trainer.stopping:
        sys.exit(f"stopped at step {trainer.step}; the same command goes on from there")


def write_weights(arguments):
    card = export(recipes.read(arguments.recipe), arguments.out)
    print(json.dumps(card, indent=2, ensure_ascii=False))


def list_weights(arguments):
    for entry in ship(arguments.folder):
        print(f"{entry['name']}: {entry['summary']}")


def pairs_of(arguments):
    """(name, seen, original) for each picture, and how much larger originals are."""
    if arguments.degradation:
        steps = yaml.safe_load(arguments.degradation)
        return evaluate.degraded_pairs(arguments.folder, arguments.originals, steps), evaluate.degradations.scale(steps)
    return evaluate.pairs_of_files(arguments.folder, arguments.originals, arguments.inputs), arguments.scale


def check_parity(arguments):
    network, channels = evaluate.network_of(arguments.weights)
    pairs, scale = pairs_of(arguments)
    rows = parity.compare(arguments.aquatint, arguments.weights, network, channels, pairs, scale, arguments.border)
    for way, figure, difference, allowed in rows:
        print(f"{way:10} {figure:8.4f} dB  {difference:+.4f} of at most {allowed}")
    if any(abs(difference) > allowed for _, _, difference, allowed in rows):
        sys.exit("aquatint and PyTorch differ by more than is allowed")


def draw(arguments):
    network, channels = evaluate.network_of(arguments.weights)
    pairs, scale = pairs_of(arguments)
    sheet(arguments.out, network, channels, pairs, scale, arguments.side, arguments.zoom)


def measure(arguments):
    network, channels = evaluate.network_of(arguments.weights)
    pairs, scale = pairs_of(arguments)
    rows = evaluate.evaluated(network, channels, pairs, scale, arguments.border)
    print(f"{'picture':32} {'luma':>7} {'colour':>7}   {'before':>7} {'colour':>7}   {'flat dE':>7}   (PSNR in dB)")
    for name, *figures in [*rows, ("mean", *(statistics.fmean(known) if (known := [f for f in column if f == f]) else math.nan for column in list(zip(*rows))[1:]))]:
        print(f"{name[:32]:32} {figures[0]:7.2f} {figures[1]:7.2f}   {figures[2]:7.2f} {figures[3]:7.2f}   {figures[4]:7.2f}")


def main():
    parser = argparse.ArgumentParser(prog="python -m training", description="Trains networks for Aquatint; see docs/training.md.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train", help="train a recipe, from its last checkpoint if there is one")
    command.add_argument("recipe")
    command.add_argument("--until", type=int, metavar="STEP", help="stop there")
    command.add_argument("--threads", type=int, metavar="N", help="instead of the recipe's; 1 is fastest on cores that others use too")
    command.add_argument("--changed", action="store_true", help="go on from a checkpoint though the recipe now says something else")
    command.set_defaults(run=train)
    command = commands.add_parser("export", help="write the weights of the last checkpoint as a safetensors file")
    command.add_argument("recipe")
    command.add_argument("out")
    command.set_defaults(run=write_weights)
    command = commands.add_parser("list", help="write models.json, with the SHA-256 of all weights files in a folder")
    command.add_argument("folder")
    command.set_defaults(run=list_weights)
    for name, help, run in (("evaluate", "PSNR of a weights file on a folder of pictures", measure),
                            ("sheet", "before, after and original side by side, to look at", draw),
                            ("parity", "compare `aquatint run` with PyTorch on a folder of pictures", check_parity)):
        command = commands.add_parser(name, help=help)
        command.add_argument("weights")
        command.add_argument("folder")
        command.add_argument("--originals", default="*", metavar="GLOB", help="which files are originals")
        command.add_argument("--inputs", metavar="GLOB", help="which files are what the network sees, in the same order")
        command.add_argument("--degradation", metavar="YAML", help="or: how to make them, e.g. '[{type: noise, sigma: 25}]'")
        command.add_argument("--scale", type=int, default=1, help="how many times larger originals are than --inputs")
        command.add_argument("--border", type=int, default=0, help="pixels left out on each side")
        if run is check_parity:
            command.add_argument("--aquatint", default="aquatint", metavar="PROGRAM", help="the program to compare with")
        if run is draw:
            command.add_argument("--out", required=True, metavar="FILE", help="the picture to write")
            command.add_argument("--side", type=int, default=160, help="pixels of the original that are shown")
            command.add_argument("--zoom", type=int, default=2, help="how many times as large")
        command.set_defaults(run=run)
    arguments = parser.parse_args()
    if arguments.run in (measure, draw, check_parity) and bool(arguments.inputs) == bool(arguments.degradation):
        parser.error("one of --inputs and --degradation is needed")
    try:
        arguments.run(arguments)
    except (recipes.RecipeError, ArchitectureError, FileNotFoundError, ValueError) as error:
        sys.exit(f"error: {error}")


main()
