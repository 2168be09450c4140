"""e4e as the authors evaluate it: batch normalisation as it is, one head after the other.

A model folder holds the encoder with its batch normalisations folded; here they are layers again,
with statistics that leave mean and deviation as they are, so that they cost what they cost.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))  # width and number of units
DIM = 512
LEVELS = ("coarse", "middle", "fine")
NORM_EPSILON = 1e-5  # torch's, and the authors'


def unfolded(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors of a model folder's encoder, under the names of `Encoder` here."""
    norms = {"conv": "norm", "conv2": "norm_out", "shortcut": "shortcut_norm"}
    named: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        owner, _, kind = name.rpartition(".")
        layer = owner.rpartition(".")[2]
        if name.startswith("levels."):
            continue
        if name.startswith("backbone.") and kind == "bias":
            norm = owner.removesuffix(layer) + norms[layer]
            named |= _norm(norm, torch.ones_like(tensor), tensor)
        elif kind == "scale":
            named |= _norm(f"{owner}.norm_in", tensor, tensors[f"{owner}.shift"])
        elif kind != "shift":
            named[name.replace(".shortcut.", ".shortcut_conv.")] = tensor
    levels = [name for name in LEVELS if f"levels.{name}.first.weight" in tensors]
    heads = [head for name in levels for head in _heads(f"levels.{name}.", tensors)]
    for index, head in enumerate(heads):
        named |= {f"heads.{index}.{name}": tensor for name, tensor in head.items()}
    return named


def _heads(level: str, tensors: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """The heads of a level, each with its part of the first convolution that they share."""
    firsts = [tensors[f"{level}first.{kind}"].split(DIM) for kind in ("weight", "bias")]
    heads = []
    for index, (weight, bias) in enumerate(zip(*firsts, strict=True)):
        head, prefix = {"convs.0.weight": weight, "convs.0.bias": bias}, f"{level}heads.{index}."
        for name in tensors:
            if name.startswith(prefix):
                layer, *rest = name.removeprefix(prefix).split(".")
                if layer == "convs":
                    rest[0] = str(int(rest[0]) + 1)
                head[".".join([layer, *rest])] = tensors[name]
        heads.append(head)
    return heads


def _norm(name: str, weight: torch.Tensor, bias: torch.Tensor) -> dict[str, torch.Tensor]:
    weight, bias = weight.flatten(), bias.flatten()
    mean, variance = torch.zeros_like(bias), torch.full_like(bias, 1 - NORM_EPSILON)
    values = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": variance}
    return {f"{name}.{part}": value for part, value in values.items()}


class Stem(nn.Module):
    """RGB → 64 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] → [B, 64, H, W]."""
        return self.prelu(self.norm(self.conv(x)))


class Unit(nn.Module):
    """Residual unit with squeeze and excitation."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.norm_in = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.prelu = nn.PReLU(after)
        self.conv2 = nn.Conv2d(after, after, 3, stride, padding=1, bias=False)
        self.norm_out = nn.BatchNorm2d(after)
        self.squeeze = nn.Conv2d(after, after // 16, 1, bias=False)
        self.excite = nn.Conv2d(after // 16, after, 1, bias=False)
        self.projects, self.stride = before != after, stride
        if self.projects:
            self.shortcut_conv = nn.Conv2d(before, after, 1, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, before, H, W] → [B, after, H / stride, W / stride]."""
        y = self.norm_out(self.conv2(self.prelu(self.conv1(self.norm_in(x)))))
        share = F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))
        y = y * torch.sigmoid(self.excite(share))
        if self.projects:
            return y + self.shortcut_norm(self.shortcut_conv(x))
        return y + F.max_pool2d(x, 1, self.stride)


class Backbone(nn.Module):
    """IR-SE50 without its recognition head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        widths = [width for width, count in STAGES for _ in range(count)]
        before = [STAGES[0][0], *widths]
        self.ends = [sum(count for _, count in STAGES[: k + 1]) - 1 for k in range(len(STAGES))]
        starts = [0, *(end + 1 for end in self.ends[:-1])]
        self.units = nn.ModuleList(
            Unit(before[k], width, 2 if k in starts else 1) for k, width in enumerate(widths)
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """[B, 3, 256, 256] → features after each stage."""
        x, features = self.stem(x), []
        for index, unit in enumerate(self.units):
            x = unit(x)
            if index in self.ends:
                features.append(x)
        return features


class EqualLinear(nn.Module):
    """Fully connected layer whose weight is scaled at run time."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(DIM, DIM))
        self.bias = nn.Parameter(torch.zeros(DIM))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 512] → [B, 512]."""
        return F.linear(x, self.weight / math.sqrt(DIM), self.bias)


class Head(nn.Module):
    """Features of one level → one latent."""

    def __init__(self, halvings: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(DIM, DIM, 3, 2, 1) for _ in range(halvings))
        self.linear = EqualLinear()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 512, S, S] → [B, 512]."""
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.01)
        return self.linear(x.reshape(-1, DIM))


class Encoder(nn.Module):
    """Picture → W+.

    Args:
        latents: number of w in a code.
    """

    def __init__(self, latents: int) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.lateral_middle = nn.Conv2d(256, DIM, 1)
        self.lateral_fine = nn.Conv2d(128, DIM, 1)
        self.levels = [0 if k < 3 else 1 if k < 7 else 2 for k in range(latents)]
        self.heads = nn.ModuleList(Head(4 + level) for level in self.levels)
        self.register_buffer("latent_avg", torch.zeros(latents, DIM))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, 256, 256] in −1…1 → [B, latents, 512]."""
        _, fine, middle, coarse = self.backbone(x)
        p2 = _enlarged(coarse, middle) + self.lateral_middle(middle)
        p1 = _enlarged(p2, fine) + self.lateral_fine(fine)
        levels = (coarse, p2, p1)
        w = self.heads[0](coarse)[:, None].repeat(1, len(self.levels), 1)
        for k, level in enumerate(self.levels[1:], start=1):
            w[:, k] += self.heads[k](levels[level])
        return w + self.latent_avg


def _enlarged(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)
