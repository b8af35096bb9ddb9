"""Tests of the training package, in seconds: `python -m pytest Training/tests`."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from training import checkpoint, colour, degradations, export, losses, metrics, optimizers, recipe, safetensors, ship
from training.architecture import ArchitectureError, ComposedNetwork, expanded
from training.gan import GanTrainer
from training.modules import AttentionModule
from training.pictures import Pictures, as_batch, load
from training.trainer import Trainer, applied, rate_at

TINY = {"in_channels": 3, "modules": [
    {"name": "head", "type": "Conv2d", "in_channels": 3, "out_channels": 12, "kernel_size": 3, "padding": 1},
    {"name": "detail", "type": "PixelShuffle", "upscale_factor": 2},
    {"name": "skip", "type": "Upsample", "scale_factor": 2, "inputs": ["input"]},
    {"name": "result", "type": "Add", "inputs": ["detail", "skip"]}]}


@pytest.fixture
def folder(tmp_path):
    """A recipe beside five pictures, one of them cut short, one no picture, one too small."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    random = np.random.default_rng(0)
    for name in "abc":
        small = random.integers(0, 255, (12, 14, 3), np.uint8)
        Image.fromarray(small).resize((140, 120), Image.BICUBIC).save(pictures / f"{name}.png")
    (pictures / "cut.png").write_bytes((pictures / "a.png").read_bytes()[:900])
    (pictures / "text.jpg").write_text("no picture")
    Image.fromarray(small).save(pictures / "small.png")
    text = {"name": "tiny", "summary": "A test", "network": TINY, "degradation": [{"type": "bicubic", "factor": 2}, {"type": "round"}], "steps": 12, "batch": 2, "patch": 8,
            "precision": "f32", "threads": 1, "data": {"folder": "pictures", "longest_sides": [140, 100], "hold_out": 1}, "report_every": 4, "save_every": 4, "look_every": 12}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(text))
    return tmp_path


def quiet(text):
    pass


def test_broken_pictures_are_listed_and_left_out(folder):
    said = []
    pictures = Pictures([folder / "pictures"], [140, 100], 48, said.append)
    assert [path.name for path in pictures.files] == ["a.png", "b.png", "c.png"]
    assert sorted(path.name for path, _ in pictures.left_out) == ["cut.png", "small.png", "text.jpg"]
    assert len(said) == 3 and "smaller than a patch of 48 pixels" in " ".join(said)
    with pytest.raises(SystemExit, match="no picture of at least 500 pixels"):
        Pictures([folder / "pictures"], [140], 500, quiet)


def test_pictures_of_several_folders_some_of_them_drawn(folder):
    script = pathlib.Path(__file__).parents[1] / "data/leaves.py"

    def draw(name, *options):
        return subprocess.run([sys.executable, script, folder / "photographs", folder / name, "--count", "1", *options], capture_output=True, text=True)

    (folder / "photographs").mkdir()
    (folder / "pictures" / "a.png").rename(folder / "photographs" / "a.png")
    assert draw("leaves").returncode == 0 and draw("again").returncode == 0 and draw("other", "--seed", "2").returncode == 0
    first, again, other = (np.asarray(Image.open(folder / name / "0000.png")) for name in ("leaves", "again", "other"))
    assert first.shape == (512, 512, 3) and (first == again).all() and (first != other).any()
    edges = np.abs(np.diff(first.astype(int), axis=1)).max()
    assert edges > 60 and first.std() > 10
    pictures = Pictures([folder / "pictures", folder / "leaves"], [140], 48, quiet)
    assert [path.name for path in pictures.files] == ["0000.png", "b.png", "c.png"]
    text = yaml.safe_load((folder / "recipe.yaml").read_text())
    text["data"]["folder"] = ["pictures", "leaves"]
    (folder / "recipe.yaml").write_text(yaml.safe_dump(text))
    assert Trainer(recipe.read(folder / "recipe.yaml"), quiet).pictures.folders == [folder / "pictures", folder / "leaves"]
    assert draw("none", "--without", "a.png").returncode != 0


