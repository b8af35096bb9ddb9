"""The GAN trainer: a generator that also has to look real to a discriminator.

The discriminator is trained beside it, on patches of the same pictures; nothing is downloaded. `relativistic` is the average
relativistic loss of Jolicoeur-Martineau (2018) as ESRGAN uses it; `hinge` is that of Lim and Ye (2017).
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import spectral_norm

from .trainer import Trainer, rate_at


class Discriminator(nn.Module):
    """How real each part of a picture looks: a map of [N, 1, H / 8, W / 8]. Convolutions of 4 x 4 with stride 2, spectrally normalised."""

    def __init__(self, in_channels, channels):
        super().__init__()
        layers, width = [nn.Conv2d(in_channels, channels, 3, padding=1), nn.LeakyReLU(0.2)], channels
        for _ in range(3):
            layers += [spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, 1)), nn.LeakyReLU(0.2)]
            width *= 2
        layers += [spectral_norm(nn.Conv2d(width, width, 3, padding=1)), nn.LeakyReLU(0.2), nn.Conv2d(width, 1, 3, padding=1)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


def generator_loss(kind, real, fake):
    if kind == "hinge":
        return -fake.mean()
    return (F.softplus(-(fake - real.mean())).mean() + F.softplus(real - fake.mean()).mean()) / 2


def discriminator_loss(kind, real, fake):
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    return (F.softplus(-(real - fake.mean())).mean() + F.softplus(fake - real.mean()).mean()) / 2


class GanTrainer(Trainer):
    """The plain trainer's run, with an adversary from step `adversary.begin` on; its checkpoints hold both."""

    def __init__(self, recipe, **others):
        super().__init__(recipe, **others)
        self.adversary = recipe["adversary"]
        if self.adversary["loss"] not in ("relativistic", "hinge"):
            raise SystemExit(f"adversary.loss is relativistic or hinge, not {self.adversary['loss']}")
        channels = 1 if recipe["channels"] == "luma" else 3
        self.discriminator = Discriminator(channels, self.adversary["channels"]).to(memory_format=torch.channels_last)
        self.critic = torch.optim.Adam(self.discriminator.parameters(), lr=self.adversary["rate"], betas=(0.5, 0.99))

    def update(self, seen, originals):
        if self.step < self.adversary["begin"]:
            return super().update(seen, originals)
        kind = self.adversary["loss"]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            result = self.network(seen)
        result = result.float()

        self.critic.zero_grad(set_to_none=True)
        for group in self.critic.param_groups:
            group["lr"] = self.adversary["rate"] * rate_at(self.step, self.recipe) / self.recipe["rate"]
        critic_loss = discriminator_loss(kind, *self._judged(originals, result.detach()))
        critic_loss.backward()
        self.critic.step()

        self.optimizer.zero_grad(set_to_none=True)
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(False)
        near = self.loss(result, originals)
        real, fake = self._judged(originals, result)
        looks = generator_loss(kind, real.detach(), fake)
        (near + self.adversary["weight"] * looks).backward()
        self.clip()
        self.optimizer.step()
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(True)
        return {"loss": near.item(), "looks": looks.item(), "critic": critic_loss.item()}

    def _judged(self, originals, result):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            real, fake = self.discriminator(originals), self.discriminator(result)
        return real.float(), fake.float()

    def state(self):
        return {**super().state(), "discriminator": self.discriminator.state_dict(), "critic": self.critic.state_dict()}

    def restore(self, state):
        super().restore(state)
        self.discriminator.load_state_dict(state["discriminator"])
        self.critic.load_state_dict(state["critic"])
