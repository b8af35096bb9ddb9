"""The plain trainer: pictures, degraded, back to what they were."""
import concurrent.futures
import math
import sys
import time

import numpy as np
import torch

from . import checkpoint, colour, degradations, losses, metrics, optimizers, recipe as recipes, sheets
from .architecture import ComposedNetwork
from .pictures import Pictures, as_batch
from .safetensors import read

MARGIN = 8          # pixels of what the network sees that are cut off around a patch: a degradation's borders are no picture


def rate_at(step, recipe):
    """The learning rate of a step: `one_cycle` rises over the first tenth, then falls along a cosine; `cosine` only falls."""
    progress = step / recipe["steps"]
    rise = 0.1 if recipe["schedule"] == "one_cycle" else 0.0
    if recipe["schedule"] == "constant":
        return recipe["rate"]
    if progress < rise:
        return recipe["rate"] * (0.04 + 0.96 * progress / rise)
    return recipe["rate"] * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * (progress - rise) / (1 - rise))))


def has_fast_bf16():
    """Whether this processor multiplies bfloat16 in hardware (AVX-512 BF16 or AMX)."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported() and "avx512_bf16" in _cpu_flags()


def _cpu_flags():
    try:
        with open("/proc/cpuinfo") as file:
            return next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return ""


class Trainer:
    """One run of a recipe. `run()` begins where the last checkpoint in the output folder ends.

    Every step draws its pictures from a generator seeded by (seed, step), so a run that was killed and resumed sees what an
    uninterrupted one would have seen.
    """

    def __init__(self, recipe, log=lambda text: print(text, file=sys.stderr, flush=True)):
        self.recipe, self.log = recipe, log
        torch.manual_seed(recipe["seed"])
        torch.set_num_threads(recipe["threads"])
        self.output = recipe["output"]
        self.output.mkdir(parents=True, exist_ok=True)
        self.scale = degradations.scale(recipe["degradation"])
        self.bf16 = recipe["precision"] == "bf16" or (recipe["precision"] == "auto" and has_fast_bf16())
        self.network = ComposedNetwork(recipe["network"]).to(memory_format=torch.channels_last)
        if recipe["start"]:
            self._start_from(read(recipe["start"])[0])
        self.averaged = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.optimizer = optimizers.made(recipe["optimizer"], self.network)
        self.loss = losses.weighted(recipe["losses"])
        self.pictures = Pictures(recipe["data"]["folder"], recipe["data"]["longest_sides"], self.patch_size, log, recipe["data"]["targets"])
        self.step, self.seconds, self.history, self.looks = 0, 0.0, [], []
        self.changes, self.stopping = [], False
        self._hold_out()

    @property
    def patch_size(self):
        """The side of a patch of an original, with its margin."""
        return (self.recipe["patch"] + 2 * MARGIN) * self.scale

    def _start_from(self, tensors):
        """Takes over what another network of the same names and shapes has learned; says which modules begin anew."""
        own = self.network.state_dict()
        taken = {name: value for name, value in tensors.items() if name in own and value.shape == own[name].shape}
        if not taken:
            raise SystemExit(f"{self.recipe['start']}: it has no tensor of a name and shape that this network has")
        self.network.load_state_dict({**own, **taken})
        if new := sorted({name.split(".")[0] for name in own if name not in taken}):
            self.log(f"{self.recipe['start'].name} has nothing for {', '.join(new)}: they begin anew")

    def _hold_out(self):
        """Keeps some pictures for looking at: never trained on."""
        wanted, files = self.recipe["data"]["hold_out"], self.pictures.files
        if isinstance(wanted, list):
            self.held_files = [path for path in files if path.name in wanted]
            if missing := sorted(set(wanted) - {path.name for path in self.held_files}):
                raise SystemExit(f"data.hold_out names {', '.join(missing)}, which {', '.join(map(str, self.pictures.folders))} has not")
        else:
            order = np.random.default_rng(self.recipe["seed"]).permutation(len(files))
            self.held_files = [files[i] for i in sorted(order[:min(wanted, len(files) - 1)])]
        self.pictures.leave_out(self.held_files)

    # One step.

    def pair(self, pictures, originals, random):
        """(what the network sees, what it should make of it), of pictures and originals with a margin."""
        seen = degradations.apply(pictures, self.recipe["degradation"], random)
        if self.recipe["channels"] == "luma":
            seen, originals = colour.luma(seen), colour.luma(originals)
        inner, outer = slice(MARGIN, -MARGIN), slice(MARGIN * self.scale, -MARGIN * self.scale)
        return (seen[..., inner, inner].contiguous(memory_format=torch.channels_last), originals[..., outer, outer].contiguous())

    def batch(self, step):
        random = np.random.default_rng((self.recipe["seed"], step))
        return self.pair(*self.pictures.patches(self.recipe["batch"], self.patch_size, random, self.recipe["data"]["detail"]), random)

    def batches(self, last):
        """Those of the steps to come: each is drawn while the step before it is computed, by one more thread."""
        with concurrent.futures.ThreadPoolExecutor(1) as drawing:
            coming = drawing.submit(self.batch, self.step)
            for step in range(self.step, last):
                drawn = coming.result()
                if step + 1 < last:
                    coming = drawing.submit(self.batch, step + 1)
                yield drawn

    def update(self, seen, originals):
        """Changes the weights once; the losses by name."""
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            result = self.network(seen)
        loss = self.loss(result.float(), originals)
        loss.backward()
        self.clip()
        self.optimizer.step()
        return {"loss": loss.item()}

    def clip(self):
        """Keeps the gradient's norm to 1; ends the run, before the weights change, where it is no number."""
        if not math.isfinite(torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0).item()):
            raise SystemExit(f"step {self.step}: the gradient is no number any more; lower `rate` or set `precision: f32`, and resume")

    def _average(self):
        """The exponential mean of the weights: what is exported."""
        decay = min(self.recipe["average"], (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            self.averaged[name].lerp_(value, 1 - decay)

    # The run.

    def run(self, until=None, changed=False):
        """Trains to the recipe's last step, or to step `until`; where `stopping` is set, to the end of the step in hand.

        `changed`: goes on from a checkpoint of a recipe that said something else.
        """
        self.resume(changed)
        last = min(until or self.recipe["steps"], self.recipe["steps"])
        if self.held_files:
            self.log(f"held out: {', '.join(path.name for path in self.held_files)}")
        self.log(f"{self.recipe['name']}: {self.network.parameter_count} parameters, {len(self.pictures.files)} pictures "
                 f"({len(self.held_files)} held out), steps {self.step} to {last}, {'bf16' if self.bf16 else 'f32'}")
        sums, count, begun, begun_step = {}, 0, time.monotonic(), self.step
        for batch in self.batches(last):
            if self.stopping:
                return self.save()
            for group in self.optimizer.param_groups:
                group["lr"] = rate_at(self.step, self.recipe)
            started = time.monotonic()
            found = self.update(*batch)
            self.step += 1
            self._average()
            self.seconds += time.monotonic() - started
            if not all(math.isfinite(value) for value in found.values()):
                raise SystemExit(f"step {self.step}: the loss is no number any more; lower `rate` or set `precision: f32`, and resume")
            for name, value in found.items():
                sums[name] = sums.get(name, 0) + value
            count += 1
            if self.step % self.recipe["report_every"] == 0 or self.step == last:
                means = {name: value / count for name, value in sums.items()}
                self.history.append({"step": self.step, **means})
                pace = (time.monotonic() - begun) / (self.step - begun_step)
                left = int(pace * (last - self.step))
                text = "  ".join(f"{name} {value:.5f}" for name, value in means.items())
                self.log(f"{100 * self.step / last:5.1f} %  step {self.step}  {text}  rate {rate_at(self.step, self.recipe):.2e}  "
                         f"{pace:.3f} s a step  ETA {left // 3600}:{left // 60 % 60:02}:{left % 60:02}")
                sums, count = {}, 0
            looks = self.step % self.recipe["look_every"] == 0 or self.step == last
            if looks or self.step % self.recipe["save_every"] == 0:
                self.save()
            if looks:
                self.look()
                self.save()

    @torch.no_grad()
    def look(self):
        """Runs the averaged weights on the held-out pictures: their PSNR, a sheet to look at, the loss curve."""
        network = self.averaged_network()
        random = np.random.default_rng(self.recipe["seed"])
        rows, figures = [], []
        multiple = math.lcm(8, self.scale)
        for path in self.held_files:
            picture, original = (as_batch(sheets.centre(file, 480, multiple)) for file in (path, self.pictures.target(path)))
            seen = degradations.apply(picture, self.recipe["degradation"], random)
            result = applied(network, seen, self.recipe["channels"], self.scale).clamp(0, 1)
            plain = sheets.enlarged(seen, self.scale)
            rows.append([plain, result, original])
            figures.append([metrics.psnr(made, original, border=2) for made in (result, plain)])
        if rows:
            mean, before = (sum(column) / len(figures) for column in zip(*figures))
            self.looks.append({"step": self.step, "psnr": mean})
            self.log(f"step {self.step}: {mean:.2f} dB (colour; {before:.2f} before) on {len(rows)} held-out pictures")
            sheets.write(self.output / f"sample-{self.step:06}.png", rows)
        sheets.plot(self.output / "losses.png", self.history, self.looks)

    def averaged_network(self):
        network = ComposedNetwork(self.recipe["network"])
        network.load_state_dict(self.averaged)
        return network.eval()

    # State.

    def state(self):
        return {"step": self.step, "seconds": self.seconds, "history": self.history, "looks": self.looks, "averaged": self.averaged,
                "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
                "recipe": recipes.substance(self.recipe, [path.name for path in self.held_files]), "changes": self.changes}

    def restore(self, state):
        self.step, self.seconds, self.history, self.looks = (state[k] for k in ("step", "seconds", "history", "looks"))
        self.averaged = state["averaged"]
        self.network.load_state_dict(state["network"])
        if state["optimizer"] is not None:          # of another kind: this one begins anew
            self.optimizer.load_state_dict(state["optimizer"])

    def save(self):
        checkpoint.save(self.output / "checkpoint.pt", self.state())

    def resume(self, changed=False):
        if (state := checkpoint.load(self.output / "checkpoint.pt")) is None:
            return
        now = recipes.substance(self.recipe, [path.name for path in self.held_files])
        begun = state.get("recipe", {})
        others = sorted(key for key in {*now, *begun} if begun.get(key, recipes.BEFORE.get(key)) != now.get(key)) if begun else ["it does not say which recipe it is of"]
        if others and not changed:
            raise SystemExit(f"{self.output / 'checkpoint.pt'} is of another recipe ({', '.join(others)}): take that up again, remove the checkpoint to begin anew, "
                             "or give --changed to go on all the same")
        self.changes = state.get("changes", []) + ([{"step": state["step"], "keys": others}] if others else [])
        if "optimizer" in others:
            state["optimizer"] = None
        self.restore(state)
        self.log(f"resumed at step {self.step}" + (f", with changes: {', '.join(others)}" if others else ""))


def applied(network, rgb, channels, scale):
    """A network's result for a colour picture; a luma network gets Y, and chroma is enlarged beside it."""
    if channels == "rgb":
        return network.whole(rgb)
    ycc = colour.to_ycc(rgb)
    chroma = torch.nn.functional.interpolate(ycc[:, 1:], scale_factor=scale, mode="bicubic", antialias=True) if scale != 1 else ycc[:, 1:]
    return colour.to_rgb(torch.cat([network.whole(ycc[:, :1]), chroma], 1))