def test_targets_are_the_pictures_of_the_same_name_and_size(folder):
    targets = folder / "targets"
    targets.mkdir()
    for name in "ab":
        Image.fromarray(255 - np.asarray(Image.open(folder / f"pictures/{name}.png"))).save(targets / f"{name}.bmp")
    Image.fromarray(np.zeros((120, 139, 3), np.uint8)).save(targets / "c.png")
    pictures = Pictures([folder / "pictures"], [140, 100], 48, quiet, targets)
    assert [path.name for path in pictures.files] == ["a.png", "b.png"]
    reasons = {path.name: reason for path, reason in pictures.left_out}
    assert "139 x 120 pixels, not 140 x 120" in reasons["c.png"]
    seen, wanted = pictures.patches(4, 48, np.random.default_rng(1), detail=2)
    assert seen.shape == wanted.shape == (4, 3, 48, 48)
    # Lanczos overshoots alike on both; what is clipped at one end is not at the other.
    assert (seen + wanted - 1).abs().mean() < 0.01
    (targets / "a.bmp").unlink()
    assert [path.name for path in Pictures([folder / "pictures"], [140], 48, quiet, targets).files] == ["b.png"]
    text = {**yaml.safe_load((folder / "recipe.yaml").read_text()), "degradation": [], "network": {"in_channels": 3, "modules": [
        {"name": "only", "type": "Conv2d", "in_channels": 3, "out_channels": 3, "kernel_size": 1}]}, "steps": 300, "rate": 0.05, "look_every": 300}
    text["data"] = {"folder": "pictures", "targets": "targets", "longest_sides": [140], "hold_out": 0}
    (folder / "negative.yaml").write_text(yaml.safe_dump(text))
    trainer = Trainer(recipe.read(folder / "negative.yaml"), log=quiet)
    trainer.run()
    assert trainer.history[-1]["loss"] < 0.05


def test_of_several_places_the_most_detailed_is_taken(folder):
    array = np.zeros((100, 400, 3), np.uint8)
    array[:, 300:] = np.random.default_rng(0).integers(0, 255, (100, 100, 3))
    (folder / "half").mkdir()
    Image.fromarray(array).save(folder / "half/one.png")
    pictures = Pictures([folder / "half"], [400], 20, quiet)
    def share(detail):
        return np.mean([pictures.patches(1, 20, np.random.default_rng(i), detail)[0].std().item() > 0.1 for i in range(60)])
    assert share(1) < 0.5 < share(6)


def test_pictures_to_judge_by_can_be_named(folder):
    given = recipe.read(folder / "recipe.yaml")
    given["data"]["hold_out"] = ["b.png"]
    trainer = Trainer(given, log=quiet)
    assert [path.name for path in trainer.held_files] == ["b.png"] and [path.name for path in trainer.pictures.files] == ["a.png", "c.png"]
    given["data"]["hold_out"] = ["b.png", "nowhere.png"]
    with pytest.raises(SystemExit, match="nowhere.png"):
        Trainer(given, log=quiet)


def test_a_start_fills_what_it_has_and_names_what_begins_anew(folder):
    first = Trainer(recipe.read(folder / "recipe.yaml"), log=quiet)
    first.run(until=4)
    export.export(first.recipe, folder / "first.safetensors")
    more = [*TINY["modules"], {"name": "last", "type": "Conv2d", "in_channels": 3, "out_channels": 3, "kernel_size": 1}]
    said = []
    second = Trainer({**first.recipe, "network": {"in_channels": 3, "modules": more}, "start": folder / "first.safetensors"}, log=said.append)
    assert torch.equal(second.network.state_dict()["head.weight"], first.averaged["head.weight"])
    assert any("nothing for last" in line for line in said)
    other = [{"name": "other", "type": "Conv2d", "in_channels": 3, "out_channels": 3, "kernel_size": 1}]
    with pytest.raises(SystemExit, match="no tensor of a name and shape"):
        Trainer({**first.recipe, "network": {"in_channels": 3, "modules": other}, "start": folder / "first.safetensors"}, log=quiet)


