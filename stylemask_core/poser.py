"""The poser: a pose in numbers → the code of a mean identity that holds it."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from stylemask_core.config import ModelConfig
from stylemask_core.pose import ACTIONS, ANGLES

ANGLE_UNIT = 30.0  # [deg] about what actions are beside: 1
HIDDEN = (384, 384)


class Poser(nn.Module):
    """A perceptron from poses to w.

    Args:
        config: gives the size of w.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        widths = (len(ANGLES) + len(ACTIONS), *HIDDEN, config.latent_dim)
        self.layers = nn.ModuleList(
            nn.Linear(before, after) for before, after in itertools.pairwise(widths)
        )

    def forward(self, poses: torch.Tensor) -> torch.Tensor:
        """Poses [B, 55] as `Pose.vector` gives them → w [B, latent_dim]."""
        angles, actions = poses[:, : len(ANGLES)], poses[:, len(ANGLES) :]
        x = torch.cat([angles / ANGLE_UNIT, actions], 1)
        for layer in self.layers[:-1]:
            x = F.silu(layer(x))
        w: torch.Tensor = self.layers[-1](x)
        return w
