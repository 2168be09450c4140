"""How a latent z (512) names a person: once it is of unit mean square, its first numbers are the
coordinates, each the draw of one factor; the rest names nothing.
"""

import torch

from training.people import world

LATENT_DIM = 512
EPSILON = 1e-8  # as in the mapping network's pixel norm
LEFT_EYE, RIGHT_EYE, OUTER_LIPS = slice(36, 42), slice(42, 48), slice(48, 60)  # iBUG order


def coordinates(z: torch.Tensor) -> torch.Tensor:
    """Coordinates [B, K] of latents z [B, 512], nearly standard normal."""
    return (z * torch.rsqrt(z.square().mean(1, keepdim=True) + EPSILON))[:, : world.K]


def latent(n: torch.Tensor) -> torch.Tensor:
    """A latent [B, 512] of unit mean square that has coordinates n [B, K]."""
    rest = LATENT_DIM - n.square().sum(1, keepdim=True)
    free = LATENT_DIM - world.K
    # far beyond all that is ever drawn nothing is left for the rest: pixel norm then shrinks n
    filling = (rest.clamp(min=0) / free).sqrt()
    return torch.cat([n, filling.expand(-1, free)], 1)


def mirror(z: torch.Tensor) -> torch.Tensor:
    """The latents [B, 512] of the mirrored pictures."""
    return torch.cat([world.mirror(z[:, : world.K]), z[:, world.K :]], 1)


def centers(landmarks: torch.Tensor) -> torch.Tensor:
    """Centres of left eye, right eye and mouth [B, 3, 2] of landmarks [B, 68, 2]."""
    groups = (LEFT_EYE, RIGHT_EYE, OUTER_LIPS)
    return torch.stack([landmarks[:, group].mean(1) for group in groups], 1)