def test_what_only_training_reads_stays_out_of_the_file(folder):
    given = recipe.read(folder / "recipe.yaml")
    given["network"] = {"in_channels": 3, "modules": [*TINY["modules"], {"name": "share", "type": "ChannelScale", "channels": 3, "initial": 0.5}]}
    Trainer(given, log=quiet).run(until=4)
    export.export(given, folder / "share.safetensors")
    tensors, metadata = safetensors.read(folder / "share.safetensors")
    architecture = json.loads(metadata["aquatint.architecture"])
    assert architecture["modules"][-1] == {"name": "share", "type": "ChannelScale", "channels": 3}
    ComposedNetwork(architecture).load_state_dict(tensors)


def test_differences_of_colour_on_flat_areas():
    lab = colour.to_lab(torch.tensor([[1.0, 0.5, 0.0], [1.0, 0.5, 0.0], [1.0, 0.5, 1.0]]).T.view(3, 3, 1, 1))
    # White, grey of 50 % and blue, by the CIE's formulas.
    assert torch.allclose(lab[:2, :, 0, 0], torch.tensor([[100.0, 0, 0], [53.389, 0, 0]]).double(), atol=0.01)
    assert torch.allclose(lab[2, :, 0, 0], torch.tensor([32.303, 79.196, -107.858]).double(), atol=0.05)
    flat = torch.full((1, 3, 40, 40), 0.5)
    flat[..., 20:] = torch.rand(1, 3, 40, 20, generator=torch.Generator().manual_seed(1))
    moved = flat.clone()
    moved[..., 20:] = 0
    assert metrics.flat_difference(moved, flat) == 0
    assert 1 < metrics.flat_difference(flat + 0.02, flat) < 3


def test_a_run_that_is_told_to_stop_ends_where_an_uninterrupted_one_does(folder):
    whole = Trainer(recipe.read(folder / "recipe.yaml"), log=quiet)
    whole.run()
    (whole.output / "checkpoint.pt").unlink()
    first = Trainer(recipe.read(folder / "recipe.yaml"), log=quiet)
    update = first.update

    def stopped_in_a_step(seen, originals):
        first.stopping = first.step == 6
        return update(seen, originals)

    first.update = stopped_in_a_step
    first.run()
    assert first.step == 7                                     # the step in hand is done, and saved
    second = Trainer(recipe.read(folder / "recipe.yaml"), log=quiet)
    second.run()
    for name, value in whole.averaged.items():
        assert torch.equal(value, second.averaged[name]), name


def test_a_checkpoint_of_another_recipe_is_not_gone_on_from_unnoticed(folder):
    Trainer(recipe.read(folder / "recipe.yaml"), log=quiet).run(until=4)
    other = {**recipe.read(folder / "recipe.yaml"), "rate": 5e-4, "report_every": 2}
    with pytest.raises(SystemExit, match="another recipe .rate."):
        Trainer(other, log=quiet).run()
    trainer = Trainer(other, log=quiet)
    trainer.run(changed=True)
    assert trainer.step == 12
    assert export.export(other, folder / "x.safetensors")["trained"]["changed"] == [{"step": 4, "keys": ["rate"]}]
    given = recipe.read(folder / "recipe.yaml")
    given["data"]["hold_out"] = ["c.png" if trainer.held_files[0].name != "c.png" else "a.png"]
    with pytest.raises(SystemExit, match="hold_out"):
        Trainer(given, log=quiet).run()


@pytest.mark.parametrize("wrong, said", [
    ({"schedule": "onecycle"}, "schedule is one_cycle or"), ({"precision": "b16"}, "precision is auto or"), ({"losses": {"l3": 1}}, "there is no loss l3"),
    ({"degradation": [{"type": "blurr"}]}, "there is no degradation blurr"), ({"degradation": [{"type": "bicubic"}]}, "factor is missing or unknown"),
    ({"degradation": [{"type": "one_of", "steps": [{"type": "noise", "sgma": 3}]}]}, "sgma, sigma is missing"), ({"data": None}, "is no list of keys"),
    ({"data": {"folder": "pictures", "name": "x"}}, "there is no name"), ({"stepz": 3}, "there is no stepz")])
