"""What changes the weights: `optimizer: adam` or `optimizer: muon` of a recipe."""
import torch


def made(kind, network):
    """The optimizer of a recipe's kind for a network's weights; its learning rate is set before each step."""
    return MuonAndAdam(network) if kind == "muon" else adam(network.parameters())


def adam(parameters):
    return torch.optim.Adam(parameters, betas=(0.9, 0.99))


class MuonAndAdam:
    """Muon (Jordan et al. 2024) for what is a matrix at heart, Adam for the rest.

    Muon replaces a matrix's momentum by the nearest orthogonal one, so that all directions learn at the same pace. A convolution
    counts as the matrix [outputs, inputs of a group x kernel]. What has fewer than `LEAST` outputs or inputs keeps Adam: depthwise
    convolutions, biases, norms, and layers that read or make a picture. Steps are as long as Adam's (Liu et al. 2025), so that one
    rate serves both. The network's weights are to be in `channels_last` order, and to stay where they are: Muon works on views of them.
    """
    LEAST = 16

    def __init__(self, network):
        if not hasattr(torch.optim, "Muon"):
            raise SystemExit(f"optimizer: muon takes PyTorch 2.9 or newer, and this is {torch.__version__}; take `optimizer: adam`, or a newer PyTorch")
        self.parameters = list(network.parameters())
        self.matrices = [p for p in self.parameters if p.ndim >= 2 and min(p.shape[:2]) >= self.LEAST]
        self.views = [p.detach().movedim(1, -1).view(p.shape[0], -1) for p in self.matrices]
        chosen = {id(p) for p in self.matrices}
        self.parts = {}
        if others := [p for p in self.parameters if id(p) not in chosen]:
            self.parts["adam"] = adam(others)
        if self.views:
            self.parts["muon"] = torch.optim.Muon(self.views, weight_decay=0, adjust_lr_fn="match_rms_adamw")

    @property
    def param_groups(self):
        return [group for part in self.parts.values() for group in part.param_groups]

    def zero_grad(self, set_to_none=True):
        for weight in [*self.parameters, *self.views]:
            weight.grad = None

    def step(self):
        for parameter, view in zip(self.matrices, self.views):
            view.grad = None if parameter.grad is None else parameter.grad.movedim(1, -1).reshape(view.shape)
        for part in self.parts.values():
            part.step()

    def state_dict(self):
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state):
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
