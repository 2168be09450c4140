"""How a latent z names a head: a fixed basis reads 46 coordinates, each the draw of one factor.

The basis has one orthonormal column a factor, identity before pose, and never changes but by
growing. Its first 34 and last 9 columns are the earliest; the three between (hair_curl, fringe,
hair_bun) are `Philox(key=0x48454144)` normals [512, 3], made orthonormal to them and each other by
Gram-Schmidt in float64. The earliest 43 are unchanged bit by bit, so what they name in a latent is
what they always named.
"""

import functools
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from training.heads.factors import IDENTITY_FACTORS, POSE_FACTORS, from_uniform

LATENT_DIM = 512
BASIS_FILE = Path(__file__).with_name("basis.safetensors")
EPSILON = 1e-8
TRAINING_SEEDS = 2**32  # of data sets start here: every seed of the pipeline stays held out
# A mirrored picture is the picture of the head with these negated; each range is symmetric.
SIGNED_FACTORS = ("hair_parting", "light_side", "yaw", "roll", "gaze_x")


@dataclass(frozen=True)
class World:
    """Which heads there are: everything that `factors.py` spans, but for what is said here.

    Args:
        name: of the world.
        fixed: values of the factors that do not vary.
        angle_limits: largest angles either way [deg], where they are less than the factor's own.
    """

    name: str
    fixed: dict[str, float] = field(default_factory=dict)
    angle_limits: dict[str, float] = field(default_factory=dict)


# Aligned pictures have no roll, so no world has.
SMALL = World("small", {"glasses": -1.0, "beard": -1.0, "roll": 0.0}, {"yaw": 35.0, "pitch": 18.0})
WHOLE = World("whole", {"roll": 0.0})
WORLDS = {world.name: world for world in (SMALL, WHOLE)}


def latents(seed: int, count: int) -> torch.Tensor:
    """The first count latents of a seed, [count, 512] standard normal, the same everywhere."""
    random = np.random.Generator(np.random.Philox(key=seed))
    return torch.from_numpy(random.standard_normal((count, LATENT_DIM), dtype=np.float32))


@functools.cache
def basis(device: torch.device) -> torch.Tensor:
    """The orthonormal basis [512, 46], identity before pose."""
    return load_file(BASIS_FILE)["basis"].to(device)


def coordinates(z: torch.Tensor) -> torch.Tensor:
    """Coordinates [B, 46] of z [B, 512], nearly standard normal."""
    return _pixel_norm(z) @ basis(z.device)


def factors(z: torch.Tensor, world: World = SMALL) -> tuple[torch.Tensor, torch.Tensor]:
    """Identity [B, 37] and pose [B, 9] of the heads that z [B, 512] names in a world."""
    uniform = 0.5 * (1 + torch.erf(coordinates(z) / math.sqrt(2)))
    identity, pose = from_uniform(uniform)
    for table, values in ((IDENTITY_FACTORS, identity), (POSE_FACTORS, pose)):
        for name, position in table.index.items():
            if name in world.fixed:
                values[:, position] = world.fixed[name]
            if name in world.angle_limits:
                values[:, position] *= world.angle_limits[name] / table.factors[position].high
    return identity, pose


def mirror(z: torch.Tensor) -> torch.Tensor:
    """The latent [B, 512] of the mirrored picture: z with the signed coordinates negated."""
    names = [*IDENTITY_FACTORS.index, *POSE_FACTORS.index]
    axes = basis(z.device)[:, [names.index(name) for name in SIGNED_FACTORS]]
    return z - 2 * (z @ axes) @ axes.t()


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