def test_what_is_wrong_with_a_recipe_is_said_before_anything_is_read(folder, wrong, said):
    text = {**yaml.safe_load((folder / "recipe.yaml").read_text()), **wrong}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(text))
    with pytest.raises(recipe.RecipeError, match=said):
        recipe.read(folder / "recipe.yaml")


@pytest.mark.parametrize("entry, said", [
    ({"type": "Conv2d", "in_channels": 3, "out_channels": 3, "kernel_size": 1, "bias": False}, "has no bias"), ({"type": "PixelShuffle"}, "cannot be made"),
    ({"type": "ResidualBlock", "channels": 3, "kernel_size": 4}, "must be odd"), ({"type": "ReLU", "inplace": True}, "has no inplace; it has no arguments")])
def test_what_the_program_would_refuse_is_not_trained(entry, said):
    with pytest.raises(ArchitectureError, match=said):
        ComposedNetwork({"in_channels": 3, "modules": [{"name": "it", **entry}]})


def test_a_later_version_of_the_list_is_refused():
    with pytest.raises(ArchitectureError, match="version 2"):
        ComposedNetwork({**TINY, "version": 2})


def test_pictures_are_upright_and_targets_lie_in_the_same_folders(folder):
    inner, targets = folder / "tree/inner", folder / "targets/inner"
    inner.mkdir(parents=True)
    targets.mkdir(parents=True)
    picture = Image.fromarray(np.arange(60 * 80 * 3, dtype=np.uint32).astype(np.uint8).reshape(60, 80, 3))
    tags = Image.Exif()
    tags[0x0112] = 6                                           # turn right to see it
    picture.save(inner / "x.png", exif=tags)
    picture.transpose(Image.ROTATE_270).save(targets / "x.png")
    pictures = Pictures([folder / "tree"], [80], 20, quiet, folder / "targets")
    assert pictures.arrays[0].shape == (80, 60, 6)
    seen, wanted = pictures.patches(2, 20, np.random.default_rng(0))
    assert torch.equal(seen, wanted)


def test_shifted_jpeg_blocks_begin_anywhere():
    flat = torch.zeros(6, 3, 32, 32)
    flat[..., 5:] = 1
    random = np.random.default_rng(3)
    results = degradations.apply(flat, [{"type": "jpeg", "quality": 20, "shifted": True}], random)
    assert results.shape == flat.shape and len({tuple(row.tolist()) for row in results[:, 0, 16]}) > 2
    still = degradations.apply(flat, [{"type": "jpeg", "quality": 20}], random)
    assert len({tuple(row.tolist()) for row in still[:, 0, 16]}) == 1


def test_a_run_that_is_resumed_ends_where_an_uninterrupted_one_does(folder):
    whole = Trainer(recipe.read(folder / "recipe.yaml"), log=quiet)
    whole.run()
    (whole.output / "checkpoint.pt").rename(folder / "whole.pt")
    Trainer(recipe.read(folder / "recipe.yaml"), log=quiet).run(until=5)
    second = Trainer(recipe.read(folder / "recipe.yaml"), log=quiet)
    second.run()
    assert second.step == 12
    for name, value in whole.averaged.items():
        assert torch.equal(value, second.averaged[name]), name
    assert (whole.output / "losses.png").exists() and (whole.output / "sample-000012.png").exists()


def test_training_makes_the_loss_smaller(folder):
    trainer = Trainer({**recipe.read(folder / "recipe.yaml"), "steps": 60, "report_every": 20}, log=quiet)
    trainer.run()
    assert trainer.history[-1]["loss"] < 0.8 * trainer.history[0]["loss"]


