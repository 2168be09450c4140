"""The small convolutional network that judges pictures of synthetic heads."""

import torch
import torch.nn.functional as F
from torch import nn

INPUT_GAIN = 2.0  # pictures in −1…1 have a deviation of about a half
WIDTHS = {64: 16, 32: 48, 16: 64, 8: 96, 4: 128}  # channels by the side of the features [px]
LARGEST_RESIDUAL = 16  # [px] side of the features; larger ones would cost as much as all others
HIDDEN = 256


class Residual(nn.Module):
    """Two 3×3 convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, width, H, W] → the same."""
        residual: torch.Tensor = self.second(F.silu(self.first(F.silu(x))))
        return x + residual


class PictureNetwork(nn.Module):
    """A small convolutional network: a picture → a vector that still knows where things are.

    Args:
        outputs: length of the vector.
        size: side of the pictures it looks at [px], 64 or 128.
    """

    def __init__(self, outputs: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.stages, before = nn.ModuleList(), 3
        for side, width in WIDTHS.items():
            if side < size:
                halve = nn.Conv2d(before, width, 4, 2, padding=1)
                after = Residual(width) if side <= LARGEST_RESIDUAL else nn.SiLU()
                self.stages.append(nn.Sequential(halve, after))
                before = width
        self.hidden = nn.Linear(before * min(WIDTHS) ** 2, HIDDEN)
        self.head = nn.Linear(HIDDEN, outputs)
        self._initialize()

    def _initialize(self) -> None:
        """Keep the signal's size from layer to layer: there is no normalisation that would."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, Residual):  # each starts as an identity
                nn.init.zeros_(module.second.weight)
        nn.init.normal_(self.head.weight, std=0.3 * HIDDEN**-0.5)

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """What each stage makes of pictures [B, 3, R, R] in −1…1: [B, width, side, side]."""
        x = resize(images, self.size).contiguous(memory_format=torch.channels_last) * INPUT_GAIN
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
