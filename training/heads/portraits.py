"""Portraits for the gallery of identities: frontal, neutral, everything incidental drawn anew."""

import math

import torch

from training.heads.factors import (
    EYES_OPEN_SHARE,
    IDENTITY_FACTORS,
    JAW_CLOSED_SHARE,
    POSE_FACTORS,
)
from training.heads.world import LATENT_DIM, basis, coordinates
from training.views import SURROUNDINGS

# Draws of which the value 0 is not at (0 - low) / (high - low): the middle of those that give it.
NEUTRAL_DRAWS = {"jaw_open": JAW_CLOSED_SHARE / 2, "eyes_closed": EYES_OPEN_SHARE / 2}


def neutral(z: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """The latents of portraits.

    Args:
        z: [B, 512], names the identities.
        random: draws shirts, backgrounds and lights; on the CPU.

    Returns:
        [B, 512], of unit mean square.
    """
    axes, read = basis(z.device), coordinates(z)
    places = [IDENTITY_FACTORS.index[name] for name in SURROUNDINGS]
    read[:, places] = torch.randn(len(z), len(places), generator=random).to(z.device)
    count = len(IDENTITY_FACTORS)
    read[:, count : count + len(POSE_FACTORS)] = _neutral_pose().to(z.device)
    rest = z - (z @ axes) @ axes.t()
    wanted = LATENT_DIM - read.square().sum(1, keepdim=True)
    return read @ axes.t() + rest * (wanted / rest.square().sum(1, keepdim=True)).sqrt()


def _neutral_pose() -> torch.Tensor:
    """Coordinates of the pose whose every factor is 0: [len(POSE_FACTORS)]."""
    draws = [
        NEUTRAL_DRAWS.get(factor.name, -factor.low / (factor.high - factor.low))
        for factor in POSE_FACTORS.factors
    ]
    return math.sqrt(2) * torch.erfinv(2 * torch.tensor(draws) - 1)