WIDE = {"in_channels": 3, "modules": [
    {"name": "head", "type": "Conv2d", "in_channels": 3, "out_channels": 16, "kernel_size": 3, "padding": 1},
    {"name": "body", "type": "Conv2d", "in_channels": 16, "out_channels": 20, "kernel_size": 3, "padding": 1},
    {"name": "depthwise", "type": "Conv2d", "in_channels": 20, "out_channels": 20, "kernel_size": 5, "padding": 2, "groups": 20},
    {"name": "tail", "type": "Conv2d", "in_channels": 20, "out_channels": 12, "kernel_size": 3, "padding": 1},
    {"name": "result", "type": "PixelShuffle", "upscale_factor": 2}]}


needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="needs PyTorch 2.9 or newer")


@needs_muon
def test_muon_turns_matrices_by_all_directions_alike_and_leaves_the_rest_to_adam():
    torch.manual_seed(0)
    network = ComposedNetwork(WIDE).to(memory_format=torch.channels_last)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    muon = optimizers.made("muon", network)
    assert [tuple(view.shape) for view in muon.views] == [(20, 144)]
    for group in muon.param_groups:
        group["lr"] = 1e-3
    gradient = torch.randn(20, 1) @ torch.randn(1, 144) + 0.1 * torch.randn(20, 144)         # nearly all of one direction
    for name, parameter in network.named_parameters():
        parameter.grad = gradient.reshape(20, 16, 3, 3) if name == "body.weight" else torch.ones_like(parameter)
    muon.step()
    change = {name: (value.detach() - before[name]) / -1e-3 for name, value in network.named_parameters()}
    for name in ("head.weight", "depthwise.weight", "tail.weight", "body.bias"):
        assert torch.allclose(change[name], torch.ones_like(change[name]), atol=1e-2)         # Adam's first step: the gradient's sign
    turned = change["body.weight"].reshape(20, 144) / (0.2 * 144 ** 0.5)
    singular = torch.linalg.svdvals(turned)
    assert singular.min() > 0.5 and singular.max() < 1.4                                   # as five steps of Newton-Schulz leave them
    assert (turned * gradient).sum() > 0.7 * torch.linalg.svdvals(gradient).sum()          # a descent


@needs_muon
def test_a_run_with_muon_that_is_resumed_ends_where_an_uninterrupted_one_does(folder):
    text = yaml.safe_load((folder / "recipe.yaml").read_text())
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**text, "network": WIDE, "optimizer": "muon"}))
    def trained(output, *stops):
        for stop in stops:
            trainer = Trainer({**recipe.read(folder / "recipe.yaml"), "output": folder / output}, log=quiet)
            trainer.run(stop)
        return trainer.network.state_dict()
    whole, resumed = trained("whole", None), trained("resumed", 5, None)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


@needs_muon
def test_a_checkpoint_from_before_a_key_was_there_is_gone_on_from(folder):
    read = recipe.read(folder / "recipe.yaml")
    Trainer(read, log=quiet).run(4)
    state = checkpoint.load(read["output"] / "checkpoint.pt")
    del state["recipe"]["optimizer"]
    checkpoint.save(read["output"] / "checkpoint.pt", state)
    Trainer(read, log=quiet).run(8)
    with pytest.raises(SystemExit, match=r"another recipe \(optimizer\)"):
        Trainer({**read, "optimizer": "muon"}, log=quiet).run(12)
    for kind, last in (("muon", 10), ("adam", 12)):
        trainer = Trainer({**read, "optimizer": kind}, log=quiet)
        trainer.run(last, changed=True)
        assert trainer.step == last and trainer.changes[-1] == {"step": last - 2, "keys": ["optimizer"]}


def test_a_killed_run_leaves_a_whole_checkpoint(folder):
    text = yaml.safe_load((folder / "recipe.yaml").read_text())
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**text, "steps": 100000, "save_every": 1}))
    command = [sys.executable, "-m", "training", "train", str(folder / "recipe.yaml")]
    process = subprocess.Popen(command, cwd=os.path.dirname(os.path.dirname(__file__)), stderr=subprocess.DEVNULL)
    checkpoint = folder / "runs/tiny/checkpoint.pt"
    for _ in range(600):
        if checkpoint.exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    trainer = Trainer(recipe.read(folder / "recipe.yaml"), log=quiet)
    trainer.resume()
    assert trainer.step > 0


