"""What single operators and layers are measured on; equal for both sides."""

from typing import TypeVar

import torch
from torch import nn

from benchmarks import inputs

ACTIVATION, UPSAMPLING = "fused_bias_act", "upfirdn2d"
CONV, COMPILED_CONV = "styled_conv", "compiled_styled_conv"

Module = TypeVar("Module", bound=nn.Module)


class Inputs:
    """Tensors on a device, the same with every call."""

    def __init__(self, device: str) -> None:
        self.device = device

    def _normal(self, seed: int, *shape: int) -> torch.Tensor:
        return torch.from_numpy(inputs.features(seed, shape)).to(self.device)

    def features(self, width: int, side: int) -> torch.Tensor:
        """[1, width, side, side]."""
        return self._normal(0, 1, width, side, side)

    def activation(self, width: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Features [1, width, side, side] and a bias [width]."""
        return self.features(width, side), self._normal(1, width)

    def conv(self, before: int, side: int, up: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and a style [1, before] of a layer whose output has this side."""
        return self.features(before, side // 2 if up else side), 1 + self._normal(2, 1, before) / 4

    def fill(self, conv: Module) -> Module:
        """Give a styled convolution of either side its weights; both name them alike."""
        with torch.no_grad():
            for seed, (name, tensor) in enumerate(sorted(conv.state_dict().items()), start=3):
                if not name.startswith("affine"):
                    tensor.copy_(torch.from_numpy(inputs.features(seed, tuple(tensor.shape))))
        return conv.to(self.device).requires_grad_(False)
