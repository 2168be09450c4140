"""The small convolutional network that judges pictures of synthetic heads."""

import torch
import torch.nn.functional as F
from torch import nn

INPUT_SIZE = 64  # [px]
WIDTHS = (32, 64, 96, 128)  # channels at 32, 16, 8 and 4 px
HIDDEN = 256


class Residual(nn.Module):
    """Two 3×3 convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)  # every residual starts as an identity

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, width, H, W] → the same."""
        residual: torch.Tensor = self.second(F.silu(self.first(F.silu(x))))
        return x + residual


class PictureNetwork(nn.Module):
    """A small convolutional network: a picture → a vector that still knows where things are.

    Args:
        outputs: length of the vector.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        before, stages = 3, []
        for width in WIDTHS:
            halve = nn.Conv2d(before, width, 4, 2, padding=1)
            stages.append(nn.Sequential(halve, Residual(width)))
            before = width
        self.stages = nn.ModuleList(stages)
        side = INPUT_SIZE >> len(WIDTHS)
        self.hidden = nn.Linear(before * side * side, HIDDEN)
        self.head = nn.Linear(HIDDEN, outputs)

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """What each stage makes of pictures [B, 3, R, R] in −1…1: [B, width, 32, 32] and on."""
        x = resize(images, INPUT_SIZE).contiguous(memory_format=torch.channels_last)
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Pictures [B, 3, R, R] in −1…1, of any R → [B, outputs]."""
        x = F.silu(self.features(images)[-1]).flatten(1)
        out: torch.Tensor = self.head(F.silu(self.hidden(x)))
        return out


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """Pictures [B, C, R, R] → [B, C, size, size]: averaged down, or interpolated up."""
    if images.shape[-1] == size:
        return images
    if images.shape[-1] > size:
        return F.adaptive_avg_pool2d(images, size)
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False)