def test_a_gan_trains_and_keeps_its_discriminator(folder):
    text = {**recipe.read(folder / "recipe.yaml"), "adversary": {**recipe.ADVERSARY, "begin": 4, "channels": 4, "weight": 0.1}}
    trainer = GanTrainer(text, log=quiet)
    trainer.run()
    assert "critic" in trainer.history[-1] and "critic" not in trainer.history[0]
    again = GanTrainer(text, log=quiet)
    again.resume()
    assert all(torch.equal(a, b) for a, b in zip(trainer.discriminator.state_dict().values(), again.discriminator.state_dict().values()))


def test_an_exported_file_holds_the_averaged_weights_the_architecture_and_the_card(folder):
    text = recipe.read(folder / "recipe.yaml")
    trainer = Trainer(text, log=quiet)
    trainer.run()
    export.export(text, folder / "tiny.safetensors")
    tensors, metadata = safetensors.read(folder / "tiny.safetensors")
    assert json.loads(metadata["aquatint.architecture"]) == expanded(TINY)
    assert json.loads(metadata["aquatint.card"])["trained"]["steps"] == 12
    assert all(torch.equal(tensors[name], value) for name, value in trainer.averaged.items())
    (entry,) = ship.ship(folder)
    assert entry["name"] == "tiny" and entry["summary"] == "A test" and len(entry["sha256"]) == 64


def test_a_wrong_recipe_is_refused_in_words(folder):
    path = folder / "recipe.yaml"
    text = yaml.safe_load(path.read_text())
    for change, words in [({"epochs": 3}, "there is no epochs"), ({"data": {"fodler": "x"}}, "data: there is no fodler"), ({"channels": "lab"}, "channels is rgb or luma")]:
        path.write_text(yaml.safe_dump({**text, **change}))
        with pytest.raises(recipe.RecipeError, match=words):
            recipe.read(path)


def test_a_wrong_architecture_names_the_module():
    for module, words in [({"name": "a", "type": "Conv9d"}, "a: there is no module Conv9d"), ({"name": "a", "type": "Add"}, "a: Add takes two inputs"),
                          ({"name": "a", "type": "ReLU", "slope": 1}, "a: ReLU has no slope"), ({"name": "a", "type": "ReLU", "inputs": ["b"]}, "not before it")]:
        with pytest.raises(ArchitectureError, match=words):
            ComposedNetwork({"in_channels": 3, "modules": [module]})


def test_repeat_stands_for_numbered_modules():
    modules = [{"name": "block", "type": "ResidualBlock", "channels": 3, "repeat": 2}]
    assert list(ComposedNetwork({"in_channels": 3, "modules": modules}).state_dict())[:1] == ["block0.conv1.weight"]
    assert [m["name"] for m in expanded({"in_channels": 3, "modules": modules})["modules"]] == ["block0", "block1"]


def test_windows_attend_within_themselves():
    torch.manual_seed(0)
    windowed, whole = AttentionModule(3, 4, window=4, scale=0.5), AttentionModule(3, 4, scale=0.5)
    whole.load_state_dict(windowed.state_dict())
    x = torch.rand(2, 3, 10, 7)
    y = windowed(x)
    for top, bottom, left, right in [(0, 4, 0, 4), (8, 10, 4, 7), (4, 8, 4, 7)]:
        assert torch.allclose(y[..., top:bottom, left:right], whole(x[..., top:bottom, left:right]), atol=1e-6)


