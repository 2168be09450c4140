"""How a latent z names a head: a fixed basis reads 43 coordinates, each the draw of one factor."""

import functools
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from training.heads.factors import IDENTITY_FACTORS, POSE_FACTORS, from_uniform

LATENT_DIM = 512
BASIS_FILE = Path(__file__).with_name("basis.safetensors")
EPSILON = 1e-8
TRAINING_SEEDS = 2**32  # of data sets start here: every seed of the pipeline stays held out

# Held fixed to keep the world small enough for a small generator.
FIXED_IDENTITY = {"glasses": -1.0, "beard": -1.0, "light_side": 0.0, "hair_parting": 0.0}
FIXED_POSE = {"roll": 0.0}
ANGLE_LIMITS = {"yaw": 35.0, "pitch": 18.0}  # [deg] either way


def latents(seed: int, count: int) -> torch.Tensor:
    """The first count latents of a seed, [count, 512] standard normal, the same everywhere."""
    random = np.random.Generator(np.random.Philox(key=seed))
    return torch.from_numpy(random.standard_normal((count, LATENT_DIM), dtype=np.float32))


@functools.cache
def basis(device: torch.device) -> torch.Tensor:
    """The orthonormal basis [512, 43], identity before pose; it never changes."""
    return load_file(BASIS_FILE)["basis"].to(device)


def coordinates(z: torch.Tensor) -> torch.Tensor:
    """Coordinates [B, 43] of z [B, 512], nearly standard normal."""
    return _pixel_norm(z) @ basis(z.device)


def factors(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Identity [B, 34] and pose [B, 9] of the heads that z [B, 512] names."""
    uniform = 0.5 * (1 + torch.erf(coordinates(z) / math.sqrt(2)))
    identity, pose = from_uniform(uniform)
    for name, value in FIXED_IDENTITY.items():
        identity[:, IDENTITY_FACTORS.index[name]] = value
    for name, value in FIXED_POSE.items():
        pose[:, POSE_FACTORS.index[name]] = value
    for name, limit in ANGLE_LIMITS.items():
        position = POSE_FACTORS.index[name]
        pose[:, position] *= limit / POSE_FACTORS.factors[position].high
    return identity, pose


def swap_pose(z_source: torch.Tensor, z_target: torch.Tensor) -> torch.Tensor:
    """The latent of the exact answer to a reenactment.

    Args:
        z_source: [B, 512], gives the identity coordinates (and all that names nothing).
        z_target: [B, 512], gives the pose coordinates.

    Returns:
        [B, 512] of unit mean square, so that pixel norm leaves its coordinates alone.
    """
    axes = basis(z_source.device)
    source = _pixel_norm(z_source)
    source_part = source @ axes
    identity_part, _ = source_part.split([len(IDENTITY_FACTORS), len(POSE_FACTORS)], dim=1)
    pose_part = coordinates(z_target)[:, len(IDENTITY_FACTORS) :]
    mixed = torch.cat([identity_part, pose_part], 1)
    nameless = source - source_part @ axes.t()
    wanted = LATENT_DIM - mixed.square().sum(1, keepdim=True)
    nameless = nameless * (wanted / nameless.square().sum(1, keepdim=True)).sqrt()
    return mixed @ axes.t() + nameless


def _pixel_norm(z: torch.Tensor) -> torch.Tensor:
    return z * torch.rsqrt(z.square().mean(1, keepdim=True) + EPSILON)