def test_degradations_do_what_they_say():
    random = np.random.default_rng(0)
    grey = torch.full((2, 3, 64, 64), 0.5)
    assert degradations.apply(grey, [{"type": "noise", "sigma": 25}], random).sub(grey).std().item() * 255 == pytest.approx(25, rel=0.05)
    assert torch.allclose(degradations.apply(grey, [{"type": "blur", "sigma": [0.5, 2]}], random), grey, atol=1e-5)
    assert degradations.apply(grey, [{"type": "bicubic", "factor": 2}], random).shape == (2, 3, 32, 32)
    assert degradations.apply(grey, [{"type": "jpeg", "quality": 50}], random).sub(grey).abs().max() < 0.02
    assert torch.equal(degradations.apply(grey, [{"type": "noise", "sigma": 9, "probability": 0}], random), grey)
    assert degradations.scale([{"type": "blur", "sigma": 1}, {"type": "bicubic", "factor": 2}]) == 2
    with pytest.raises(ValueError, match="there is no degradation rain"):
        degradations.apply(grey, [{"type": "rain"}], random)


def halved(rows):
    """Every second row as MATLAB's imresize has it (8 taps of its bicubic kernel, edges mirrored), rounded to 8 bits."""
    at = np.array([0.25, 0.75, 1.25, 1.75])
    kernel = np.where(at <= 1, 1.5 * at ** 3 - 2.5 * at ** 2 + 1, -0.5 * at ** 3 + 2.5 * at ** 2 - 4 * at + 2)
    weights = np.concatenate([kernel[::-1], kernel]) / (2 * kernel.sum())
    padded = np.pad(rows.astype(float), ((3, 3), *[(0, 0)] * (rows.ndim - 1)), mode="symmetric")
    return np.clip(np.floor(sum(w * padded[k:k + len(rows):2] for k, w in enumerate(weights)) + 0.5), 0, 255)


def test_rounded_reductions_are_matlabs_of_8_bit_pictures():
    picture = np.random.default_rng(0).integers(0, 256, (64, 80, 3))
    expected = halved(halved(picture).swapaxes(0, 1)).swapaxes(0, 1)
    batch = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    both = [degradations.apply(batch, steps, None)[0].permute(1, 2, 0).mul(255).numpy()[4:-4, 4:-4] for steps in (
        [{"type": "bicubic", "factor": 2, "rounded": True}], [{"type": "bicubic", "factor": 2}, {"type": "round"}])]
    wrong = [(np.abs(found - expected[4:-4, 4:-4]) > 0.5).mean() for found in both]
    assert wrong[0] == 0 and wrong[1] > 0.1


SET5 = pathlib.Path(__file__).parents[3] / "shared/data/images/Set5"


@pytest.mark.skipif(not SET5.is_dir(), reason="needs the pictures of Set5")
def test_rounded_reductions_are_those_of_set5():
    for number in range(1, 6):
        original, seen = (as_batch(load(SET5 / f"img_{number:03}_SRF_2_{kind}.png")) for kind in ("HR", "LR"))
        made = degradations.apply(original, [{"type": "bicubic", "factor": 2, "rounded": True}], None)
        wrong = ((made - seen).abs() * 255 > 0.5)[..., 6:-6, 6:-6]          # MATLAB mirrors edges
        assert wrong.float().mean() < 0.0001


def test_psnr_and_luma_are_those_of_the_literature():
    a, b = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 1 / 255)
    assert metrics.psnr(a, b) == pytest.approx(48.13, abs=0.01)
    white = torch.ones(1, 3, 1, 1)
    assert colour.luma(white).item() == pytest.approx(1) and colour.measured_luma(white).item() * 255 == pytest.approx(235)
    rgb = torch.rand(1, 3, 5, 5)
    assert torch.allclose(colour.to_rgb(colour.to_ycc(rgb)), rgb, atol=1e-5)


def test_losses_are_nought_for_equal_pictures_only():
    a, b = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    for name, loss in losses.LOSSES.items():
        assert loss(a, a).item() <= 0.0011 and loss(a, b).item() > 0.01, name


def test_the_one_cycle_rises_and_falls():
    rates = [rate_at(step, {"steps": 100, "rate": 1.0, "schedule": "one_cycle"}) for step in range(100)]
    assert rates[0] < 0.1 and max(rates) == pytest.approx(1) and rates.index(max(rates)) == 10 and rates[-1] < 0.01


def test_a_luma_network_keeps_colours():
    class Same(torch.nn.Module):
        def whole(self, x):
            return x
    rgb = torch.rand(1, 3, 6, 6)
    assert torch.allclose(applied(Same(), rgb, "luma", 1), rgb, atol=1e-5)


def test_the_recipes_in_the_documentation_and_of_shipped_weights_are_good(tmp_path):
    root = pathlib.Path(__file__).parent.parent
    texts = (root.parent / "docs/training.md").read_text().split("```yaml\n")[1:]
    paths = sorted((root / "recipes").glob("*.yaml"))
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(text.split("\n```")[0])
    assert len(texts) >= 1 and len(paths) >= 4
    for path in paths:
        ComposedNetwork(recipe.read(path)["network"])


def test_a_recipe_says_what_is_other_than_in_its_base(folder):
    (folder / "other.yaml").write_text("base: recipe.yaml\nname: other\nsteps: 3\n")
    first, other = recipe.read(folder / "recipe.yaml"), recipe.read(folder / "other.yaml")
    assert other == {**first, "name": "other", "steps": 3, "output": folder / "runs/other"}
    for text, said in (("base: none.yaml", "No such file"), ("base: ../recipe.yaml", "in the same folder"), ("base: [recipe.yaml]", "in the same folder"),
                       ("base: other.yaml", "goes back to itself"), ("base: pictures", "Is a directory")):
        (folder / "other.yaml").write_text(text)
        with pytest.raises(recipe.RecipeError, match=said):
            recipe.read(folder / "other.yaml")
    (folder / "third.yaml").write_text("base: other.yaml")
    (folder / "other.yaml").write_text("base: third.yaml")
    with pytest.raises(recipe.RecipeError, match="goes back to itself"):
        recipe.read(folder / "third.yaml")


def test_the_commands_measure_and_draw_what_was_exported(folder):
    Trainer(recipe.read(folder / "recipe.yaml"), log=quiet).run()
    package = pathlib.Path(__file__).parent.parent

    def run(*arguments):
        return subprocess.run([sys.executable, "-m", "training", *map(str, arguments)], cwd=package, capture_output=True, text=True)

    assert run("export", folder / "recipe.yaml", folder / "tiny.safetensors").returncode == 0
    for path in folder.glob("pictures/*"):                     # what cannot be read is no picture to measure
        if path.name not in ("a.png", "b.png"):
            path.unlink()
    degradation = ("--degradation", "[{type: bicubic, factor: 2}]")
    measured = run("evaluate", folder / "tiny.safetensors", folder / "pictures", *degradation)
    assert measured.returncode == 0 and measured.stdout.splitlines()[-1].startswith("mean"), measured.stderr
    drawn = run("sheet", folder / "tiny.safetensors", folder / "pictures", *degradation, "--out", folder / "sheet.png", "--side", 40)
    assert drawn.returncode == 0, drawn.stderr
    assert Image.open(folder / "sheet.png").size == (3 * 80, 2 * 84)
    assert run("evaluate", folder / "tiny.safetensors", folder / "pictures").returncode == 2
    assert "no checkpoint yet" in run("export", write_other(folder), folder / "x.safetensors").stderr


def write_other(folder):
    """A recipe that was never run."""
    text = yaml.safe_load((folder / "recipe.yaml").read_text())
    (folder / "other.yaml").write_text(yaml.safe_dump({**text, "name": "other"}))
    return folder / "other.yaml"


def test_a_network_that_halves_its_picture_takes_one_of_any_size():
    network = ComposedNetwork({"version": 1, "in_channels": 3, "modules": [
        {"name": "head", "type": "Conv2d", "in_channels": 3, "out_channels": 12, "kernel_size": 4, "stride": 2, "padding": 1},
        {"name": "tail", "type": "PixelShuffle", "upscale_factor": 2},
        {"name": "result", "type": "Add", "inputs": ["tail", "input"]}]}).eval()
    x = torch.rand(1, 3, 21, 33)
    with torch.no_grad():
        result = network.whole(x)
        assert network.multiple == 2 and result.shape == x.shape
        assert torch.equal(result[..., :18, :30], network(x[..., :20, :32])[..., :18, :30])
